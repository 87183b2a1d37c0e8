package import Primitives

/// What a handle leads to: an account key, its devices, and what may follow. 2,048 bytes.
///
/// Parsing checks the shape only. ``verify()`` checks every signature in it; whether it may follow
/// another record is `checkSuccession(of:)`.
///
/// - SPEC: §9.3, KD-3
package struct Record: Hashable, Sendable {
    /// The format this version writes and reads.
    package static let format: UInt8 = 1
    /// Encoded size in bytes, whatever it holds (E10).
    package static let byteCount = 2048
    /// Most devices.
    package static let certificateCountMax = 8
    /// Most bytes of extensions.
    package static let extensionByteCountMax = 512

    /// A person on a server.
    package struct Person: Hashable, Sendable {
        /// Where.
        package let server: ServerAddress
        /// Who.
        package let handle: Handle

        /// A person on a server.
        package init(server: ServerAddress, handle: Handle) {
            self.server = server
            self.handle = handle
        }
    }

    /// What an account decides about its record.
    package struct Contents: Hashable, Sendable {
        /// Only grows; never 0.
        package var number: UInt64
        /// Nil only in an invite whose maker has none.
        package var handle: Handle?
        /// Vouches for the devices.
        package var account: Ed25519PublicKey
        /// Stands for the key that may replace the account key.
        package var recoveryHash: FixedBytes<32>
        /// Where the person has gone.
        package var movedTo: Person?
        /// Flags; zero in version 0, unknown ones are ignored.
        package var capabilities: UInt64 = 0
        /// One to eight, with different device ids.
        package var certificates: [DeviceCertificate]
        /// What newer versions add.
        package var extensions: TaggedFields = .none

        /// - Parameters:
        ///   - number: not 0.
        ///   - certificates: one to eight, with different device ids.
        package init(
            number: UInt64, handle: Handle?, account: Ed25519PublicKey,
            recoveryHash: FixedBytes<32>, certificates: [DeviceCertificate]
        ) {
            self.number = number
            self.handle = handle
            self.account = account
            self.recoveryHash = recoveryHash
            self.certificates = certificates
        }
    }

    /// The recovery key's consent to a change of account key or recovery hash.
    package struct RecoveryProof: Hashable, Sendable {
        /// The key itself, shown.
        package let key: Ed25519PublicKey
        /// Over all of the record before the proof.
        package let signature: Ed25519Signature

        /// What stands for the key in a record.
        package var hash: FixedBytes<32> { Record.recoveryHash(of: key) }
    }

    /// What it says.
    package let contents: Contents
    /// There when the account key or recovery hash changes with this record.
    package let recoveryProof: RecoveryProof?
    /// By the account key.
    package let signature: Ed25519Signature
    /// The whole encoding, 2,048 bytes.
    package let bytes: [UInt8]
    /// Bytes before the recovery proof.
    private let bodyByteCount: Int
    /// Bytes before the signature.
    private let signedByteCount: Int

    /// Only grows.
    package var number: UInt64 { contents.number }
    /// Nil only in an invite whose maker has none.
    package var handle: Handle? { contents.handle }
    /// Vouches for the devices.
    package var account: Ed25519PublicKey { contents.account }
    /// One to eight.
    package var certificates: [DeviceCertificate] { contents.certificates }

    /// What stands for a recovery key in a record.
    package static func recoveryHash(of key: Ed25519PublicKey) -> FixedBytes<32> {
        Context.recoveryKey.hash(key.raw)
    }

    /// Signs a record. Contents outside their bounds are our own mistakes.
    package init(_ contents: Contents, signedBy account: borrowing Ed25519KeyPair) {
        let body = contents.encoded
        self.init(contents, body: body, recoveryProof: nil, signedBy: account)
    }

    /// Signs a record with which the account key or the recovery hash changes.
    ///
    /// - Parameter recovery: the key whose hash the record before this one names.
    package init(
        _ contents: Contents, signedBy account: borrowing Ed25519KeyPair,
        recoveredBy recovery: borrowing Ed25519KeyPair
    ) {
        let body = contents.encoded
        let proof = RecoveryProof(
            key: recovery.publicKey,
            signature: recovery.sign(Self.message(.recoveredRecord, body[...]).raw))
        self.init(contents, body: body, recoveryProof: proof, signedBy: account)
    }

    private init(
        _ contents: Contents, body: [UInt8], recoveryProof: RecoveryProof?,
        signedBy account: borrowing Ed25519KeyPair
    ) {
        var writer = Writer(capacity: Self.byteCount)
        writer.array(body)
        if let recoveryProof {
            writer.u8(1)
            writer.fixed(recoveryProof.key.bytes)
            writer.fixed(recoveryProof.signature)
        } else {
            writer.u8(0)
        }
        self.contents = contents
        self.recoveryProof = recoveryProof
        self.bodyByteCount = body.count
        self.signedByteCount = writer.bytes.count
        self.signature = account.sign(Self.message(.accountRecord, writer.bytes[...]).raw)
        writer.fixed(self.signature)
        writer.pad(to: Self.byteCount)
        self.bytes = writer.bytes
    }

    /// Parses 2,048 bytes and nothing else.
    ///
    /// - Throws: `WireError`.
    package init(parsing raw: RawSpan) throws(WireError) {
        guard raw.byteCount == Self.byteCount else {
            throw .outOfRange(
                value: UInt64(raw.byteCount), minimum: UInt64(Self.byteCount),
                maximum: UInt64(Self.byteCount))
        }
        var reader = Reader(raw)
        try reader.head(of: .record, format: Self.format)
        self.contents = try Contents(from: &reader)
        self.bodyByteCount = reader.offset
        if try reader.u8(in: 0...1) == 1 {
            self.recoveryProof = RecoveryProof(
                key: try reader.ed25519Key(), signature: try reader.fixed())
        } else {
            self.recoveryProof = nil
        }
        self.signedByteCount = reader.offset
        self.signature = try reader.fixed()
        try reader.zeros(reader.remainingByteCount)
        self.bytes = [UInt8](copying: raw)
    }

    /// Checks every certificate, the recovery proof if there is one, and the signature.
    ///
    /// - Throws: `SignatureProblem.certificate`, `.recovery`, `.account`.
    package func verify() throws(SignatureProblem) -> Verified<Record> {
        // KD-3. The account key signs in any case, and last.
        if let proof = recoveryProof {
            let message = Self.message(.recoveredRecord, bytes[..<bodyByteCount])
            guard proof.key.isValid(proof.signature, for: message.raw) else { throw .recovery }
        }
        let message = Self.message(.accountRecord, bytes[..<signedByteCount])
        guard account.isValid(signature, for: message.raw) else { throw .account }
        // KD-1
        for certificate in certificates where !certificate.isValid(under: account) {
            throw .certificate(deviceID: certificate.identity.deviceID)
        }
        return Verified(self)
    }

    /// Refuses a record with a critical extension this version does not know.
    ///
    /// - Throws: `WireError.unknownCritical`.
    package func refuseUnknownCritical() throws(WireError) {
        // KD-6
        try contents.extensions.refuseUnknownCritical()
    }

    private static func message(_ context: Context, _ body: ArraySlice<UInt8>) -> [UInt8] {
        var message = context.message(capacity: body.count)
        message.append(bytes: body.raw)
        return message.bytes
    }
}

extension Record.Contents {
    /// Parses what stands between the head and the recovery proof.
    fileprivate init(from reader: inout Reader) throws(WireError) {
        number = try reader.nonZeroU64()
        handle = try Handle.optional(from: &reader)
        account = try reader.ed25519Key()
        recoveryHash = try reader.fixed()
        if let server = try ServerAddress.optional(from: &reader) {
            movedTo = Record.Person(server: server, handle: try Handle(from: &reader))
        } else {
            try reader.zeros(Handle.fieldByteCount)
            movedTo = nil
        }
        capabilities = try reader.u64()
        let count = try reader.u8(in: 1...UInt8(Record.certificateCountMax))
        certificates = []
        for _ in 0..<count {
            let certificate = try DeviceCertificate(from: &reader)
            let deviceID = certificate.identity.deviceID
            guard !certificates.contains(where: { $0.identity.deviceID == deviceID }) else {
                throw .duplicateID(deviceID)
            }
            certificates.append(certificate)
        }
        extensions = try TaggedFields(from: &reader, byteCountMax: Record.extensionByteCountMax)
    }

    /// All that stands before the recovery proof.
    fileprivate var encoded: [UInt8] {
        precondition(number != 0, "record numbers begin at 1")
        precondition((1...Record.certificateCountMax).contains(certificates.count), "devices")
        precondition(
            Set(certificates.map(\.identity.deviceID)).count == certificates.count, "device ids")
        precondition(extensions.byteCount <= Record.extensionByteCountMax, "extensions")
        var writer = Writer(capacity: Record.byteCount)
        writer.u8(ObjectType.record.rawValue)
        writer.u8(Record.format)
        writer.u64(number)
        Handle.encode(handle, into: &writer)
        writer.fixed(account.bytes)
        writer.fixed(recoveryHash)
        ServerAddress.encode(movedTo?.server, into: &writer)
        Handle.encode(movedTo?.handle, into: &writer)
        writer.u64(capabilities)
        writer.u8(UInt8(certificates.count))
        for certificate in certificates { certificate.encode(into: &writer) }
        writer.u16(UInt16(extensions.byteCount))
        extensions.encode(into: &writer)
        return writer.bytes
    }
}
