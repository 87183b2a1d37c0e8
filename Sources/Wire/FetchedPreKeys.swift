import Primitives

/// What a prekey fetch or an invite gives for a first message: a bundle and perhaps a one-time
/// prekey of either kind.
///
/// A handshake takes a `Verified<FetchedPreKeys>`, which only ``verify(for:deviceID:secondsSince1970:)``
/// and `Invite.verify` make.
///
/// - SPEC: §9.6, §9.8
package struct FetchedPreKeys: Equatable, Sendable {
    /// Most bytes of the encoding.
    package static let byteCountMax =
        IssuedPreKey.byteCount + IssuedKEMPreKey.byteCount + 2 + PreKeyBundle.byteCountMax

    /// The device's bundle.
    package let bundle: PreKeyBundle
    /// Nil when none is left or the server's budget is spent.
    package let oneTime: IssuedPreKey?
    /// As above, of the KEM.
    package let oneTimeKEM: IssuedKEMPreKey?

    /// A bundle and perhaps one-time prekeys.
    package init(bundle: PreKeyBundle, oneTime: IssuedPreKey?, oneTimeKEM: IssuedKEMPreKey?) {
        self.bundle = bundle
        self.oneTime = oneTime
        self.oneTimeKEM = oneTimeKEM
    }

    /// The KEM prekey that a first message uses: the one-time one, else the last resort.
    package var kemPreKey: KEMPreKey { oneTimeKEM?.preKey ?? bundle.contents.lastResortKEM }

    /// True when every one-time prekey is of this bundle.
    package var isWhole: Bool {
        // KD-7
        (oneTime?.belongs(to: bundle) ?? true) && (oneTimeKEM?.belongs(to: bundle) ?? true)
    }

    /// Why fetched prekeys cannot be used.
    package enum Problem: Error, Equatable, Sendable {
        /// A signature does not verify.
        case signature(SignatureProblem)
        /// They belong to another account or device than was asked for.
        case mismatch
        /// A one-time prekey is not of this bundle.
        case oneTimePreKey
        /// The bundle is not of now.
        case window(ValidityWindow.Problem)
        /// A critical extension of a newer version.
        case unknownCritical(tag: UInt16)
    }

    /// Checks everything a sender has to check before it uses them.
    ///
    /// - Parameters:
    ///   - record: of the person asked for.
    ///   - deviceID: the device asked for; 0 is the record's first.
    ///   - now: seconds since 1970, UTC.
    /// - Throws: `Problem`.
    package func verify(
        for record: Verified<Record>, deviceID: UInt32, secondsSince1970 now: Int64
    ) throws(Problem) -> Verified<FetchedPreKeys> {
        for field in bundle.contents.extensions.fields
        where field.tag & TaggedFields.criticalBit != 0 {
            throw .unknownCritical(tag: field.tag)
        }
        do throws(SignatureProblem) {
            _ = try bundle.verify()
        } catch {
            throw .signature(error)
        }
        let asked =
            deviceID == 0 ? record.value.certificates.first?.identity.deviceID : deviceID
        // KD-9
        guard bundle.matches(record.value), bundle.certificate.identity.deviceID == asked else {
            throw .mismatch
        }
        guard isWhole else { throw .oneTimePreKey }
        do throws(ValidityWindow.Problem) {
            try bundle.checkWindow(secondsSince1970: now, use: .directory)
        } catch {
            throw .window(error)
        }
        return Verified(self)
    }

    /// Parses the one-time places and the bundle with its length.
    ///
    /// - Throws: `WireError`.
    package init(from reader: inout Reader) throws(WireError) {
        oneTime = try IssuedPreKey.optional(from: &reader)
        oneTimeKEM = try IssuedKEMPreKey.optional(from: &reader)
        let length = try reader.u16(
            in: UInt16(PreKeyBundle.byteCountMin)...UInt16(PreKeyBundle.byteCountMax))
        bundle = try PreKeyBundle(parsing: try reader.span(Int(length)))
    }

    /// Writes the one-time places and the bundle with its length.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        IssuedPreKey.encode(oneTime, into: &sink)
        IssuedKEMPreKey.encode(oneTimeKEM, into: &sink)
        sink.u16(UInt16(bundle.bytes.count))
        sink.array(bundle.bytes)
    }
}
