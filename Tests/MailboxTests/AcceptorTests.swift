import Glibc
import Platform
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
            var acceptor = Acceptor(listener: listener, connectionsMax: 100)
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
            let none = acceptor.accept(open: 0, epoll: epoll, token: 7)
            expect(none == nil)
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
            let taken = acceptor.accept(open: 0, epoll: epoll, token: 7)
            expect(taken != nil)
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
}
