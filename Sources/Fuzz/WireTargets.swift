import Client
import Primitives
import Wire

/// Everything that Wire parses. What is taken must encode to the same bytes again: one value has
/// one encoding.
enum WireTargets {
    static let all: [Target] = [
        Target("client-frames", byteCountMax: 8_192, seeds: WireSeeds.clientFrames) { input in
            clientFrames([UInt8](copying: input))
        },
        Target("server-frames", byteCountMax: 12_288, seeds: WireSeeds.serverFrames) { input in
            serverFrames([UInt8](copying: input))
        },
        Target("address", byteCountMax: 512, seeds: WireSeeds.addresses) { input in
            address([UInt8](copying: input))
        },
        Target("record", seeds: WireSeeds.records) { input in record([UInt8](copying: input)) },
        Target("bundle", seeds: WireSeeds.bundles) { input in bundle([UInt8](copying: input)) },
        Target("invite", byteCountMax: 8_448, seeds: WireSeeds.invites) { input in
            invite([UInt8](copying: input))
        },
    ]

    // MARK: Frames

    /// A message of a client. Its padding is added here, so that inputs may have any length.
    private static func clientFrames(_ input: [UInt8]) {
        let message = input.sized(Framing.paddedByteCount(input.count))
        guard var reader = try? FrameReader(message.raw) else { return }
        while let raw = try? reader.next() {
            guard let frame = try? ClientFrame.decode(raw, in: message.raw) else { continue }
            guard let again = encoded(frame, in: message) else { continue }
            precondition(
                again == Array(message[raw.body.lowerBound - 3..<raw.body.upperBound]),
                "a frame has two encodings")
        }
    }

    /// The frame as its sender writes it; nil for those whose objects are not looked at here.
    private static func encoded(_ frame: ClientFrame, in message: [UInt8]) -> [UInt8]? {
        var writer = Writer()
        switch frame {
        case .create(let frame): ClientRequest.create(frame).encode(into: &writer)
        case .attach(let frame): ClientRequest.attach(frame).encode(into: &writer)
        case .detach(let frame): ClientRequest.detach(frame).encode(into: &writer)
        case .acknowledge(let frame): ClientRequest.acknowledge(frame).encode(into: &writer)
        case .settings(let frame): ClientRequest.settings(frame).encode(into: &writer)
        case .close(let frame): ClientRequest.close(frame).encode(into: &writer)
        case .open(let frame): ClientRequest.open(frame).encode(into: &writer)
        case .delete(let frame): ClientRequest.delete(frame).encode(into: &writer)
        case .getBlob(let frame): ClientRequest.getBlob(frame).encode(into: &writer)
        case .eraseBlob(let frame): ClientRequest.eraseBlob(frame).encode(into: &writer)
        case .lookUp(let frame): ClientRequest.lookUp(frame).encode(into: &writer)
        case .fetchPreKeys(let frame): ClientRequest.fetchPreKeys(frame).encode(into: &writer)
        case .preKeyStatus(let frame): ClientRequest.preKeyStatus(frame).encode(into: &writer)
        case .releaseHandle(let frame): ClientRequest.releaseHandle(frame).encode(into: &writer)
        case .deposit(let frame):
            DepositFrame.encode(
                request: frame.request, mailbox: frame.mailbox, counter: frame.counter,
                envelope: message.raw.extracting(frame.envelope), into: &writer)
        case .contactDeposit(let frame):
            ContactDepositFrame.encode(
                request: frame.request, mailbox: frame.mailbox, admission: frame.admission,
                envelope: message.raw.extracting(frame.envelope), into: &writer)
        case .ephemeral(let frame):
            EphemeralFrame.encode(
                mailbox: frame.mailbox, frame: message.raw.extracting(frame.frame), into: &writer)
        case .putBlob(let frame):
            PutBlobFrame.encode(
                request: frame.request, idHash: frame.idHash, eraseHash: frame.eraseHash,
                expiry: frame.expiry, admission: frame.admission,
                blob: message.raw.extracting(frame.blob), into: &writer)
        case .publishRecord(let frame):
            guard let record = try? Record(parsing: message.raw.extracting(frame.record)) else {
                return nil
            }
            PublishRecordFrame.encode(
                request: frame.request, admission: frame.admission, record: record, into: &writer)
        case .publishBundle, .unknown: return nil
        }
        return writer.bytes
    }

    /// A message of a server, as the client reads it.
    private static func serverFrames(_ input: [UInt8]) {
        let message = input.sized(Framing.paddedByteCount(input.count))
        guard var reader = try? FrameReader(message.raw) else { return }
        while let raw = try? reader.next() {
            let body = Array(message[raw.body])
            let isTaken = (try? IncomingFrame(type: raw.type, body: body)) != nil
            guard let frame = try? ServerFrame.decode(raw, in: message.raw) else {
                precondition(!isTaken, "two readers of a frame differ")
                continue
            }
            precondition(isTaken, "two readers of a frame differ")
            guard let again = encoded(frame, in: message) else { continue }
            precondition(again.dropFirst(3) == body[...], "a frame has two encodings")
        }
    }

    private static func encoded(_ frame: ServerFrame, in message: [UInt8]) -> [UInt8]? {
        var writer = Writer()
        switch frame {
        case .done(let request): ServerAnswer.done(request: request).encode(into: &writer)
        case .attached(let frame): ServerAnswer.attached(frame).encode(into: &writer)
        case .superseded(let id): ServerAnswer.superseded(mailbox: id).encode(into: &writer)
        case .goingAway(let time): ServerAnswer.goingAway(seconds: time).encode(into: &writer)
        case .preKeyStatus(let frame): ServerAnswer.preKeyStatus(frame).encode(into: &writer)
        case .blob(let frame):
            BlobFrame.encode(
                request: frame.request, blob: message.raw.extracting(frame.blob), into: &writer)
        case .delivery(let frame):
            DeliveryFrame.encode(
                mailbox: frame.mailbox, sequence: frame.sequence,
                envelope: message.raw.extracting(frame.envelope), into: &writer)
        case .ephemeralDelivery(let frame):
            EphemeralDeliveryFrame.encode(
                mailbox: frame.mailbox, frame: message.raw.extracting(frame.frame), into: &writer)
        case .record(let frame):
            RecordFrame.encode(
                request: frame.request, record: frame.record?.bytes ?? [], into: &writer)
        case .preKeys(let frame):
            var issued = Writer()
            if let oneTime = frame.preKeys?.oneTime {
                IssuedPreKey.encode(oneTime, into: &issued)
            }
            var issuedKEM = Writer()
            if let oneTime = frame.preKeys?.oneTimeKEM {
                IssuedKEMPreKey.encode(oneTime, into: &issuedKEM)
            }
            PreKeysFrame.encode(
                request: frame.request, issued: issued.bytes, issuedKEM: issuedKEM.bytes,
                bundle: frame.preKeys?.bundle.bytes ?? [], into: &writer)
        case .error(let frame):
            // Unknown fields of an error are skipped; the values must come back all the same.
            guard let code = frame.code else { return nil }
            let again = ErrorFrame(
                request: frame.request, code: code, nextCounter: frame.nextCounter,
                seconds: frame.seconds)
            precondition(again == frame)
            return nil
        // A hello may hold fields of newer versions, which are not kept.
        case .hello, .unknown: return nil
        }
        return writer.bytes
    }

    // MARK: Addresses

    private static func address(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        if let address = try? Address(text) {
            precondition(Array(address.text.utf8) == input, "an address has two spellings")
            precondition(input.count <= Address.byteCountMax)
            var writer = Writer()
            ServerAddress.encode(address.server, into: &writer)
            var reader = Reader(writer.bytes.raw)
            let again = try? ServerAddress(from: &reader)
            precondition(again == address.server, "an address does not survive its encoding")
        }
        if let host = try? Host(text) { precondition(Array(host.text.utf8) == input) }
        if let handle = try? Handle(text) { precondition(Array(handle.text.utf8) == input) }
        if let bytes = try? Base32.decode(text) { precondition(Base32.encode(bytes.raw) == text) }
        if let bytes = try? Base64URL.decode(text) {
            precondition(Base64URL.encode(bytes.raw) == text)
        }
        var reader = Reader(input.raw)
        if let server = try? ServerAddress(from: &reader) {
            var writer = Writer()
            ServerAddress.encode(server, into: &writer)
            precondition(writer.bytes[...] == input[..<ServerAddress.fieldByteCount])
        }
    }

    // MARK: Signed objects

    /// A record: as it stands if its first byte is even, and else signed again by every key that
    /// has a say in it, so that all that is left to refuse it is what it says.
    private static func record(_ input: [UInt8]) {
        var choices = Choices(input.raw)
        let isSigned = choices.flag()
        var bytes = choices.rest().sized(Record.byteCount)
        if isSigned { signRecord(&bytes) }
        guard let record = try? Record(parsing: bytes.raw) else { return }
        precondition(record.bytes == bytes)
        guard let verified = try? record.verify() else {
            precondition(!isSigned || !hasOwnKeys(record), "a signature made by us is refused")
            return
        }
        try? record.refuseUnknownCritical()
        let again = Record(record.contents, signedBy: Cast.alice.account)
        if record.account == Cast.alice.account.publicKey, record.recoveryProof == nil {
            precondition(again.bytes == bytes, "a record has two encodings")
        }
        _ = try? verified.succession(after: Cast.alice.record)
        _ = try? made("a record") { try Cast.alice.record.verify() }.succession(after: record)
        _ = record.contents.movedTo.map { Address.person($0.server, $0.handle).text }
    }

    private static func hasOwnKeys(_ record: Record) -> Bool {
        record.account == Cast.alice.account.publicKey
            && (record.recoveryProof?.key ?? Cast.alice.recovery.publicKey)
                == Cast.alice.recovery.publicKey
    }

    private static let certificatesOffset = 246

    /// Puts Alice's account key into a record and signs it again, with certificates and recovery.
    static func signRecord(_ bytes: inout [UInt8]) {
        let cast = Cast.alice
        Signing.put(cast.account.publicKey.bytes.array, into: &bytes, at: 43)
        let count = min(Int(bytes[certificatesOffset - 1]), Record.certificateCountMax)
        for index in 0..<count {
            Signing.certificate(
                &bytes, at: certificatesOffset + DeviceCertificate.byteCount * index, by: cast)
        }
        let extensions = certificatesOffset + DeviceCertificate.byteCount * count
        let byteCount = Int(bytes[extensions]) << 8 | Int(bytes[extensions + 1])
        let body = extensions + 2 + byteCount
        guard body + 1 + 96 + 64 <= bytes.count else { return }
        var end = body + 1
        if bytes[body] == 1 {
            Signing.put(cast.recovery.publicKey.bytes.array, into: &bytes, at: end)
            Signing.sign(
                &bytes, before: end + 32, upTo: body, as: .recoveredRecord, by: cast.recovery)
            end += 96
        }
        Signing.sign(&bytes, before: end, upTo: end, as: .accountRecord, by: cast.account)
    }

    private static func bundle(_ input: [UInt8]) {
        var choices = Choices(input.raw)
        let isSigned = choices.flag()
        var bytes = choices.rest()
        if isSigned { signBundle(&bytes) }
        guard let bundle = try? PreKeyBundle(parsing: bytes.raw) else { return }
        precondition(bundle.bytes == bytes)
        for use in [PreKeyBundle.Use.directory, .invite] {
            try? bundle.checkWindow(secondsSince1970: Cast.now, use: use)
        }
        _ = Cast.alice.issued.belongs(to: bundle)
        let fetched = FetchedPreKeys(
            bundle: bundle, oneTime: Cast.alice.issued, oneTimeKEM: Cast.alice.issuedKEM)
        _ = try? fetched.verify(
            for: made("a record") { try Cast.alice.record.verify() }, deviceID: 0,
            secondsSince1970: Cast.now)
        guard (try? bundle.verify()) != nil else {
            precondition(!isSigned, "a signature made by us is refused")
            return
        }
        if bundle.certificate.identity.deviceKey == Cast.alice.device.publicKey {
            let again = PreKeyBundle(bundle.contents, signedBy: Cast.alice.device)
            precondition(again.bytes == bytes, "a bundle has two encodings")
        }
    }

    /// Puts Alice's account and device key into a bundle and signs it again.
    static func signBundle(_ bytes: inout [UInt8]) {
        let cast = Cast.alice
        guard bytes.count >= PreKeyBundle.byteCountMin else { return }
        Signing.put(cast.account.publicKey.bytes.array, into: &bytes, at: 20)
        // Device id, identity key, device key.
        Signing.put(cast.device.publicKey.bytes.array, into: &bytes, at: 52 + 36)
        Signing.certificate(&bytes, at: 52, by: cast)
        let end = bytes.count - 64
        Signing.sign(&bytes, before: end, upTo: end, as: .preKeyBundle, by: cast.device)
    }

    /// A blob as it stands, or a plaintext that is sealed here under the key that follows from it.
    private static func invite(_ input: [UInt8]) {
        var choices = Choices(input.raw)
        guard choices.flag() else {
            let key = LinkKey(SHA256.hash([1].raw))
            precondition((try? Invite.open(choices.rest().raw, with: key)) == nil)
            return
        }
        let plaintext = choices.rest().sized(Invite.plaintextByteCount)
        let key = LinkKey(Context.invite.hash(plaintext.raw))
        let secret = SecretBytes(copying: key.bytes.raw)
        let blobKey = HKDFSHA256.derive(
            from: secret, salt: RawSpan(), info: Signing.label(.linkBlobKey).raw, byteCount: 32)
        let blob = ChaChaPoly.seal(plaintext.raw, key: blobKey, nonce: .zero)
        do throws(InviteError) {
            let invite = try Invite.open(blob.raw, with: key)
            precondition(invite.encoded == plaintext, "an invite has two encodings")
            _ = try? invite.verify(secondsSince1970: Cast.now)
        } catch {
            precondition(error != .sealed && error != .otherInvite, "our own seal is refused")
        }
    }
}
