internal import Primitives
internal import Wire

/// Frames, the padding they stand in, and addresses.
///
/// - SPEC: §2.3, §10.6, §11.3
enum WireVectors {
    static let suite = OwnSuite(
        name: "wire", rules: "WI-1 WI-2 WI-3 WI-4 WI-5 WI-8 WI-9 WI-10 MB-3 MB-24 MB-25 CH-40 ER-2",
        operations: [
            "client frame": clientFrame, "server frame": serverFrame, "message": message,
            "address": address,
        ])

    @Sendable private static func clientFrame(_ input: VectorInput) throws -> JSONValue {
        let bytes = try input.bytes("bytes")
        guard bytes.count >= Framing.headByteCount else { throw VectorProblem.member("bytes") }
        let raw = RawFrame(type: bytes[0], body: 3..<bytes.count)
        let frame: ClientFrame
        do {
            frame = try ClientFrame.decode(raw, in: bytes.raw)
        } catch {
            throw VectorRefusal("\(error.code) request \(error.request)")
        }
        let fields = ClientFrameFields(bytes)
        var writer = Writer()
        let result = try fields.describe(frame, into: &writer)
        if !writer.bytes.isEmpty, writer.bytes != bytes {
            throw VectorProblem.disagreement("client frame")
        }
        return result
    }

    @Sendable private static func serverFrame(_ input: VectorInput) throws -> JSONValue {
        let bytes = try input.bytes("bytes")
        guard bytes.count >= Framing.headByteCount else { throw VectorProblem.member("bytes") }
        let frame = try ServerFrame.decode(
            RawFrame(type: bytes[0], body: 3..<bytes.count), in: bytes.raw)
        var writer = Writer()
        let result = try ServerFrameFields(bytes).describe(frame, into: &writer)
        if !writer.bytes.isEmpty, writer.bytes != bytes {
            throw VectorProblem.disagreement("server frame")
        }
        return result
    }

    /// What stands in one transport message.
    @Sendable private static func message(_ input: VectorInput) throws -> JSONValue {
        let bytes = try input.bytes("plaintext")
        var reader = try FrameReader(bytes.raw)
        var frames: [JSONValue] = []
        var writer = Writer()
        while let frame = try reader.next() {
            let body = [UInt8](bytes[frame.body])
            frames.append(["type": .whole(frame.type), "body": .hex(body)])
            writer.u8(frame.type)
            writer.u16(UInt16(body.count))
            writer.array(body)
        }
        if !frames.isEmpty {
            writer.padMessage()
            guard writer.bytes == bytes else { throw VectorProblem.disagreement("message") }
        }
        return ["frames": .array(frames)]
    }

    @Sendable private static func address(_ input: VectorInput) throws -> JSONValue {
        let text = try input.text("text")
        let address = try Address(text)
        guard address.text == text else { throw VectorProblem.disagreement("address") }
        let server: [JSONValue.Member] = [
            .init(name: "key", value: .hex(address.server.key.bytes)),
            .init(name: "host", value: .string(address.server.host.text)),
            .init(name: "port", value: .whole(address.server.port)),
        ]
        let rest: JSONValue.Member =
            switch address {
            case .server: .init(name: "form", value: "server")
            case .person(_, let handle): .init(name: "handle", value: .string(handle.text))
            case .invite(_, let key): .init(name: "link key", value: .hex(key.bytes))
            case .admission(_, let token): .init(name: "token", value: .hex(token))
            }
        return .object(server + [rest])
    }
}

/// The fields of a client's frame, and the frame made again from them.
struct ClientFrameFields {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func describe(_ frame: ClientFrame, into sink: inout Writer) throws -> JSONValue {
        switch frame {
        case .create(let frame):
            ClientRequest.create(frame).encode(into: &sink)
            return [
                "frame": "create", "request": .whole(frame.request),
                "kind": .whole(frame.kind.rawValue),
                "keys": .array(frame.keys.map { .hex($0.bytes) }), "mailbox": .hex(frame.mailbox),
            ]
        case .attach(let frame):
            ClientRequest.attach(frame).encode(into: &sink)
            return [
                "frame": "attach", "request": .whole(frame.request),
                "role": .whole(frame.role.rawValue), "id": .hex(frame.id),
                "signature": .hex(frame.signature),
            ]
        case .detach(let frame):
            ClientRequest.detach(frame).encode(into: &sink)
            return [
                "frame": "detach", "request": .whole(frame.request),
                "role": .whole(frame.role.rawValue), "mailbox": .hex(frame.mailbox),
            ]
        case .deposit(let frame):
            DepositFrame.encode(
                request: frame.request, mailbox: frame.mailbox, counter: frame.counter,
                envelope: part(frame.envelope).raw, into: &sink)
            return [
                "frame": "deposit", "request": .whole(frame.request),
                "mailbox": .hex(frame.mailbox), "counter": .whole(frame.counter),
                "envelope": hash(frame.envelope),
            ]
        case .contactDeposit(let frame):
            ContactDepositFrame.encode(
                request: frame.request, mailbox: frame.mailbox,
                envelope: part(frame.envelope).raw, into: &sink)
            return [
                "frame": "contactDeposit", "request": .whole(frame.request),
                "mailbox": .hex(frame.mailbox), "envelope": hash(frame.envelope),
            ]
        case .acknowledge(let frame):
            ClientRequest.acknowledge(frame).encode(into: &sink)
            return [
                "frame": "acknowledge", "request": .whole(frame.request),
                "mailbox": .hex(frame.mailbox), "first": .whole(frame.sequences.lowerBound),
                "last": .whole(frame.sequences.upperBound),
            ]
        case .ephemeral(let frame):
            EphemeralFrame.encode(
                mailbox: frame.mailbox, frame: part(frame.frame).raw, into: &sink)
            return [
                "frame": "ephemeral", "mailbox": .hex(frame.mailbox), "sealed": hash(frame.frame),
            ]
        case .settings(let frame):
            ClientRequest.settings(frame).encode(into: &sink)
            return [
                "frame": "settings", "request": .whole(frame.request),
                "mailbox": .hex(frame.mailbox),
                "days": .whole(frame.timeToLive?.rawValue ?? 0),
            ]
        case .close(let frame): return named("close", frame, .close(frame), &sink)
        case .open(let frame): return named("open", frame, .open(frame), &sink)
        case .delete(let frame): return named("delete", frame, .delete(frame), &sink)
        case .unknown(let type, let request):
            return ["frame": "unknown", "type": .whole(type), "request": .whole(request)]
        case .putBlob, .getBlob, .eraseBlob: return blob(frame, &sink)
        default: return try directory(frame, &sink)
        }
    }

    private func part(_ range: Range<Int>) -> [UInt8] { [UInt8](bytes[range]) }

    private func hash(_ range: Range<Int>) -> JSONValue { .hex(SHA256.hash(part(range).raw)) }

    private func named(
        _ name: String, _ frame: MailboxFrame, _ request: ClientRequest, _ sink: inout Writer
    ) -> JSONValue {
        request.encode(into: &sink)
        return [
            "frame": .string(name), "request": .whole(frame.request),
            "mailbox": .hex(frame.mailbox),
        ]
    }

    private func blob(_ frame: ClientFrame, _ sink: inout Writer) -> JSONValue {
        switch frame {
        case .putBlob(let frame):
            PutBlobFrame.encode(
                request: frame.request, idHash: frame.idHash, eraseHash: frame.eraseHash,
                expiry: frame.expiry, blob: part(frame.blob).raw, into: &sink)
            return [
                "frame": "putBlob", "request": .whole(frame.request), "id hash": .hex(frame.idHash),
                "erase hash": .hex(frame.eraseHash), "expiry": .whole(frame.expiry.count),
                "blob": .hex(part(frame.blob)),
            ]
        case .getBlob(let frame):
            ClientRequest.getBlob(frame).encode(into: &sink)
            return ["frame": "getBlob", "request": .whole(frame.request), "id": .hex(frame.id)]
        case .eraseBlob(let frame):
            ClientRequest.eraseBlob(frame).encode(into: &sink)
            return [
                "frame": "eraseBlob", "request": .whole(frame.request),
                "id hash": .hex(frame.idHash), "erase key": .hex(frame.eraseKey),
            ]
        default: return .null
        }
    }

    private func directory(_ frame: ClientFrame, _ sink: inout Writer) throws -> JSONValue {
        switch frame {
        case .publishRecord(let frame):
            let record = try Record(parsing: part(frame.record).raw)
            PublishRecordFrame.encode(request: frame.request, record: record, into: &sink)
            return [
                "frame": "publishRecord", "request": .whole(frame.request),
                "record": hash(frame.record),
            ]
        case .publishBundle(let frame):
            return [
                "frame": "publishBundle", "request": .whole(frame.request),
                "handle": .string(frame.handle.text), "bundle": hash(frame.bundle),
                "prekeys": .hex(part(frame.preKeys)), "KEM prekeys": hash(frame.kemPreKeys),
            ]
        case .lookUp(let frame):
            ClientRequest.lookUp(frame).encode(into: &sink)
            return [
                "frame": "lookUp", "request": .whole(frame.request),
                "handle": .string(frame.handle.text),
            ]
        case .fetchPreKeys(let frame):
            ClientRequest.fetchPreKeys(frame).encode(into: &sink)
            return [
                "frame": "fetchPrekeys", "request": .whole(frame.request),
                "handle": .string(frame.handle.text), "device": .whole(frame.deviceID),
            ]
        case .preKeyStatus(let frame):
            ClientRequest.preKeyStatus(frame).encode(into: &sink)
            return [
                "frame": "prekeyStatus", "request": .whole(frame.request),
                "handle": .string(frame.handle.text), "device": .whole(frame.deviceID),
                "signature": .hex(frame.signature),
            ]
        case .releaseHandle(let frame):
            ClientRequest.releaseHandle(frame).encode(into: &sink)
            return [
                "frame": "releaseHandle", "request": .whole(frame.request),
                "handle": .string(frame.handle.text), "number": .whole(frame.recordNumber),
                "signature": .hex(frame.signature),
            ]
        default: return .null
        }
    }
}

/// The fields of a server's frame, and the frame made again from them.
struct ServerFrameFields {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private func part(_ range: Range<Int>) -> [UInt8] { [UInt8](bytes[range]) }

    private func hash(_ bytes: [UInt8]) -> JSONValue { .hex(SHA256.hash(bytes.raw)) }

    func describe(_ frame: ServerFrame, into sink: inout Writer) throws -> JSONValue {
        switch frame {
        case .done(let request):
            ServerAnswer.done(request: request).encode(into: &sink)
            return ["frame": "done", "request": .whole(request)]
        case .error(let frame):
            // Unknown fields are skipped, so the frame is not always made again.
            return [
                "frame": "error", "request": .whole(frame.request), "code": .whole(frame.rawCode),
                "next counter": frame.nextCounter.map { .whole($0) } ?? .null,
                "seconds": frame.seconds.map { .whole($0) } ?? .null,
            ]
        case .attached(let frame):
            ServerAnswer.attached(frame).encode(into: &sink)
            return [
                "frame": "attached", "request": .whole(frame.request),
                "read attaches": .whole(frame.readAttaches),
                "next counter": .whole(frame.nextCounter), "waiting": .whole(frame.waiting),
            ]
        case .blob(let frame):
            BlobFrame.encode(request: frame.request, blob: part(frame.blob).raw, into: &sink)
            return [
                "frame": "blob", "request": .whole(frame.request), "blob": .hex(part(frame.blob)),
            ]
        case .delivery(let frame):
            DeliveryFrame.encode(
                mailbox: frame.mailbox, sequence: frame.sequence,
                envelope: part(frame.envelope).raw, into: &sink)
            return [
                "frame": "delivery", "mailbox": .hex(frame.mailbox),
                "sequence": .whole(frame.sequence), "envelope": hash(part(frame.envelope)),
            ]
        case .ephemeralDelivery(let frame):
            EphemeralDeliveryFrame.encode(
                mailbox: frame.mailbox, frame: part(frame.frame).raw, into: &sink)
            return [
                "frame": "ephemeralDelivery", "mailbox": .hex(frame.mailbox),
                "sealed": hash(part(frame.frame)),
            ]
        case .superseded(let mailbox):
            ServerAnswer.superseded(mailbox: mailbox).encode(into: &sink)
            return ["frame": "superseded", "mailbox": .hex(mailbox)]
        case .goingAway(let seconds):
            ServerAnswer.goingAway(seconds: seconds).encode(into: &sink)
            return ["frame": "goingAway", "seconds": .whole(seconds)]
        case .record(let frame):
            RecordFrame.encode(
                request: frame.request, record: frame.record?.bytes ?? [], into: &sink)
            return [
                "frame": "record", "request": .whole(frame.request),
                "record": frame.record.map { hash($0.bytes) } ?? .null,
            ]
        case .preKeys(let frame):
            var issued = Writer()
            IssuedPreKey.encode(frame.preKeys?.oneTime, into: &issued)
            var issuedKEM = Writer()
            IssuedKEMPreKey.encode(frame.preKeys?.oneTimeKEM, into: &issuedKEM)
            let bundle = frame.preKeys?.bundle.bytes ?? []
            PreKeysFrame.encode(
                request: frame.request, issued: frame.preKeys == nil ? [] : issued.bytes,
                issuedKEM: frame.preKeys == nil ? [] : issuedKEM.bytes, bundle: bundle,
                into: &sink)
            return [
                "frame": "prekeys", "request": .whole(frame.request),
                "issued": frame.preKeys?.oneTime == nil ? .null : hash(issued.bytes),
                "issued KEM": frame.preKeys?.oneTimeKEM == nil ? .null : hash(issuedKEM.bytes),
                "bundle": bundle.isEmpty ? .null : hash(bundle),
            ]
        case .preKeyStatus(let frame):
            ServerAnswer.preKeyStatus(frame).encode(into: &sink)
            return [
                "frame": "prekeyStatusIs", "request": .whole(frame.request),
                "record number": .whole(frame.recordNumber),
                "bundle number": .whole(frame.bundleNumber),
                "bundle expiry": .whole(frame.bundleExpiry.count),
                "published": .whole(frame.published), "left": .whole(frame.left),
                "published of the KEM": .whole(frame.publishedKEM),
                "left of the KEM": .whole(frame.leftKEM),
            ]
        case .hello(let frame):
            return [
                "frame": "hello", "signing key": .hex(frame.signingKey.bytes),
                "minutes": .whole(frame.minutes), "methods": .whole(frame.admissionMethods),
                "limits": frame.limits.map {
                    [
                        .whole($0.attachments), .whole($0.mailboxEnvelopes),
                        .whole($0.mailboxByteCount), .whole($0.blobByteCount),
                    ]
                } ?? .null,
                "features": .array(frame.features.map { .whole($0) }),
            ]
        case .unknown(let type): return ["frame": "unknown", "type": .whole(type)]
        }
    }
}
