internal import Platform

/// The look-up of a host name, on a thread of its own: the system's blocks for as long as the name
/// service takes, and everything else would wait for it.
///
/// Dropping it lets the thread end by itself; nobody hears its answer then.
final class NameLookup: Sendable {
    private let answer: Inbox<[SocketAddress]>

    /// Begins to look up.
    ///
    /// - Throws: `SystemError` when the process has no thread or descriptor left.
    init(host: String, port: UInt16) throws(SystemError) {
        let answer = try Inbox<[SocketAddress]>()
        self.answer = answer
        _ = try spawnThread(named: "names") {
            answer.post((try? SocketAddress.resolve(host: host, port: port)) ?? [])
        }
    }

    /// Readable once there is an answer.
    var descriptor: Int32 { answer.descriptor }

    /// The addresses in the order in which to try them; none when there is no such name, nil while
    /// there is no answer.
    func take() -> [SocketAddress]? {
        var batch: [[SocketAddress]] = []
        answer.take(into: &batch)
        return batch.first
    }
}
