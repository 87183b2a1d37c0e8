internal import Crypto
internal import Primitives
internal import Wire

// First messages that nobody answers are made anew when the prekeys they rest on are no longer the
// published ones: their recipient may have lost the private halves. CL-46

extension Engine {
    /// The published prekeys are looked at so often at most.
    private static let comparisonMilliseconds: UInt64 = 86_400_000

    /// Remembers what a first message rests on; the prekeys of a link are never replaced.
    mutating func notePreKey(_ preKey: UInt32, of id: ContactID, isLink: Bool) {
        let wall = now.wall
        changeRecovery(of: id) { record in
            record.preKeyID = isLink ? 0 : preKey
            record.comparedMilliseconds = wall
        }
    }

    /// Asks once a day which prekeys those publish who have not answered. CL-46
    mutating func compareFirstMessages() {
        for contact in contacts.values.sorted(by: { $0.id < $1.id })
        where contact.state == .invited {
            guard let handle = contact.handle, let server = contact.handleServer,
                recovery(of: contact.id).preKeyID != 0,
                isOver(
                    Self.comparisonMilliseconds,
                    since: recovery(of: contact.id).comparedMilliseconds)
            else { continue }
            let wall = now.wall
            changeRecovery(of: contact.id) { $0.comparedMilliseconds = wall }
            let task = AddTask(
                operation: operations.begin(), server: server, name: nil, renews: contact.id)
            begin(.lookUp(task, handle), at: server)
        }
    }

    /// True when the directory names the account that the first message was written to; else the
    /// user is told, and nothing is written to the other one. CL-46
    mutating func isSameAccount(_ task: AddTask, _ record: Record) -> Bool {
        guard let contact = task.renews.flatMap({ contacts[$0] }) else { return true }
        if contact.account == record.account { return true }
        tell(.notice(.accountChanged(contact: contact.name)))
        operations.end(task.operation, .failed(.recordInvalid), &actions)
        return false
    }

    /// Begins another session from the prekeys that are published now, and gives up the one that
    /// was not answered. CL-46
    mutating func renew(
        _ id: ContactID, _ task: AddTask, _ verified: Verified<Record>,
        _ preKeys: Verified<FetchedPreKeys>
    ) throws(ClientError) {
        let bundle = preKeys.value.bundle
        guard var contact = contacts[id], contact.state == .invited,
            contact.account == verified.value.account, contact.keep(verified),
            bundle.certificate.isLive(secondsSince1970: Int64(clamping: now.wall / 1_000))
        else { return operations.end(task.operation, .failed(.recordInvalid), &actions) }
        let summary = summary(of: contact)
        defer { operations.end(task.operation, .alreadyContact(summary), &actions) }
        guard bundle.contents.signedPreKeyID != recovery(of: id).preKeyID else { return }
        contact.certificate = bundle.certificate
        contact.contactMailbox = bundle.contents.contact.mailbox
        contact.contactServer = bundle.contents.contact.server
        save(contact)
        let unanswered = sessions.set(of: id).entries.filter { !$0.hasReceived }.map(\.id)
        guard
            try beginSession(
                with: contact, RecipientPreKeys(preKeys), .hello, givingUp: unanswered)
        else { return }
        for item in outbox where item.contact == id && item.form == .first { remove(item) }
        try forgetHellos(to: id)
        notePreKey(bundle.contents.signedPreKeyID, of: id, isLink: false)
        let hello = try adding(
            reportsOf: id, to: hello(for: contact, recoveryBundle: nil))
        try enqueueFirst(hello, to: id)
        for row in try transaction.committedRows(.unconfirmed, group: id.array) {
            let unconfirmed = try UnconfirmedRecord.decode(row.value)
            guard unconfirmed.isShown else { continue }
            try sealAgain(unconfirmed.message, to: id)
        }
        try sealWaiting(of: id)
    }
}
