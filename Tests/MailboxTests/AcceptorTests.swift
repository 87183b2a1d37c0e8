import Channel
import Glibc
import Platform
import Primitives
import Testing

@testable import Mailbox

@Suite("§11.3 What a server does when something runs out")
struct AcceptorTests {
    @Test(
        "CH-49 H6 without descriptors waiting clients are closed and the listener rests until it is told"
    )
    func exhausted() async {
        await #expect(processExitsWith: .success) {
            func expect(_ condition: Bool) { precondition(condition) }
            guard let any = SocketAddress(numeric: "127.0.0.1:0") else { exit(2) }
            let listener = try TCP.listen(on: any)
            let address = try TCP.localAddress(of: listener)
            let epoll = try Epoll()
            try epoll.add(listener.raw, token: 7, for: [.read])
            var random = SystemRandom()
            let addresses = AddressCounts(countMax: 0, random: &random)
            var acceptor = Acceptor(
                listener: listener, connectionsMax: 100, addresses: addresses)
            // Clients of the same process, which need descriptors of their own: made now.
            func client() throws -> Descriptor {
                try TCP.connect(
                    toAnyOf: [address], timeoutMilliseconds: 5_000, clock: SystemClock())
            }
            let first = try client()
            let second = try client()
            let third = try client()
            var limit = rlimit()
            let nothingMore = third.raw + 1
            _ = unsafe getrlimit(__rlimit_resource_t(7), &limit)
            let most = limit.rlim_cur
            limit.rlim_cur = rlim_t(nothingMore)
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)

            try expect(epoll.wait(timeoutMilliseconds: 5_000) == 1)
            if acceptor.accept(open: 0, epoll: epoll, token: 7) != nil { exit(3) }
            expect(acceptor.isExhausted)
            var buffer = ByteBuffer()
            for socket in [first.raw, second.raw, third.raw] {
                var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                unsafe expect(poll(&entry, 1, 5_000) == 1)
            }
            try expect(first.read(into: &buffer, room: 10) == .closed)
            // Room for a client's end, none for the server's.
            limit.rlim_cur = rlim_t(nothingMore + 1)
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            let fourth = try client()
            // Told again at once, the loop would spin.
            try expect(epoll.wait(timeoutMilliseconds: 0) == 0)
            try expect(epoll.wait(timeoutMilliseconds: 100) == 0)

            limit.rlim_cur = most
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            acceptor.retry(epoll: epoll, token: 7)
            try expect(epoll.wait(timeoutMilliseconds: 5_000) == 1)
            if acceptor.accept(open: 0, epoll: epoll, token: 7) == nil { exit(4) }
            _ = consume fourth
            _ = consume second
        }
    }

    @Test("CH-49 each loop has its own descriptors in the reserve", arguments: [1, 7, 64])
    func reserve(loopCount: Int) throws {
        // Standard streams, folder lock, SQLite's files, inboxes of the other threads, admin.
        let fixed = 3 + 1 + 6 + 6 + 4
        #expect(
            ServerConfiguration.descriptorReserve(loopCount: loopCount) >= fixed + 4 * loopCount)
    }

    private func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(numeric: text))
    }

    @Test(
        "CH-48 H6 an address has its number of connections, whatever its ports; others are not held up"
    )
    func perAddress() throws {
        var random = SeededRandom(1)
        let counts = AddressCounts(countMax: 3, random: &random)
        let one = try address("192.0.2.1:1000")
        var places: [HeldPlace] = []
        for port in 0..<3 {
            places.append(
                try HeldPlace(counts.enter(try address("192.0.2.1:\(port + 1)"))))
        }
        #expect(throws: HeldPlace.Refused.self) { _ = try HeldPlace(counts.enter(one)) }
        // The same client by way of a socket that takes both families.
        #expect(throws: HeldPlace.Refused.self) {
            _ = try HeldPlace(counts.enter(try self.address("[::ffff:192.0.2.1]:9")))
        }
        let other = try HeldPlace(counts.enter(try address("192.0.2.2:1000")))
        #expect(counts.addressCount == 2)
        places.removeLast()
        places.append(try HeldPlace(counts.enter(one)))
        #expect(throws: HeldPlace.Refused.self) { _ = try HeldPlace(counts.enter(one)) }
        places.removeAll()
        withExtendedLifetime(other) { #expect(counts.addressCount == 1) }
    }

    @Test("CH-48 whoever has one IPv6 address has all of its first 64 bits")
    func perNetwork() throws {
        var random = SeededRandom(1)
        let counts = AddressCounts(countMax: 1, random: &random)
        let one = try HeldPlace(counts.enter(try address("[2001:db8::1]:1")))
        #expect(throws: HeldPlace.Refused.self) {
            _ = try HeldPlace(counts.enter(try self.address("[2001:db8::ffff:2]:1")))
        }
        let other = try HeldPlace(counts.enter(try address("[2001:db8:0:1::1]:1")))
        withExtendedLifetime((one, other)) {}
    }

    @Test(
        "CH-48 this machine's own addresses are not counted, and a bound of 0 is none",
        arguments: ["127.0.0.1:1", "127.9.8.7:1", "[::1]:1", "[::ffff:127.0.0.1]:1"])
    func loopback(text: String) throws {
        var random = SeededRandom(1)
        let counts = AddressCounts(countMax: 1, random: &random)
        let all = AddressCounts(countMax: 1, includesLoopback: true, random: &random)
        let none = AddressCounts(countMax: 0, random: &random)
        let places = try (0..<4).map { _ in try HeldPlace(counts.enter(try address(text))) }
        let more = try (0..<4).map { _ in
            try HeldPlace(none.enter(try address("192.0.2.1:1")))
        }
        let first = try HeldPlace(all.enter(try address(text)))
        #expect(throws: HeldPlace.Refused.self) {
            _ = try HeldPlace(all.enter(try self.address(text)))
        }
        withExtendedLifetime((places, more, first)) {}
    }

    @Test(
        "CH-48 H6 a live server closes one connection too many and takes the next when one has gone"
    )
    func live() throws {
        let server = try LiveServer(connectionsPerAddressMax: 3)
        let clients = try (0..<3).map { _ in try server.open() }
        let late = try server.connect()
        try late.untilClosed()
        clients[0].client.close(.normal)
        try clients[0].untilClosed()
        // The server learns of it a moment after the client: it is asked until it has.
        var next = try? server.open()
        for _ in 0..<1_000 where next == nil { next = try? server.open() }
        #expect(next != nil)
        try server.stop()
    }
}

/// A place in an object, since an array cannot hold what has one owner.
private final class HeldPlace {
    struct Refused: Error {}

    private let place: AddressPlace

    init(_ place: consuming AddressPlace?) throws {
        guard let place = consume place else { throw Refused() }
        self.place = place
    }
}
