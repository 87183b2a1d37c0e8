package import Primitives

/// Why an invite could not be opened or used.
///
/// - SPEC: §9.6
package enum InviteError: Error, Equatable, Sendable {
    /// The blob has another size.
    case size(byteCount: Int)
    /// The blob does not open under the link.
    case sealed
    /// The blob opens, and is not the one the link was made for.
    case otherInvite
    /// A purpose that a newer version may know.
    case purpose(UInt8)
    /// The plaintext does not parse.
    case malformed(WireError)
    /// A signature in it does not verify.
    case signature(SignatureProblem)
    /// Bundle or one-time prekey belong to something else than the record.
    case mismatch
    /// It is not of now.
    case window(ValidityWindow.Problem)
}

/// A way to reach a person without the directory: record, bundle and one prekey of each kind in one
/// blob, whose hash is the secret of the link.
///
/// - SPEC: §9.6, KD-12, KD-13, KD-14
package struct Invite: Equatable, Sendable {
    /// Size of the plaintext in bytes.
    package static let plaintextByteCount = 8176
    /// Size of the blob in bytes.
    package static let blobByteCount = 8192
    /// How long a link holds by default, in hours.
    package static let lifetimeHoursDefault: UInt32 = 7 * 24
    /// The purpose of this version: to become a contact.
    package static let contactPurpose: UInt8 = 0

    /// Makes two invites of equal content different.
    package let random: FixedBytes<32>
    /// Who invites; the handle may be missing.
    package let record: Record
    /// The one key for the first who comes.
    package let oneTime: IssuedPreKey?
    /// As above, of the KEM.
    package let oneTimeKEM: IssuedKEMPreKey?
    /// How to write; its contact mailbox is the invite's own.
    package let bundle: PreKeyBundle

    /// An invite of verified parts that belong together; others are our own mistake.
    package init(
        random: FixedBytes<32>, record: Verified<Record>, oneTime: IssuedPreKey?,
        oneTimeKEM: IssuedKEMPreKey?, bundle: Verified<PreKeyBundle>
    ) {
        precondition(bundle.value.matches(record.value), "bundle of another device")
        self.random = random
        self.record = record.value
        self.oneTime = oneTime
        self.oneTimeKEM = oneTimeKEM
        self.bundle = bundle.value
        precondition(preKeys.isWhole, "prekey of another bundle")
    }

    /// What is stored on the server and what goes into the link.
    package struct Sealed: Sendable {
        /// The secret of the link.
        package let linkKey: LinkKey
        /// Under which id the blob is put.
        package let blobID: FixedBytes<32>
        /// 8,192 bytes.
        package let blob: [UInt8]
    }

    /// Encodes and seals.
    package func seal() -> Sealed {
        let plaintext = encoded
        let linkKey = Self.linkKey(of: plaintext)
        // The key follows from the plaintext and is used for nothing else, so one nonce is enough.
        let blob = ChaChaPoly.seal(plaintext.raw, key: linkKey.blobKey, nonce: .zero)
        return Sealed(linkKey: linkKey, blobID: linkKey.blobID, blob: blob)
    }

    /// Opens a blob and parses what is in it; signatures are ``verify(secondsSince1970:)``.
    ///
    /// - Throws: `InviteError`.
    package static func open(_ blob: RawSpan, with linkKey: LinkKey) throws(InviteError) -> Invite {
        guard blob.byteCount == blobByteCount else { throw .size(byteCount: blob.byteCount) }
        let plaintext: [UInt8]
        do throws(AEADError) {
            plaintext = try ChaChaPoly.open(blob, key: linkKey.blobKey, nonce: .zero)
        } catch {
            throw .sealed
        }
        // KD-12: a blob made by whoever knows the key, but not the one the link was made for.
        guard Self.linkKey(of: plaintext) == linkKey else { throw .otherInvite }
        // KD-13: nothing behind an unknown purpose is read.
        if let purpose = plaintext.first, purpose != contactPurpose { throw .purpose(purpose) }
        do throws(WireError) {
            return try Invite(parsing: plaintext.raw)
        } catch {
            throw .malformed(error)
        }
    }

    /// Checks all signatures, that the parts belong together, and that the invite is of now.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    /// - Throws: `InviteError`.
    package func verify(
        secondsSince1970 now: Int64
    ) throws(InviteError) -> (record: Verified<Record>, preKeys: Verified<FetchedPreKeys>) {
        // KD-14
        do throws(WireError) {
            try record.refuseUnknownCritical()
            try bundle.contents.extensions.refuseUnknownCritical()
        } catch {
            throw .malformed(error)
        }
        let verified: Verified<Record>
        do throws(SignatureProblem) {
            verified = try record.verify()
            _ = try bundle.verify()
        } catch {
            throw .signature(error)
        }
        guard bundle.matches(record), preKeys.isWhole else {
            throw .mismatch
        }
        do throws(ValidityWindow.Problem) {
            try bundle.checkWindow(secondsSince1970: now, use: .invite)
        } catch {
            throw .window(error)
        }
        return (verified, Verified(preKeys))
    }

    /// What a first message is made from.
    private var preKeys: FetchedPreKeys {
        FetchedPreKeys(bundle: bundle, oneTime: oneTime, oneTimeKEM: oneTimeKEM)
    }

    /// The plaintext: 8,176 bytes.
    package var encoded: [UInt8] {
        var writer = Writer(capacity: Self.plaintextByteCount)
        writer.u8(Self.contactPurpose)
        writer.fixed(random)
        writer.array(record.bytes)
        preKeys.encode(into: &writer)
        writer.pad(to: Self.plaintextByteCount)
        return writer.bytes
    }

    private init(parsing plaintext: RawSpan) throws(WireError) {
        var reader = Reader(plaintext)
        _ = try reader.u8(in: Self.contactPurpose...Self.contactPurpose)
        self.random = try reader.fixed()
        self.record = try Record(parsing: try reader.span(Record.byteCount))
        let preKeys = try FetchedPreKeys(from: &reader)
        self.oneTime = preKeys.oneTime
        self.oneTimeKEM = preKeys.oneTimeKEM
        self.bundle = preKeys.bundle
        try reader.zeros(reader.remainingByteCount)
    }

    private static func linkKey(of plaintext: [UInt8]) -> LinkKey {
        LinkKey(Context.invite.hash(plaintext.raw))
    }
}

extension LinkKey {
    /// Under which id the invite's blob lies on the server.
    ///
    /// - SPEC: §9.6
    package var blobID: FixedBytes<32> {
        let derived = derive(.linkBlobID)
        // The id is as secret as the blob; it is named to the server, which keeps its hash only.
        return derived.withBytes { FixedBytes<32>(copying: $0) ?? .zero }
    }

    /// Under which key the blob is sealed.
    var blobKey: SecretBytes { derive(.linkBlobKey) }

    private func derive(_ context: Context) -> SecretBytes {
        HKDFSHA256.derive(
            from: SecretBytes(copying: bytes.raw), salt: RawSpan(), info: context.label.raw,
            byteCount: 32)
    }
}
