import Platform
import Primitives
import Wire

/// Moves the bytes of many `MailboxLink`s on one thread.
final class MailboxPool {
    private(set) var links: [MailboxLink] = []
    private let epoll: Epoll
    private let address: SocketAddress
    private let clock = SystemClock()
    private var watched: [Readiness?] = []

    init(server: ServerAddress, address: SocketAddress, count: Int) throws(SystemError) {
        epoll = try Epoll(eventsMax: 1_024)
        self.address = address
        for index in 0..<count {
            links.append(MailboxLink(index: index, serverKey: server.key))
            watched.append(nil)
        }
    }

    /// Begins to connect a link, also one that was closed.
    func connect(_ link: MailboxLink) throws(SystemError) {
        try link.connect(to: address)
        guard let socket = link.socketBox else { return }
        watched[link.index] = [.read, .write]
        try epoll.add(
            socket.descriptor.raw, token: UInt64(link.index), for: [.read, .write])
    }

    /// One turn: waits at most so long, moves what can be moved.
    func turn(timeoutMilliseconds: Int32) throws(SystemError) {
        flush()
        let count = try epoll.wait(timeoutMilliseconds: timeoutMilliseconds)
        for place in 0..<count {
            let (token, readiness) = epoll.event(at: place)
            let link = links[Int(token)]
            if readiness.contains(.write) { link.writable() }
            if readiness.contains(.read) || readiness.contains(.broken) { link.readable() }
            link.isDirty = true
        }
        flush()
    }

    /// Turns until something is so.
    ///
    /// - Returns: false when the time ran out.
    func run(
        milliseconds: Int64, until isDone: () -> Bool
    ) throws(SystemError) -> Bool {
        let deadline = clock.monotonicMilliseconds + milliseconds
        while !isDone() {
            if clock.monotonicMilliseconds >= deadline { return false }
            try turn(timeoutMilliseconds: 20)
        }
        return true
    }

    private func flush() {
        for link in links where link.isDirty {
            link.isDirty = false
            link.seal()
            link.flush()
            watch(link)
        }
    }

    private func watch(_ link: MailboxLink) {
        guard let socket = link.socketBox else {
            watched[link.index] = nil
            return
        }
        let wanted: Readiness =
            link.hasOutput || link.phase == .connecting ? [.read, .write] : [.read]
        guard watched[link.index] != wanted else { return }
        watched[link.index] = wanted
        try? epoll.modify(socket.descriptor.raw, token: UInt64(link.index), for: wanted)
    }
}

/// A mailbox of a load generator, with both its keys, made from a number so that a second run knows
/// it again.
struct BenchMailbox: ~Copyable {
    let id: MailboxID
    let keys: [Ed25519PublicKey]
    private let read: Ed25519KeyPair
    private let write: Ed25519KeyPair

    init(seed: UInt64) {
        var random = SeededRandom(seed)
        read = .generate(from: &random)
        write = .generate(from: &random)
        keys = [read.publicKey, write.publicKey]
        id = MailboxKind.chat.mailboxID(keys: keys) ?? .zero
    }

    /// Adds the frame that makes it.
    func create(_ link: MailboxLink) -> UInt32 {
        link.add { .create(CreateFrame(request: $0, kind: .chat, keys: keys)) }
    }

    /// Adds the frame that attaches it.
    func attach(_ link: MailboxLink, _ role: AttachRole) -> UInt32 {
        let message = role.signedBytes(id: id, handshakeHash: link.handshakeHash)
        let signature = role == .read ? read.sign(message.raw) : write.sign(message.raw)
        return link.add {
            .attach(AttachFrame(request: $0, role: role, id: id, signature: signature))
        }
    }
}

/// Holds a mailbox where a class instance is needed.
final class BenchMailboxBox {
    let mailbox: BenchMailbox
    init(seed: UInt64) { mailbox = BenchMailbox(seed: seed) }
}
