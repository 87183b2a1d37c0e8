package import Platform

/// What the server says about itself on standard error: one line an event, counts and codes only.
///
/// The events and their fields are this list and nothing else, so that no address, id or name of
/// anybody can get into a log by an oversight, and no line can be forged from outside (H11, Z13).
///
/// - SPEC: MB-27
package enum ServerLog {
    /// The events.
    package enum Event: Sendable {
        /// The versions of what the server stands on. O9
        case versions(server: UInt16, sqlite: String, sodium: String)
        /// It listens.
        case listening(loops: Int, connectionsMax: Int)
        /// Anybody who can reach the machine can connect; the channel is encrypted all the same.
        case reachable
        /// Each loop's, once a minute if there was something: connections that ended, by reason.
        case connectionsEnded(counts: [Int])
        /// No descriptor was left for a client; at most once a minute.
        case exhausted
        /// The disk is at its floor: deposits are refused.
        case diskFloor(freeMiB: Int)
        /// The disk has room again.
        case diskRoom
        /// Expired rows were removed.
        case swept(envelopes: Int, blobs: Int, mailboxes: Int, handles: Int)
        /// The wall clock has jumped: nothing expires until it is believed again. J13
        case clockJumped
        /// It shuts down.
        case draining
        /// It has ended, and how many connections were cut off.
        case ended(cutOff: Int)
        /// The store failed, with SQLite's code; nothing more is acknowledged. J3
        case storeFailed(code: Int)
        /// A call to the system failed in a way that ends the server.
        case systemFailed(SystemError)
    }

    /// Held while a line is written, which never waits.
    private static let turn = Lock(())

    /// Writes an event.
    package static func write(_ event: Event, clock: some Clock = SystemClock()) {
        let time = CalendarTime(utcSecondsSince1970: UInt64(max(0, clock.wallSeconds)))
        let line = "\(stamp(time)) \(text(event))\n"
        let bytes = Array(line.utf8)
        // A log that nobody takes stops no thread of the server: the line is lost. CH-50
        _ = turn.withLock { _ in writeNow(bytes, to: 2) }
    }

    /// One of each event, for the test that reads what they say. Z13
    static let inventory: [Event] = [
        .versions(server: 0, sqlite: "3.40.1", sodium: "1.0.18"),
        .listening(loops: 1, connectionsMax: 1), .reachable,
        .connectionsEnded(counts: ConnectionEnd.allCases.map { _ in 1 }), .exhausted,
        .diskFloor(freeMiB: 1), .diskRoom, .swept(envelopes: 1, blobs: 1, mailboxes: 1, handles: 1),
        .clockJumped, .draining, .ended(cutOff: 0), .storeFailed(code: 10),
        .systemFailed(SystemError(.listen, code: 98)),
    ]

    static func text(_ event: Event) -> String {
        switch event {
        case .versions(let server, let sqlite, let sodium):
            "versions protocol=\(server) sqlite=\(sqlite) sodium=\(sodium)"
        case .listening(let loops, let connectionsMax):
            "listening loops=\(loops) connections-max=\(connectionsMax)"
        case .reachable: "reachable-from-outside"
        case .connectionsEnded(let counts):
            "connections-ended"
                + zip(ConnectionEnd.allCases, counts).filter { $0.1 > 0 }
                .map { " \($0.0)=\($0.1)" }.joined()
        case .exhausted: "descriptors-exhausted"
        case .diskFloor(let freeMiB): "disk-floor free-mib=\(freeMiB)"
        case .diskRoom: "disk-room"
        case .swept(let envelopes, let blobs, let mailboxes, let handles):
            "swept envelopes=\(envelopes) blobs=\(blobs) mailboxes=\(mailboxes)"
                + " handles=\(handles)"
        case .clockJumped: "clock-jumped"
        case .draining: "draining"
        case .ended(let cutOff): "ended cut-off=\(cutOff)"
        case .storeFailed(let code): "store-failed code=\(code)"
        case .systemFailed(let error):
            "system-failed call=\(error.call.rawValue) code=\(error.code)"
        }
    }

    private static func stamp(_ time: CalendarTime) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(time.year)-\(two(time.month))-\(two(time.day))"
            + "T\(two(time.hour)):\(two(time.minute)):\(two(time.second))Z"
    }
}
