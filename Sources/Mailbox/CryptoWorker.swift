import Channel
package import Primitives
import Wire
import Platform

/// What the crypto thread is asked to do.
enum CryptoMessage: Sendable {
    /// Channel handshakes of one loop's turn.
    case handshakes([HandshakeJob])
    /// Signatures of one turn.
    case checks([AttachCheck])
    /// Connections that have gone with their work undone.
    case abandoned([ConnectionID])
    /// End the thread.
    case stop
}

/// The computations that are too slow for an event loop: a channel handshake costs about 210 µs
/// and a signature 57, against 2 for a message.
///
/// How much can wait here is bounded by the connections: one handshake each before they may do
/// anything else, and `Limits.attachesPendingMax` signatures; work for one that has gone is
/// skipped. In what order it is done `CryptoQueue` says.
///
/// - SPEC: §10.1 MB-4, §11.2
package struct CryptoWorker: ~Copyable {
    private let staticKey: X25519KeyPair
    private var random: any RandomSource
    /// Verified against when there is no key, so that no answer comes sooner. MB-4
    private let nobody: Ed25519PublicKey

    /// Makes a worker for the server with this key.
    package init(staticKey: consuming X25519KeyPair, random: any RandomSource) {
        self.staticKey = staticKey
        self.random = random
        nobody = Ed25519KeyPair.generate(from: &self.random).publicKey
    }

    /// Computes the answer to a client's handshake message; nil when it is refused.
    package mutating func answer(_ job: HandshakeJob) -> HandshakeResult? {
        do throws(NoiseError) {
            return HandshakeResult(
                try ChannelHandshake.respond(
                    to: job.message.raw, staticKey: staticKey, versions: job.versions,
                    from: &random))
        } catch {
            return nil
        }
    }

    /// Judges a signature.
    package func judge(_ check: AttachCheck) -> AttachVerdict {
        let message = check.role.signedBytes(
            id: check.mailbox, handshakeHash: check.handshakeHash)
        let key = check.key.flatMap { try? Ed25519PublicKey(parsing: $0) }
        // MB-4
        let isSigned = (key ?? nobody).isValid(check.signature, for: message.raw)
        return AttachVerdict(
            origin: check.origin, mailbox: check.mailbox, role: check.role,
            isValid: isSigned && key != nil, address: check.address)
    }

    /// Serves until it is told to stop.
    mutating func run(_ inbox: Inbox<CryptoMessage>, loops: [Inbox<LoopMessage>]) {
        var messages: [CryptoMessage] = []
        var queue = CryptoQueue()
        while true {
            if queue.isEmpty { inbox.wait() }
            inbox.take(into: &messages)
            for message in messages {
                if case .stop = message { return }
                queue.add(message)
            }
            switch queue.next() {
            case .handshake(let job):
                // A result has one owner, so it cannot be the optional part of a call.
                let loop = loops[Int(job.connection.loop)]
                if let result = answer(job) {
                    loop.post(.handshake(job.connection, OneShot(result)))
                } else {
                    loop.post(.handshake(job.connection, nil))
                }
            case .checks(let checks):
                var verdicts: [AttachVerdict] = []
                verdicts.reserveCapacity(checks.count)
                for check in checks { verdicts.append(judge(check)) }
                // The router lies on the first loop.
                loops[0].post(.verdicts(verdicts))
            case nil:
                break
            }
        }
    }
}
