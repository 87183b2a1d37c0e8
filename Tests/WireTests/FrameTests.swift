import Primitives
import Testing
import Wire

/// A frame of each type, small and large, written and walked over.
enum Frames {
    static let id = SHA256.hash("id".utf8Array.raw)
    static let other = SHA256.hash("other".utf8Array.raw)
    static let signature = FixedBytes<64>(InlineArray(repeating: 9))
    static let key: Ed25519PublicKey = {
        var random = SeededRandom(4)
        return Ed25519KeyPair.generate(from: &random).publicKey
    }()

    static func envelope(_ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    }

    static func write(_ body: (inout Writer) -> Void) -> [UInt8] {
        var writer = Writer()
        body(&writer)
        return writer.bytes
    }

    static func write(_ request: ClientRequest) -> [UInt8] { write { request.encode(into: &$0) } }

    static func write(_ answer: ServerAnswer) -> [UInt8] { write { answer.encode(into: &$0) } }

    /// Every frame to the server.
    static let toServer: [(type: ClientFrameType, bytes: [UInt8])] = {
        let fixture = Fixture()
        let record = fixture.record
        let bundle = fixture.bundle
        let preKeys = fixture.preKeys
        let kemPreKeys = fixture.kemPreKeys
        let handle = Fixture.handle()
        return [
            (.create, write(.create(CreateFrame(request: 1, kind: .chat, keys: [key, key])))),
            (.create, write(.create(CreateFrame(request: 1, kind: .contact, keys: [key])))),
            (
                .attach,
                write(.attach(AttachFrame(request: 2, role: .write, id: id, signature: signature)))
            ),
            (.detach, write(.detach(DetachFrame(request: 3, role: .read, mailbox: id)))),
            (
                .deposit,
                write {
                    DepositFrame.encode(
                        request: 4, mailbox: id, counter: 77, envelope: envelope(16384).raw,
                        into: &$0)
                }
            ),
            (
                .contactDeposit,
                write {
                    ContactDepositFrame.encode(
                        request: 5, mailbox: id, envelope: envelope(4096).raw, into: &$0)
                }
            ),
            (
                .acknowledge,
                write(.acknowledge(AcknowledgeFrame(request: 6, mailbox: id, sequences: 3...9)))
            ),
            (
                .ephemeral,
                write {
                    EphemeralFrame.encode(mailbox: id, frame: envelope(1024).raw, into: &$0)
                }
            ),
            (
                .settings,
                write(.settings(SettingsFrame(request: 8, mailbox: id, timeToLive: .week)))
            ),
            (.settings, write(.settings(SettingsFrame(request: 8, mailbox: id, timeToLive: nil)))),
            (.close, write(.close(MailboxFrame(request: 9, mailbox: id)))),
            (.open, write(.open(MailboxFrame(request: 10, mailbox: id)))),
            (.delete, write(.delete(MailboxFrame(request: 11, mailbox: id)))),
            (
                .putBlob,
                write {
                    PutBlobFrame.encode(
                        request: 12, idHash: id, eraseHash: other, expiry: Hours(99),
                        blob: envelope(32768).raw, into: &$0)
                }
            ),
            (.getBlob, write(.getBlob(GetBlobFrame(request: 13, id: id)))),
            (
                .eraseBlob,
                write(.eraseBlob(EraseBlobFrame(request: 14, idHash: id, eraseKey: other)))
            ),
            (
                .publishRecord,
                write { PublishRecordFrame.encode(request: 15, record: record, into: &$0) }
            ),
            (
                .publishBundle,
                write {
                    PublishBundleFrame.encode(
                        request: 16, handle: handle, bundle: bundle, preKeys: preKeys,
                        kemPreKeys: kemPreKeys, into: &$0)
                }
            ),
            (.lookUp, write(.lookUp(LookUpFrame(request: 17, handle: handle)))),
            (
                .fetchPreKeys,
                write(.fetchPreKeys(FetchPreKeysFrame(request: 18, handle: handle, deviceID: 0)))
            ),
            (
                .preKeyStatus,
                write(
                    .preKeyStatus(
                        PreKeyStatusFrame(
                            request: 19, handle: handle, deviceID: 1, signature: signature)))
            ),
            (
                .releaseHandle,
                write(
                    .releaseHandle(
                        ReleaseHandleFrame(
                            request: 20, handle: handle, recordNumber: 5, signature: signature)))
            ),
        ]
    }()

    /// Every frame to the client.
    static let toClient: [(type: ServerFrameType, bytes: [UInt8])] = {
        let fixture = Fixture()
        let issued = write { IssuedPreKey.encode(IssuedPreKey(3, of: fixture.preKeys), into: &$0) }
        let issuedKEM = write {
            IssuedKEMPreKey.encode(IssuedKEMPreKey(3, of: fixture.kemPreKeys), into: &$0)
        }
        let record = fixture.record
        let bundle = fixture.bundle
        return [
            (.done, write(.done(request: 1))),
            (.error, write(.error(ErrorFrame(request: 0, code: .malformed)))),
            (.error, write(.error(ErrorFrame(request: 2, code: .counterGap, nextCounter: 8)))),
            (.error, write(.error(ErrorFrame(request: 2, code: .rateLimited, seconds: 60)))),
            (
                .attached,
                write(
                    .attached(
                        AttachedFrame(request: 3, readAttaches: 4, nextCounter: 5, waiting: 6)))
            ),
            (.blob, write { BlobFrame.encode(request: 4, blob: envelope(32768).raw, into: &$0) }),
            (
                .delivery,
                write {
                    DeliveryFrame.encode(
                        mailbox: id, sequence: 9, envelope: envelope(1024).raw, into: &$0)
                }
            ),
            (
                .ephemeralDelivery,
                write {
                    EphemeralDeliveryFrame.encode(
                        mailbox: id, frame: envelope(1024).raw, into: &$0)
                }
            ),
            (.superseded, write(.superseded(mailbox: id))),
            (.goingAway, write(.goingAway(seconds: 30))),
            (
                .record,
                write { RecordFrame.encode(request: 5, record: record.bytes, into: &$0) }
            ),
            (.record, write { RecordFrame.encode(request: 5, record: [], into: &$0) }),
            (
                .preKeys,
                write {
                    PreKeysFrame.encode(
                        request: 6, issued: issued, issuedKEM: issuedKEM, bundle: bundle.bytes,
                        into: &$0)
                }
            ),
            (
                .preKeys,
                write {
                    PreKeysFrame.encode(
                        request: 6, issued: [], issuedKEM: [], bundle: bundle.bytes, into: &$0)
                }
            ),
            (
                .preKeys,
                write {
                    PreKeysFrame.encode(
                        request: 6, issued: [], issuedKEM: [], bundle: [], into: &$0)
                }
            ),
            (
                .preKeyStatus,
                write(
                    .preKeyStatus(
                        PreKeyStatusAnswerFrame(
                            request: 7, recordNumber: 1, bundleNumber: 2, bundleExpiry: Hours(3),
                            published: 20, left: 19, publishedKEM: 20, leftKEM: 18)))
            ),
            (.hello, write(.hello(HelloFrame(signingKey: key, minutes: 5)))),
            (
                .hello,
                write(.hello(HelloFrame(signingKey: key, minutes: 5, limits: nil, features: [7])))
            ),
        ]
    }()

    /// The frames of a message, or why there are none.
    static func walk(_ message: [UInt8]) throws(WireError) -> [RawFrame] {
        var reader = try FrameReader(message.raw)
        var frames: [RawFrame] = []
        while let frame = try reader.next() { frames.append(frame) }
        return frames
    }

    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        var writer = Writer()
        writer.array(bytes)
        writer.padMessage()
        return writer.bytes
    }

    /// One frame to the server, whatever its size.
    static func client(_ bytes: [UInt8]) throws(ClientFrame.Refusal) -> ClientFrame {
        try ClientFrame.decode(raw(bytes), in: bytes.raw)
    }

    /// One frame to the client, whatever its size.
    static func server(_ bytes: [UInt8]) throws(WireError) -> ServerFrame {
        try ServerFrame.decode(raw(bytes), in: bytes.raw)
    }

    /// Takes everything behind the head as the body, so that a test can lengthen and shorten it.
    private static func raw(_ bytes: [UInt8]) -> RawFrame {
        RawFrame(type: bytes[0], body: 3..<bytes.count)
    }

    static func code(_ bytes: [UInt8]) -> ErrorCode? {
        do throws(ClientFrame.Refusal) {
            _ = try client(bytes)
            return nil
        } catch {
            return error.code
        }
    }
}

@Suite("§11.3 frames in a message")
struct FrameReaderTests {
    @Test("CH-40 frames of a padded message are found, each with its own bytes")
    func walk() throws {
        let small = Frames.toServer.filter { $0.bytes.count < 5000 }
        let message = Frames.padded(small.flatMap(\.bytes))
        #expect(message.count.isMultiple(of: 256))
        let frames = try Frames.walk(message)
        #expect(frames.map(\.type) == small.map(\.type.rawValue))
        for (frame, (type, bytes)) in zip(frames, small) {
            #expect(Array(message[frame.body]) == Array(bytes.dropFirst(3)))
            #expect(frame.type == type.rawValue)
        }
        #expect(try Frames.walk([]) == [])
        #expect(try Frames.walk([UInt8](repeating: 0, count: 256)) == [])
    }

    @Test("CH-40 a size that is no multiple of 256 or above the maximum is refused")
    func size() throws {
        for count in [1, 255, 257, 65_281, 65_535, 65_536] {
            #expect(throws: WireError.self) {
                _ = try Frames.walk([UInt8](repeating: 0, count: count))
            }
        }
        #expect(try Frames.walk([UInt8](repeating: 0, count: 65_280)) == [])
    }

    @Test("CH-40 anything but zeros behind the last frame is refused")
    func padding() throws {
        let done = Frames.write(.done(request: 1))
        let message = Frames.padded(done)
        for index in done.count..<message.count {
            let bad = message.flipping(index, by: 0x55)
            // The first byte of padding is a frame type when it is not 0, and its length is 0.
            if index == done.count {
                #expect(try Frames.walk(bad).count == 2)
            } else {
                #expect(throws: WireError.notZero(offset: index)) { _ = try Frames.walk(bad) }
            }
        }
    }

    @Test("CH-40 a frame that runs past the end by one byte, or lacks its head, is refused")
    func truncated() throws {
        var message = [UInt8](repeating: 1, count: 256)
        message.replaceSubrange(0..<3, with: [0x80, 0, 253])
        #expect(try Frames.walk(message).count == 1)
        message[2] = 254
        #expect(throws: WireError.truncated(needed: 254, available: 253)) {
            _ = try Frames.walk(message)
        }
        for left in 1...2 {
            message.replaceSubrange(0..<3, with: [0x80, 0, UInt8(253 - left)])
            #expect(throws: WireError.self) { _ = try Frames.walk(message) }
        }
    }

    @Test("CH-40 the padded size is the next multiple of 256")
    func paddedSize() {
        for (count, padded) in [(0, 0), (1, 256), (255, 256), (256, 256), (257, 512)] {
            #expect(Framing.paddedByteCount(count) == padded)
        }
        // A deposit of 1,024 bytes: 1,304 bytes with Noise tag and masked WebSocket head.
        let deposit = DepositFrame.overheadByteCount + 1024
        #expect(Framing.paddedByteCount(deposit) + 16 + 8 == 1304)
        #expect(Framing.paddedByteCount(109 + 3) + 16 + 8 == 280)
    }
}

@Suite("§10.6 frames")
struct FrameTests {
    @Test("MB-24 every frame to the server is decoded to what was written")
    func toServer() throws {
        #expect(Set(Frames.toServer.map(\.type)) == Set(ClientFrameType.allCases))
        for (type, bytes) in Frames.toServer {
            #expect(Int(bytes[1]) << 8 | Int(bytes[2]) == bytes.count - 3)
            let frame = try Frames.client(bytes)
            switch frame {
            case .deposit(let deposit):
                #expect(deposit.request == 4 && deposit.counter == 77)
                #expect(deposit.mailbox == Frames.id)
                #expect(Array(bytes[deposit.envelope]) == Frames.envelope(16384))
            case .contactDeposit(let deposit):
                #expect(Array(bytes[deposit.envelope]) == Frames.envelope(4096))
            case .ephemeral(let ephemeral):
                #expect(Array(bytes[ephemeral.frame]) == Frames.envelope(1024))
            case .putBlob(let put):
                #expect(Array(bytes[put.blob]) == Frames.envelope(32768))
                #expect(put.expiry == Hours(99) && put.eraseHash == Frames.other)
            case .publishRecord(let publish):
                #expect(Array(bytes[publish.record]) == Fixture().record.bytes)
            case .publishBundle(let publish):
                #expect(Array(bytes[publish.bundle]) == Fixture().bundle.bytes)
                #expect(publish.preKeys.count == 720)
            case .create(let value): #expect(Frames.write(.create(value)) == bytes)
            case .attach(let value): #expect(Frames.write(.attach(value)) == bytes)
            case .detach(let value): #expect(Frames.write(.detach(value)) == bytes)
            case .acknowledge(let value): #expect(Frames.write(.acknowledge(value)) == bytes)
            case .settings(let value): #expect(Frames.write(.settings(value)) == bytes)
            case .close(let value): #expect(Frames.write(.close(value)) == bytes)
            case .open(let value): #expect(Frames.write(.open(value)) == bytes)
            case .delete(let value): #expect(Frames.write(.delete(value)) == bytes)
            case .getBlob(let value): #expect(Frames.write(.getBlob(value)) == bytes)
            case .eraseBlob(let value): #expect(Frames.write(.eraseBlob(value)) == bytes)
            case .lookUp(let value): #expect(Frames.write(.lookUp(value)) == bytes)
            case .fetchPreKeys(let value): #expect(Frames.write(.fetchPreKeys(value)) == bytes)
            case .preKeyStatus(let value): #expect(Frames.write(.preKeyStatus(value)) == bytes)
            case .releaseHandle(let value): #expect(Frames.write(.releaseHandle(value)) == bytes)
            case .unknown: Issue.record("\(type) is unknown")
            }
        }
    }

    @Test("MB-24 every frame to the client is decoded to what was written")
    func toClient() throws {
        #expect(Set(Frames.toClient.map(\.type)) == Set(ServerFrameType.allCases))
        for (type, bytes) in Frames.toClient {
            #expect(Int(bytes[1]) << 8 | Int(bytes[2]) == bytes.count - 3)
            switch try Frames.server(bytes) {
            case .done(let request): #expect(request == 1)
            case .error(let value): #expect(Frames.write(.error(value)) == bytes)
            case .attached(let value): #expect(Frames.write(.attached(value)) == bytes)
            case .blob(let value): #expect(Array(bytes[value.blob]) == Frames.envelope(32768))
            case .delivery(let value):
                #expect(value.sequence == 9)
                #expect(Array(bytes[value.envelope]) == Frames.envelope(1024))
            case .ephemeralDelivery(let value):
                #expect(Array(bytes[value.frame]) == Frames.envelope(1024))
            case .superseded(let mailbox): #expect(mailbox == Frames.id)
            case .goingAway(let seconds): #expect(seconds == 30)
            case .record(let value):
                #expect(value.record == nil || value.record == Fixture().record)
            case .preKeys(let value):
                #expect(value.preKeys == nil || value.preKeys?.bundle == Fixture().bundle)
            case .preKeyStatus(let value): #expect(Frames.write(.preKeyStatus(value)) == bytes)
            case .hello(let value): #expect(Frames.write(.hello(value)) == bytes)
            case .unknown: Issue.record("\(type) is unknown")
            }
        }
    }

    @Test("KD-22 a status of more than 32 one-time keys, or more left than published, is refused")
    func preKeyStatusCounts() throws {
        let counts: [(UInt8, UInt8, Bool)] = [
            (32, 32, true), (33, 0, false), (20, 21, false), (0, 0, true), (0, 1, false),
        ]
        for (published, left, isTaken) in counts {
            let bytes = Frames.write(
                .preKeyStatus(
                    PreKeyStatusAnswerFrame(
                        request: 7, recordNumber: 1, bundleNumber: 2, bundleExpiry: Hours(3),
                        published: published, left: left, publishedKEM: 0, leftKEM: 0)))
            #expect(((try? Frames.server(bytes)) != nil) == isTaken)
            let ofKEM = Frames.write(
                .preKeyStatus(
                    PreKeyStatusAnswerFrame(
                        request: 7, recordNumber: 1, bundleNumber: 2, bundleExpiry: Hours(3),
                        published: 0, left: 0, publishedKEM: published, leftKEM: left)))
            #expect(((try? Frames.server(ofKEM)) != nil) == isTaken)
        }
    }

    @Test("MB-24 no frame cut by any number of bytes parses, except deposits, whose size tells")
    func cut() {
        for (type, bytes) in Frames.toServer {
            let step = bytes.count > 300 ? 97 : 1
            for count in stride(from: 3, to: bytes.count, by: step) {
                let cut = Array(bytes[..<count])
                let code = Frames.code(cut)
                switch type {
                case .deposit, .contactDeposit: #expect(code == .malformed || code == .wrongSize)
                case .settings:
                    // No setting at all is a request too.
                    if code != nil { #expect(code == .malformed) }
                default: #expect(code == .malformed, "\(type) \(count)")
                }
            }
        }
        for (type, bytes) in Frames.toClient where type != .error && type != .hello {
            let step = bytes.count > 300 ? 97 : 1
            for count in stride(from: 3, to: bytes.count, by: step) {
                #expect(throws: WireError.self, "\(type) \(count)") {
                    _ = try Frames.server(Array(bytes[..<count]))
                }
            }
        }
    }

    @Test("MB-24 a byte more is malformed, or of the wrong size where the size tells")
    func trailing() {
        for (type, bytes) in Frames.toServer {
            let code = Frames.code(bytes + [0])
            switch type {
            case .deposit, .contactDeposit: #expect(code == .wrongSize)
            default: #expect(code == .malformed, "\(type)")
            }
        }
        for (_, bytes) in Frames.toClient {
            #expect(throws: WireError.self) { _ = try Frames.server(bytes + [1]) }
            #expect(throws: WireError.self) { _ = try Frames.server(bytes + [0]) }
        }
    }

    @Test("MB-24 H1 no changed byte and no random bytes make a parser trap")
    func flips() {
        for (_, bytes) in Frames.toServer {
            let step = bytes.count > 300 ? 53 : 1
            for index in stride(from: 0, to: bytes.count, by: step) {
                for mask: UInt8 in [1, 0x80, 0xff] {
                    _ = Frames.code(bytes.flipping(index, by: mask))
                }
            }
        }
        for (_, bytes) in Frames.toClient {
            let step = bytes.count > 300 ? 53 : 1
            for index in stride(from: 0, to: bytes.count, by: step) {
                _ = try? Frames.server(bytes.flipping(index))
            }
        }
        var random = SeededRandom(8)
        for _ in 0..<3000 {
            let count = Int(random.integer(below: 300))
            var bytes = random.bytes(count: count + 3)
            bytes[0] = UInt8(random.integer(below: 2)) << 7 | bytes[0] & 0x3f
            _ = Frames.code(bytes)
            _ = try? Frames.server(bytes)
            _ = try? Frames.walk(Frames.padded(bytes))
        }
    }

    @Test(
        "MB-25 an unknown type, role, kind, setting or admission method is unsupported, by its id")
    func unsupported() throws {
        for type in UInt8(1)...255 where ClientFrameType(rawValue: type) == nil {
            #expect(
                try Frames.client([type, 0, 4, 1, 2, 3, 4])
                    == .unknown(type: type, request: 0x0102_0304))
            #expect(try Frames.client([type, 0, 3, 1, 2, 3]) == .unknown(type: type, request: 0))
        }
        func refusal(_ bytes: [UInt8]) -> ClientFrame.Refusal? {
            do throws(ClientFrame.Refusal) {
                _ = try Frames.client(bytes)
                return nil
            } catch { return error }
        }
        func changed(_ type: ClientFrameType, _ offset: Int, to value: UInt8) -> [UInt8] {
            guard var bytes = Frames.toServer.first(where: { $0.type == type })?.bytes else {
                return []
            }
            bytes[offset] = value
            return bytes
        }
        for kind: UInt8 in [0, 3, 4, 255] {
            let found = refusal(changed(.create, 7, to: kind))
            #expect(found?.code == .unsupported && found?.request == 1)
        }
        for role: UInt8 in [2, 3, 4, 255] {
            #expect(refusal(changed(.attach, 7, to: role))?.code == .unsupported)
            #expect(refusal(changed(.detach, 7, to: role))?.code == .unsupported)
        }
        for tag: UInt8 in [0, 2, 3, 255] {
            #expect(refusal(changed(.settings, 40, to: tag))?.code == .unsupported)
        }
        for (type, offset) in [
            (ClientFrameType.create, 9 + 64), (.contactDeposit, 39), (.putBlob, 75),
            (.publishRecord, 7), (.lookUp, 40), (.fetchPreKeys, 44),
        ] {
            for method: UInt8 in [1, 2, 3, 255] {
                let found = refusal(changed(type, offset, to: method))
                #expect(found?.code == .unsupported, "\(type)")
                #expect(found?.request != 0)
            }
        }
    }

    @Test("MB-22 a field of method open with bytes is malformed")
    func openAdmission() {
        let lookUp = Frames.write(.lookUp(LookUpFrame(request: 1, handle: Fixture.handle())))
        var bytes = lookUp
        bytes[lookUp.count - 1] = 1
        #expect(Frames.code(bytes + [0]) == .malformed)
        #expect(Frames.code(bytes) == .malformed)
    }

    @Test("MB-25 a client skips a frame type it does not know")
    func unknownToClient() throws {
        for type in UInt8(1)...255 where ServerFrameType(rawValue: type) == nil {
            #expect(try Frames.server([type, 0, 2, 1, 2]) == .unknown(type: type))
        }
    }

    @Test("MB-3 a create frame whose number of keys is not its kind's is malformed")
    func keyCount() {
        for (kind, right) in [(UInt8(1), UInt8(2)), (2, 1)] {
            for count: UInt8 in 0...4 where count != right {
                var body: [UInt8] = [0, 0, 0, 1, kind, count]
                for _ in 0..<count { body += Frames.key.bytes.array }
                body += [0, 0, 0]
                #expect(Frames.code([1, 0, UInt8(body.count)] + body) == .malformed)
            }
        }
    }

    @Test("MB-11 wrong sizes of envelopes and blobs are told from malformed frames")
    func sizes() {
        func deposit(_ count: Int) -> [UInt8] {
            [4, 0, 0] + [UInt8](repeating: 0, count: 44) + Frames.envelope(count)
        }
        for count in [1024, 4096, 16384] { #expect(Frames.code(deposit(count)) == nil) }
        for count in [0, 1023, 1025, 4095, 4097, 16383, 16385] {
            #expect(Frames.code(deposit(count)) == .wrongSize)
        }
        func contact(_ count: Int) -> [UInt8] {
            [5, 0, 0] + [UInt8](repeating: 0, count: 39) + Frames.envelope(count)
        }
        #expect(Frames.code(contact(4096)) == nil)
        for count in [1024, 4095, 4097, 16384] {
            #expect(Frames.code(contact(count)) == .wrongSize)
        }
        // MB-20: a blob above its maximum or without bytes is of the wrong size, one that is cut off
        // is malformed.
        func put(_ length: Int, _ count: Int) -> [UInt8] {
            [0x10, 0, 0] + [UInt8](repeating: 0, count: 75) + [
                UInt8(length >> 8), UInt8(length & 255),
            ]
                + Frames.envelope(count)
        }
        #expect(Frames.code(put(32768, 32768)) == nil)
        #expect(Frames.code(put(32769, 32769)) == .wrongSize)
        #expect(Frames.code(put(100, 99)) == .malformed)
        #expect(Frames.code(put(1, 1)) == nil)
        #expect(Frames.code(put(0, 0)) == .wrongSize)
    }

    @Test("MB-24 an acknowledge that ends before it begins, a cursor, a time to live of 2 days")
    func values() {
        let zeros = [UInt8](repeating: 0, count: 36)
        let backwards = [6, 0, 52] + zeros + [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]
        #expect(Frames.code(backwards) == .malformed)
        var attach = Frames.toServer[2].bytes
        attach[47] = 1
        #expect(Frames.code(attach) == .malformed)
        var settings = Frames.toServer[8].bytes
        for days in UInt8(0)...255 {
            settings[settings.count - 1] = days
            #expect((Frames.code(settings) == nil) == [1, 7, 30].contains(days))
        }
    }

    @Test("MB-24 a frame without a request id is refused with id 0")
    func requestID() {
        func request(_ bytes: [UInt8]) -> UInt32? {
            do throws(ClientFrame.Refusal) {
                _ = try Frames.client(bytes)
                return nil
            } catch { return error.request }
        }
        #expect(request([9, 0, 5, 1, 2, 3, 4, 5]) == 0x0102_0304)
        #expect(request([9, 0, 3, 1, 2, 3]) == 0)
        // An ephemeral frame begins with a mailbox, which is no request id.
        #expect(request([7, 0, 5, 1, 2, 3, 4, 5]) == 0)
    }
}

@Suite("§12 errors")
struct ErrorFrameTests {
    @Test("ER-1 a code that is not in the table is kept as its number and has no meaning")
    func unknownCode() throws {
        for code in [UInt16(0), 18, 100, 65535] {
            let bytes: [UInt8] = [0x81, 0, 6, 0, 0, 0, 7, UInt8(code >> 8), UInt8(code & 255)]
            guard case .error(let frame) = try Frames.server(bytes) else {
                Issue.record("no error")
                return
            }
            #expect(frame.rawCode == code && frame.code == nil && frame.request == 7)
        }
    }

    @Test("ER-2 fields with unknown tags are skipped; out of order or past the end is malformed")
    func fields() throws {
        let head: [UInt8] = [0x81, 0, 0, 0, 0, 0, 7, 0, 7]
        let next: [UInt8] = [0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9]
        let unknown: [UInt8] = [0, 99, 0, 2, 1, 1]
        guard case .error(let frame) = try Frames.server(head + next + unknown) else {
            Issue.record("no error")
            return
        }
        #expect(frame.nextCounter == 9 && frame.seconds == nil && frame.code == .counterGap)
        #expect(throws: WireError.tagOrder(tag: 1)) {
            _ = try Frames.server(head + unknown + next)
        }
        #expect(throws: WireError.self) { _ = try Frames.server(head + next.dropLast()) }
        #expect(throws: WireError.self) {
            _ = try Frames.server(head + [0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 9])
        }
        #expect(throws: WireError.self) {
            _ = try Frames.server(head + [0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 9])
        }
    }

    @Test("ER-1 only a malformed frame closes the connection")
    func closing() {
        #expect(ErrorCode.allCases.filter(\.closesConnection) == [.malformed])
    }
}

@Suite("§11.3 hello")
struct HelloTests {
    @Test("CH-41 a hello is written and read; unknown fields and features are skipped")
    func hello() throws {
        let key = Frames.key
        let hello = HelloFrame(signingKey: key, minutes: 12, features: [1, 0xffff])
        let bytes = Frames.write(.hello(hello))
        #expect(bytes.count == ServerAnswer.hello(hello).byteCount)
        #expect(try Frames.server(bytes) == .hello(hello))
        #expect(try Frames.server(bytes + [0, 9, 0, 1, 5]) == .hello(hello))
        #expect(hello.limits?.attachments == 1024)
    }

    @Test("CH-41 limits of another size, half a feature and a bad key are refused")
    func malformed() {
        let hello = Frames.write(
            .hello(HelloFrame(signingKey: Frames.key, minutes: 0, limits: nil)))
        for fields: [UInt8] in [[0, 1, 0, 1, 5], [0, 2, 0, 3, 0, 1, 0], [0, 1]] {
            #expect(throws: WireError.self) { _ = try Frames.server(hello + fields) }
        }
        var zeroKey = hello
        for index in 3..<35 { zeroKey[index] = 0 }
        #expect(throws: WireError.badKey(offset: 3)) { _ = try Frames.server(zeroKey) }
    }
}

@Suite("§9.8 frames of the directory")
struct DirectoryFrameTests {
    @Test("KD-15 D5 hit and miss have one size, whatever the record or the bundle holds")
    func oneSize() {
        let fixture = Fixture()
        var contents = fixture.bundleContents()
        contents.extensions = TaggedFields([
            TaggedFields.Field(tag: 1, value: [UInt8](repeating: 1, count: 508))
        ])
        let longest = PreKeyBundle(contents, signedBy: fixture.device).bytes
        let issued = Frames.write {
            IssuedPreKey.encode(IssuedPreKey(3, of: fixture.preKeys), into: &$0)
        }
        for record in [fixture.record.bytes, []] {
            let frame = Frames.write { RecordFrame.encode(request: 1, record: record, into: &$0) }
            #expect(frame.count == 8192)
        }
        let issuedKEM = Frames.write {
            IssuedKEMPreKey.encode(IssuedKEMPreKey(3, of: fixture.kemPreKeys), into: &$0)
        }
        for (issued, issuedKEM, bundle) in [
            (issued, issuedKEM, longest), (issued, [], fixture.bundle.bytes),
            ([], issuedKEM, fixture.bundle.bytes), ([], [], fixture.bundle.bytes), ([], [], []),
        ] as [([UInt8], [UInt8], [UInt8])] {
            let frame = Frames.write {
                PreKeysFrame.encode(
                    request: 1, issued: issued, issuedKEM: issuedKEM, bundle: bundle, into: &$0)
            }
            #expect(frame.count == 4096)
            #expect((try? Frames.server(frame)) != nil)
        }
        // Questions too: the handle's length does not show.
        let sizes = ["abc", String(repeating: "z", count: 32)].map {
            Frames.write(.lookUp(LookUpFrame(request: 1, handle: Fixture.handle($0)))).count
        }
        #expect(sizes[0] == sizes[1])
    }

    @Test("WI-3 bits set in what a miss leaves empty are refused")
    func emptyMiss() {
        let miss = Frames.write { RecordFrame.encode(request: 1, record: [], into: &$0) }
        for index in [8, 2055, 2056, 2057, 2058, 8191] {
            #expect(throws: WireError.self) { _ = try Frames.server(miss.flipping(index)) }
        }
        let none = Frames.write {
            PreKeysFrame.encode(request: 1, issued: [], issuedKEM: [], bundle: [], into: &$0)
        }
        for index in [8, 300, 2000, 4095] {
            #expect(throws: WireError.self) { _ = try Frames.server(none.flipping(index)) }
        }
    }

    @Test("MB-24 a bundle frame with 33 one-time prekeys of a kind or a piece of one is malformed")
    func preKeyCount() {
        let fixture = Fixture(preKeyCount: 32, kemPreKeyCount: 32)
        var contents = fixture.bundleContents()
        contents.extensions = TaggedFields([
            TaggedFields.Field(tag: 1, value: [UInt8](repeating: 1, count: 508))
        ])
        let bundle = PreKeyBundle(contents, signedBy: fixture.device)
        let bytes = Frames.write {
            PublishBundleFrame.encode(
                request: 1, handle: Fixture.handle(), bundle: bundle,
                preKeys: fixture.preKeys, kemPreKeys: fixture.kemPreKeys, into: &$0)
        }
        // The largest of all fits into one message.
        #expect(bytes.count == 3 + 4 + 33 + 2 + 2189 + 1 + 32 * 36 + 1 + 32 * 1188)
        #expect(bytes.count <= Limits.messageByteCountMax)
        #expect(Frames.code(bytes) == nil)
        let counts = [3 + 39 + 2189, 3 + 39 + 2189 + 1 + 32 * 36]
        for (place, byteCount) in zip(counts, [36, 1188]) {
            let more = [UInt8](repeating: 1, count: byteCount)
            #expect(Frames.code(bytes + more) == .malformed)
            var counted = bytes
            counted[place] = 33
            #expect(Frames.code(counted) == .malformed)
            #expect(Frames.code(counted + more) == .malformed)
            counted[place] = 31
            #expect(Frames.code(counted) == .malformed)
        }
        #expect(Frames.code(bytes + [1]) == .malformed)
    }

    @Test("WI-10 D9 a question about what is no handle is malformed")
    func badHandle() {
        var bytes = Frames.write(.lookUp(LookUpFrame(request: 1, handle: Fixture.handle())))
        bytes[9] = UInt8(ascii: "A")
        #expect(Frames.code(bytes) == .malformed)
    }
}
