import Glibc
import Testing

@testable import Platform

@Suite("Sockets, epoll and poll")
struct SocketTests {
    @Test(
        "Numeric addresses are read and printed alike",
        arguments: ["127.0.0.1:8437", "[::1]:65535", "[fe80::1:2]:1", "0.0.0.0:0"])
    func numericAddresses(_ text: String) {
        #expect(SocketAddress(numeric: text)?.description == text)
    }

    @Test(
        "What is no numeric address is refused",
        arguments: [
            "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 1",
            "::1:80", "[::1]", "[]:1", "[127.0.0.1]:1", "localhost:80", "127.0.0.1:000080",
            "127.0.0.1:8\u{0}",
        ])
    func wrongAddresses(_ text: String) {
        #expect(SocketAddress(numeric: text) == nil)
    }

    @Test("Loopback addresses are told from others")
    func loopback() {
        #expect(SocketAddress(numeric: "127.9.9.9:1")?.isLoopback == true)
        #expect(SocketAddress(numeric: "[::1]:1")?.isLoopback == true)
        #expect(SocketAddress(numeric: "10.0.0.1:1")?.isLoopback == false)
        #expect(SocketAddress(numeric: "[::2]:1")?.isLoopback == false)
        #expect(SocketAddress(numeric: "0.0.0.0:1")?.isLoopback == false)
        #expect(SocketAddress(numeric: "0.0.0.0:1")?.isUnspecified == true)
        #expect(SocketAddress(numeric: "[::]:1")?.isUnspecified == true)
        #expect(SocketAddress(numeric: "[::1]:1")?.isUnspecified == false)
        #expect(SocketAddress(numeric: "127.0.0.1:1")?.isUnspecified == false)
    }

    @Test("localhost resolves to loopback; a name that cannot exist gives the lookup's error")
    func resolves() throws {
        let found = try SocketAddress.resolve(host: "localhost", port: 5)
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.isLoopback && $0.port == 5 })
        #expect {
            try SocketAddress.resolve(host: "no such host", port: 1)
        } throws: { error in
            (error as? SystemError)?.call == .getaddrinfo
        }
    }

    private static func pair(
        _ address: String
    ) throws -> (listener: Int32, client: Int32, server: Int32, port: UInt16) {
        let listener = try TCP.listen(on: try #require(SocketAddress(numeric: address)))
        let bound = try TCP.localAddress(of: listener)
        let client = try TCP.connect(
            toAnyOf: [bound], timeoutMilliseconds: 5_000, clock: SystemClock())
        var poller = Poller()
        poller.watch(listener.raw, [.read])
        _ = try poller.wait(timeoutMilliseconds: 5_000)
        switch try TCP.accept(on: listener) {
        case .connection(let server, let from):
            #expect(from.isLoopback)
            #expect(try TCP.localAddress(of: client) == from)
            return (listener.release(), client.release(), server.release(), bound.port)
        case .none: throw SystemError(.accept, code: EAGAIN)
        case .exhausted: throw SystemError(.accept, code: EMFILE)
        }
    }

    @Test("A connection carries bytes both ways", arguments: ["127.0.0.1:0", "[::1]:0"])
    func carriesBytes(_ address: String) throws {
        let made = try Self.pair(address)
        let listener = Descriptor(owning: made.listener)
        let client = Descriptor(owning: made.client)
        let server = Descriptor(owning: made.server)
        #expect(made.port != 0)
        if case .none = try TCP.accept(on: listener) {} else { Issue.record("nobody waits") }

        var buffer = ByteBuffer()
        #expect(try server.read(into: &buffer, room: 100) == .wouldBlock)
        #expect(try client.send([1, 2, 3].span.rawBytes) == .bytes(3))
        var poller = Poller()
        poller.watch(server.raw, [.read])
        #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
        #expect(poller.readiness(of: server.raw) == [.read])
        #expect(poller.readiness(of: client.raw) == [])
        #expect(try server.read(into: &buffer, room: 100) == .bytes(3))
        #expect(ByteBufferTests.bytes(buffer) == [1, 2, 3])

        TCP.finishSending(client)
        #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
        #expect(try server.read(into: &buffer, room: 100) == .closed)
        #expect(buffer.count == 3)
    }

    @Test("Sending to a peer that is gone says closed and raises no signal")
    func peerGone() throws {
        let made = try Self.pair("127.0.0.1:0")
        _ = Descriptor(owning: made.listener)
        let client = Descriptor(owning: made.client)
        close(made.server)
        var poller = Poller()
        poller.watch(client.raw, [.read])
        #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
        var last = try client.send([1].span.rawBytes)
        for _ in 0..<1_000 where last != .closed {
            var ready = Poller()
            ready.watch(client.raw, [.write])
            _ = try ready.wait(timeoutMilliseconds: 5_000)
            last = try client.send([1].span.rawBytes)
        }
        #expect(last == .closed)
    }

    @Test("A full socket says so and takes bytes again when the peer has read")
    func backpressure() throws {
        let made = try Self.pair("127.0.0.1:0")
        _ = Descriptor(owning: made.listener)
        let client = Descriptor(owning: made.client)
        let server = Descriptor(owning: made.server)
        let block = [UInt8](repeating: 7, count: 65_536)
        var sent = 0
        while case .bytes(let count) = try client.send(block.span.rawBytes) { sent += count }
        #expect(sent > 0)
        var received = 0
        var poller = Poller()
        poller.watch(server.raw, [.read])
        while received < sent {
            #expect(try poller.wait(timeoutMilliseconds: 5_000) == 1)
            var buffer = ByteBuffer()
            if case .bytes(let count) = try server.read(into: &buffer, room: 65_536) {
                received += count
            }
        }
        #expect(received == sent)
        #expect(try client.send([1].span.rawBytes) == .bytes(1))
    }

    @Test("A port nobody listens on refuses; a second listener on one port is refused")
    func refusals() throws {
        let any = try #require(SocketAddress(numeric: "127.0.0.1:0"))
        let bound: SocketAddress
        do {
            let listener = try TCP.listen(on: any)
            bound = try TCP.localAddress(of: listener)
            #expect(throws: SystemError(.bind, code: EADDRINUSE)) {
                try Self.listenAndClose(bound)
            }
        }
        #expect(throws: SystemError(.connect, code: ECONNREFUSED)) {
            try Self.connectAndClose(bound)
        }
        // The same port again, at once: the old listener leaves nothing to wait for.
        try Self.listenAndClose(bound)
    }

    private static func listenAndClose(_ address: SocketAddress) throws(SystemError) {
        _ = try TCP.listen(on: address)
    }

    private static func connectAndClose(_ address: SocketAddress) throws(SystemError) {
        _ = try TCP.connect(toAnyOf: [address], timeoutMilliseconds: 5_000, clock: SystemClock())
    }

    @Test("Two listeners share a port when both ask for it")
    func sharedPort() throws {
        let any = try #require(SocketAddress(numeric: "127.0.0.1:0"))
        let first = try TCP.listen(on: any, sharesPort: true)
        let bound = try TCP.localAddress(of: first)
        let second = try TCP.listen(on: bound, sharesPort: true)
        #expect(try TCP.localAddress(of: second) == bound)
    }

    @Test("Epoll tells which descriptor is ready for what, and nothing of one that was removed")
    func epoll() throws {
        let made = try Self.pair("127.0.0.1:0")
        _ = Descriptor(owning: made.listener)
        let client = Descriptor(owning: made.client)
        let server = Descriptor(owning: made.server)
        let epoll = try Epoll(eventsMax: 4)
        try epoll.add(client.raw, token: 0xFFFF_0000_0000_0001, for: [.write])
        try epoll.add(server.raw, token: 2, for: [.read])
        #expect(try epoll.wait(timeoutMilliseconds: 5_000) == 1)
        #expect(epoll.event(at: 0).token == 0xFFFF_0000_0000_0001)
        #expect(epoll.event(at: 0).readiness == [.write])

        try epoll.modify(client.raw, token: 3, for: [.read])
        #expect(try epoll.wait(timeoutMilliseconds: 0) == 0)
        #expect(try client.send([1].span.rawBytes) == .bytes(1))
        #expect(try epoll.wait(timeoutMilliseconds: 5_000) == 1)
        #expect(epoll.event(at: 0).token == 2)
        #expect(epoll.event(at: 0).readiness == [.read])

        try epoll.modify(server.raw, token: 2, for: [])
        #expect(try epoll.wait(timeoutMilliseconds: 0) == 0)
    }

    @Test("H6 accepting without a free descriptor says exhausted, and goes on when one is free")
    func descriptorsExhausted() async {
        await #expect(processExitsWith: .success) {
            let any = try #require(SocketAddress(numeric: "127.0.0.1:0"))
            let listener = try TCP.listen(on: any)
            let bound = try TCP.localAddress(of: listener)
            let client = try TCP.connect(
                toAnyOf: [bound], timeoutMilliseconds: 5_000, clock: SystemClock())
            _ = client
            var taken: [Int32] = []
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            while true {
                let fd = dup(listener.raw)
                if fd < 0 { break }
                taken.append(fd)
            }
            guard case .exhausted = try TCP.accept(on: listener) else { fatalError("accepted") }
            close(taken.removeLast())
            guard case .connection = try TCP.accept(on: listener) else { fatalError("refused") }
        }
    }
}
