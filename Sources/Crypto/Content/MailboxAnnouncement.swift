/// Which content named a peer's mailboxes, to know which of two namings is later.
///
/// - SPEC: §7.4, EN-11
package struct MailboxAnnouncement: Hashable, Sendable {
    /// The session the content came in.
    package let session: SessionID
    /// Its number in that session.
    package let number: UInt64
    /// Its time, by the writer's clock.
    package let milliseconds: UInt64

    /// The place and time of a content.
    package init(session: SessionID, number: UInt64, milliseconds: UInt64) {
        self.session = session
        self.number = number
        self.milliseconds = milliseconds
    }

    /// True when the mailboxes named here take the place of those that `current` named.
    package func replaces(_ current: MailboxAnnouncement?) -> Bool {
        // EN-11. Within a session numbers cannot be wrong, across sessions the writer's clock is
        // all there is. A first message names its reply mailbox and, in its content, the same
        // again, under one number.
        guard let current else { return true }
        return session == current.session
            ? number >= current.number : milliseconds >= current.milliseconds
    }
}
