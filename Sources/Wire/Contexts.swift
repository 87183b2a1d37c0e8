package import Primitives

/// The beginnings of everything that is signed or hashed under a meaning of its own in Wire.
///
/// No context is a prefix of another, so no signed bytes can be read under two of them (A6, A7).
/// Crypto and Channel keep labels of their own; a test compares them all.
///
/// - SPEC: §2.2, WI-7
package enum Context: CaseIterable, Sendable {
    /// A device certificate, signed by the account key.
    case deviceCertificate
    /// A record, signed by the account key.
    case accountRecord
    /// A record whose account key or recovery hash changes, signed by the recovery key as well.
    case recoveredRecord
    /// A prekey bundle, signed by the device key.
    case preKeyBundle
    /// A device asks how many of its one-time prekeys are left.
    case preKeyStatus
    /// An account gives up its handle.
    case handleRelease
    /// The hash that stands for a recovery key in a record.
    case recoveryKey
    /// The hash of an invite, its link key.
    case invite
    /// Derivation of an invite's blob id.
    case linkBlobID
    /// Derivation of an invite's blob key.
    case linkBlobKey
    /// The hash that is a mailbox's id.
    case mailbox
    /// An attach to a mailbox.
    case attach
    /// The hash that is a notify key's id.
    case notify

    /// The bytes: ASCII without a terminator.
    package var label: StaticString {
        switch self {
        case .deviceCertificate: "postern/1 device certificate"
        case .accountRecord: "postern/1 account record"
        case .recoveredRecord: "postern/1 recovered record"
        case .preKeyBundle: "postern/1 prekey bundle"
        case .preKeyStatus: "postern/1 prekey status"
        case .handleRelease: "postern/1 handle release"
        case .recoveryKey: "postern/1 recovery key"
        case .invite: "postern/1 invite"
        case .linkBlobID: "postern/1 link blob id"
        case .linkBlobKey: "postern/1 link blob key"
        case .mailbox: "postern/1 mailbox"
        case .attach: "postern/1 attach"
        case .notify: "postern/1 notify"
        }
    }

    /// A message that begins with this context.
    func message(capacity: Int = 0) -> Writer {
        var writer = Writer(capacity: label.raw.byteCount + capacity)
        // WI-7
        writer.append(bytes: label.raw)
        return writer
    }

    /// SHA-256 over this context and the bytes behind it.
    package func hash(_ bytes: RawSpan) -> FixedBytes<32> {
        var hash = SHA256()
        // WI-7
        hash.update(label.raw)
        hash.update(bytes)
        return hash.finish()
    }
}

/// The type byte of a signed object.
///
/// - SPEC: §2.2
package enum ObjectType: UInt8, CaseIterable, Sendable {
    /// Stands in the signed bytes only.
    case deviceCertificate = 1
    /// First byte of a record.
    case record = 2
    /// First byte of a bundle.
    case preKeyBundle = 3
    /// Stands in the signed bytes only.
    case preKeyStatus = 5
    /// Stands in the signed bytes only.
    case handleRelease = 6
}

extension Reader {
    /// Consumes the type and format bytes at the head of a signed object.
    ///
    /// - Throws: `WireError.otherType`, `.unknownFormat`, `.truncated`.
    mutating func head(of type: ObjectType, format: UInt8) throws(WireError) {
        let found = try u8()
        // WI-7: an object of one type is refused in the slot of another before anything is read.
        guard found == type.rawValue else {
            throw .otherType(found: found, expected: type.rawValue)
        }
        let foundFormat = try u8()
        guard foundFormat == format else { throw .unknownFormat(foundFormat) }
    }
}

/// A value whose signatures have been checked. Only Wire makes one, so a function that takes one
/// cannot be handed what nobody has looked at.
package struct Verified<Value: Sendable>: Sendable {
    /// What was checked.
    package let value: Value

    init(_ value: Value) { self.value = value }
}

extension Verified: Equatable where Value: Equatable {}

/// Which signature of an object does not verify.
///
/// - SPEC: §9, KD-1, KD-3, KD-8
package enum SignatureProblem: Error, Equatable, Sendable {
    /// A device certificate, under the account key of the structure that holds it.
    case certificate(deviceID: UInt32)
    /// A record or release, under its account key.
    case account
    /// A recovery proof, under the recovery key it shows.
    case recovery
    /// A bundle or status request, under the device key.
    case device
}
