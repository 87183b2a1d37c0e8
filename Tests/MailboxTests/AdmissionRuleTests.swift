import Mailbox
import Platform
import Primitives
import Testing
import Wire

@Suite("§10.5 Admission")
struct AdmissionRuleTests {
    let server = TestServer()

    private func create(_ box: TestMailbox, method: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var body = Writer()
        body.u32(1)
        body.u8(box.kind.rawValue)
        body.u8(UInt8(box.keys.count))
        for key in box.keys { body.fixed(key.bytes) }
        body.u8(method)
        body.u16(UInt16(bytes.count))
        body.array(bytes)
        return body.bytes
    }

    @Test(
        "MB-22 a method that is not taken is unsupported and the connection goes on",
        arguments: [1, 2, 3, 255])
    func unknownMethod(method: Int) {
        let client = server.open()
        let box = TestMailbox(seed: 1)
        client.addRaw(
            ClientFrameType.create.rawValue, create(box, method: UInt8(method), [1, 2, 3]))
        #expect(
            server.exchange(client) == [.error(ErrorFrame(request: 1, code: .unsupported))])
        client.create(box)
        #expect(server.exchange(client).errorCode == nil)
    }

    @Test("MB-22 method open with bytes is malformed")
    func openWithBytes() {
        let client = server.open()
        client.addRaw(
            ClientFrameType.create.rawValue, create(TestMailbox(seed: 1), method: 0, [1]))
        #expect(server.exchange(client).errorCode == .malformed)
    }

    @Test(
        "MB-23 an address makes createsPerAddressHour mailboxes; one more waits for the hour to end"
    )
    func creations() {
        let box = TestMailbox(seed: 1)
        let client = server.open(address: 5)
        var refused: ErrorFrame?
        for count in 1...(Limits.createsPerAddressHour + 1) {
            client.create(box)
            if count % 200 == 0 { #expect(server.exchange(client).errorCode == nil) }
        }
        for case .error(let frame) in server.exchange(client) { refused = frame }
        #expect(refused?.code == .rateLimited)
        let wait = Int64(refused?.seconds ?? 0)
        #expect(wait == 3_600 - server.wallSeconds % 3_600)
        // Another connection of the same address is refused as well, another address is not.
        let same = server.open(address: 5)
        same.create(box)
        #expect(server.exchange(same).errorCode == .rateLimited)
        let other = server.open(address: 6)
        other.create(box)
        #expect(server.exchange(other).errorCode == nil)
        server.advance(seconds: wait)
        let later = server.open(address: 5)
        later.create(box)
        #expect(server.exchange(later).errorCode == nil)
    }

    @Test("MB-23 a blob of one byte is charged as 1,024: an address fills no disk with rows")
    func smallBlobs() {
        let client = server.open(address: 5)
        let expiry = Hours(secondsSince1970: server.wallSeconds + 86_400)
        func put(_ number: Int, _ byteCount: Int) -> ErrorCode? {
            var id = [UInt8](repeating: 0, count: 32)
            for byte in 0..<4 { id[byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
            client.putBlob(
                id: FixedBytes<32>(copying: id.raw) ?? .zero, eraseKey: .zero, expiry: expiry,
                [UInt8](repeating: 1, count: byteCount))
            return server.exchange(client).errorCode
        }
        // All but four kibibytes of the bound, in the largest blobs there are.
        let largest = Limits.blobByteCountMax
        let whole = Limits.blobByteCountPerAddressHour / largest - 1
        for number in 0..<whole { #expect(put(number, largest) == nil) }
        #expect(put(whole, largest - 4_096) == nil)
        for number in 1...4 { #expect(put(whole + number, number == 4 ? 1_024 : 1) == nil) }
        #expect(put(whole + 5, 1) == .rateLimited)
    }

    @Test(
        "MB-23 H6 refused attaches are counted: an address at its bound has none checked any more")
    func refusedAttaches() {
        let box = TestMailbox(seed: 1)
        let owner = server.reader(of: box, address: 7)
        let client = server.open(address: 7)
        let wrong = TestMailbox(seed: 2)
        var codes: [ErrorCode] = []
        let count = Limits.signedRequestsPerAddressHour + Limits.attachesPendingMax
        for number in 1...count {
            client.add {
                .attach(
                    AttachFrame(request: $0, role: .read, id: wrong.id, signature: .zero))
            }
            guard number % 500 == 0 || number == count else { continue }
            for case .error(let frame) in server.exchange(client) {
                if let code = frame.code { codes.append(code) }
            }
        }
        let refused = codes.filter { $0 == .attachRefused }.count
        #expect(codes.count == count)
        #expect(refused >= Limits.signedRequestsPerAddressHour)
        #expect(refused < Limits.signedRequestsPerAddressHour + Limits.attachesPendingMax)
        #expect(codes.last == .rateLimited)
        owner.attach(box, .read)
        #expect(server.exchange(owner).errorCode == .rateLimited)
        let other = server.open(address: 8)
        other.attach(box, .read)
        #expect(server.exchange(other).attached != nil)
        // Behind a proxy on this machine everybody comes from there.
        let proxied = server.open(address: 0x7f00_0001)
        proxied.attach(wrong, .read)
        #expect(server.exchange(proxied).errorCode == .attachRefused)
        server.advance(seconds: 3_600)
        let later = server.open(address: 7)
        later.attach(box, .read)
        #expect(server.exchange(later).attached != nil)
    }

    @Test("MB-23 deposits into chats are not counted: their writer was let in by their owner")
    func chatIsFree() {
        let box = TestMailbox(seed: 1)
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let count = Limits.contactDepositsPerAddressHour + 100
        var counter: UInt64 = 0
        while counter < UInt64(count) {
            for _ in 0..<60 {
                counter += 1
                writer.deposit(box.id, counter, envelope(1))
            }
            #expect(server.exchange(writer).errorCode == nil)
            _ = reader.take()
            reader.acknowledge(box.id, 1...counter)
            _ = server.exchange(reader)
        }
    }
}

@Suite("§10.5 Rate limiter")
struct RateLimiterTests {
    @Test("MB-23 each bound holds to the last unit and not beyond")
    func bounds() {
        var random = SeededRandom(1)
        var limiter = RateLimiter(wallSeconds: 7_200, random: &random)
        let address = ClientAddress(simulated: 1)
        let all: [(RateLimiter.Charge, Int)] = [
            (.create, Limits.createsPerAddressHour),
            (.contactDeposit, Limits.contactDepositsPerAddressHour),
            (.fetch, Limits.fetchesPerAddressHour),
            (.registration, Limits.registrationsPerAddressHour),
            (.blobByte, Limits.blobByteCountPerAddressHour),
            (.signed, Limits.signedRequestsPerAddressHour),
        ]
        for (charge, bound) in all {
            #expect(
                limiter.take(
                    charge, amount: UInt32(bound), from: address, wallSeconds: 7_200,
                    random: &random) == nil)
            #expect(
                limiter.take(charge, from: address, wallSeconds: 7_201, random: &random) == 3_599)
        }
        // What does not fit is not counted: a smaller amount may still fit.
        let other = ClientAddress(simulated: 2)
        #expect(
            limiter.take(.create, amount: 1_999, from: other, wallSeconds: 7_300, random: &random)
                == nil)
        #expect(
            limiter.take(.create, amount: 2, from: other, wallSeconds: 7_300, random: &random)
                != nil)
        #expect(
            limiter.take(.create, amount: 1, from: other, wallSeconds: 7_300, random: &random)
                == nil)
    }

    @Test("MB-23 O2 a million addresses do not make an address forgotten that is near its bound")
    func flood() {
        var random = SeededRandom(1)
        var limiter = RateLimiter(wallSeconds: 0, random: &random)
        let heavy = ClientAddress(simulated: 7)
        _ = limiter.take(
            .create, amount: UInt32(Limits.createsPerAddressHour), from: heavy, wallSeconds: 0,
            random: &random)
        for number in 0..<20_000 as Range<UInt32> {
            _ = limiter.take(
                .create, from: ClientAddress(simulated: 1_000 + number), wallSeconds: 1,
                random: &random)
        }
        #expect(limiter.take(.create, from: heavy, wallSeconds: 2, random: &random) != nil)
    }

    @Test(
        "MB-23 IPv6 clients are one by their first 64 bits, IPv4 ones by all 32, whatever the port")
    func prefixes() throws {
        var random = SeededRandom(1)
        var limiter = RateLimiter(wallSeconds: 0, random: &random)
        func isLimited(_ text: String) throws -> Bool {
            let address = ClientAddress(try #require(SocketAddress(numeric: text)))
            return limiter.take(
                .create, amount: UInt32(Limits.createsPerAddressHour), from: address,
                wallSeconds: 0, random: &random) != nil
        }
        #expect(try !isLimited("[2001:db8:1:2::1]:1"))
        #expect(try isLimited("[2001:db8:1:2:ffff::9]:2"))
        #expect(try !isLimited("[2001:db8:1:3::1]:1"))
        #expect(try !isLimited("192.0.2.1:1"))
        #expect(try isLimited("192.0.2.1:2"))
        #expect(try !isLimited("192.0.2.2:1"))
        // The same IPv4 client over an IPv6 socket.
        #expect(try isLimited("[::ffff:192.0.2.1]:1"))
        #expect(try !isLimited("[::ffff:192.0.2.3]:1"))
    }
}
