import Primitives
import Wire

extension Router {
    /// Takes what the store did, after the commit that holds it. MB-8
    package mutating func complete(
        _ answers: StorageAnswers, into outlet: inout some Outlet & ~Copyable
    ) {
        for index in 0..<min(answers.results.count, answers.batch.requests.count) {
            complete(answers.batch.requests[index], answers.results[index], answers, &outlet)
        }
    }

    private mutating func complete(
        _ request: StorageRequest, _ result: StorageResult, _ answers: StorageAnswers,
        _ outlet: inout some Outlet & ~Copyable
    ) {
        let origin = request.origin
        switch (request.operation, result) {
        case (.deposit(let mailbox, _, let envelope), .deposited(let sequence, let isKept)):
            outlet.done(origin)
            if isKept {
                deliver(mailbox, sequence, answers.batch.bytes, envelope, into: &outlet)
            }
        case (.depositContact(let mailbox, let envelope), .deposited(let sequence, let isKept)):
            outlet.done(origin)
            if isKept {
                deliver(mailbox, sequence, answers.batch.bytes, envelope, into: &outlet)
            }
        case (.deposit, .counterGap(let next)):
            outlet.refuse(.counterGap, origin, nextCounter: next)
        case (.acknowledge(let mailbox, let fence, let sequences), .done):
            outlet.done(origin)
            acknowledged(mailbox, fence: fence, sequences)
        case (.read(let mailbox, let fence, _, _, let byteCountMax), _):
            completeRead(
                mailbox, fence: fence, byteCountMax: byteCountMax, of: origin.connection, result,
                answers,
                &outlet)
        case (.findKey(let mailbox, let role, let signature, let address), _):
            check(mailbox, role, answers.batch.bytes, signature, result, address, origin)
        case (.attachReader(let mailbox), .reader(let fence, let next, let waiting, let closed)):
            readerAttached(
                mailbox, fence: fence, next: next, waiting: waiting, isClosed: closed, origin,
                &outlet)
        case (.attachWriter(let mailbox), .writer(let next)):
            writerAttached(mailbox, next: next, origin, &outlet)
        case (.attachReader, .refused(let code)), (.attachWriter, .refused(let code)):
            _ = peers.update(origin.connection) { $0.pendingAttachCount -= 1 }
            outlet.refuse(code, origin, .attach)
        case (.setClosed(let mailbox, let fence, let closed), .done):
            if let index = mailboxes.index(of: mailbox), mailboxes[index].fence == fence {
                mailboxes[index].isClosed = closed
            }
            outlet.done(origin)
        case (.delete(let mailbox, _), .done):
            removed(mailbox)
            outlet.done(origin)
        case (.getBlob, .blob(let range)):
            outlet.blob(answers.bytes.raw.extracting(range), origin)
        case (.getBlob, .refused(let code)):
            outlet.refuse(code, origin, .blob)
        case (.directory, .directory(let range)):
            outlet.directory(answers.bytes.raw.extracting(range), origin)
        case (.directory, .refused(let code)):
            outlet.refuse(code, origin, .directory)
        case (.sweep, let result):
            isSweepUnderWay = false
            // What could not be written now is tried again as well.
            if case .swept(more: false) = result { break }
            isSweepDue = true
        case (.renewLease, _):
            break
        case (_, .refused(let code)):
            outlet.refuse(code, origin)
        case (_, .done):
            outlet.done(origin)
        default:
            // The storage thread answers each operation as its case says; anything else is a fault
            // of ours that must not leave a client waiting.
            outlet.refuse(.internalError, origin)
        }
    }

    /// A mailbox is gone: whoever was attached holds nothing any more.
    private mutating func removed(_ mailbox: MailboxID) {
        guard let index = mailboxes.index(of: mailbox) else { return }
        if let reader = mailboxes[index].reader { removeAttach(reader, at: index, .read) }
        for writer in mailboxes[index].writers { removeAttach(writer, at: index, .write) }
        mailboxes[index].reader = nil
        mailboxes[index].writers = []
        mailboxes.removeIfUnused(index)
    }
}
