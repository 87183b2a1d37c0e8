internal import Crypto
internal import Primitives
internal import Wire

/// What is known of a contact at this moment; lasts as long as the process.
struct LiveState {
    var isOnline = false
    var isTyping = false

    func wantsToSend(to mailbox: MailboxID) -> Bool { false }

    mutating func stopTyping(_ actions: inout [EngineAction], _ name: String) {
        guard isTyping else { return }
        isTyping = false
        actions.append(.event(.typing(contact: name, isTyping: false)))
    }
}

enum EphemeralLimits {
    static let receiptsMax = 16
}

extension Engine {
    func liveDeadline() -> UInt64? { receipts.nextDeadline(after: now.monotonic) }
    mutating func tickLive() throws(ClientError) {}
    package mutating func setTyping(
        _ name: String, _ isTyping: Bool, at moment: Moment
    ) throws(ClientError) {
        now = moment
        _ = try contact(named: name)
    }
    func seemsReachable(_ id: ContactID) -> Bool { false }
    mutating func sendFrame(to id: ContactID, type: ContentType) throws(ClientError) {}
    mutating func receivedFrame(
        _ bytes: [UInt8], mailbox: MailboxID, on link: LinkID
    ) throws(ClientError) {}
}
