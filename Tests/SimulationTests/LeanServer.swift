import Primitives
import Wire

@testable import Client

/// A mailbox server of plain lists behind frames, for schedules of many messages: no channel, no
/// store, no proofs. What a hostile server does to envelopes is in it.
final class LeanServer {
    struct Waiting {
        let sequence: UInt64
        let envelope: [UInt8]
    }

    final class Box {
        let kind: MailboxKind
        var nextCounter: UInt64 = 1
        var nextSequence: UInt64 = 1
        var waiting: [Waiting] = []
        var readAttaches: UInt32 = 0
        /// Who is delivered to: the client and its connection.
        var reader: (client: LeanClient, link: LinkID)?
        /// Delivered on this attach.
        var delivered: Set<UInt64> = []

        init(kind: MailboxKind) { self.kind = kind }
    }

    /// What is done to one envelope in so many, in thousandths.
    struct Hostility {
        var drops: UInt64 = 0
        var doubles: UInt64 = 0
        var reorders: UInt64 = 0
        var replays: UInt64 = 0
        var misplaces: UInt64 = 0
        var delays: UInt64 = 0
    }

    let address: ServerAddress
    let signingKey: Ed25519PublicKey
    var boxes: [MailboxID: Box] = [:]
    var blobs: [FixedBytes<32>: [UInt8]] = [:]
    var random: SeededRandom
    var hostility = Hostility()
    /// Everything that was ever deposited in chat mailboxes, for replays.
    private(set) var history: [(mailbox: MailboxID, envelope: [UInt8])] = []
    private var delayed: [(mailbox: MailboxID, envelope: [UInt8])] = []
    private(set) var droppedCount = 0
    private(set) var disturbedCount = 0
    private(set) var depositCount = 0
    /// Body nonces that were seen, by the envelope they stood in. B2
    private var nonces: [FixedBytes<12>: FixedBytes<32>] = [:]
    private(set) var repeatedNonces = 0
    /// Sees each honest deposit.
    var observer: ((MailboxID, [UInt8]) -> Void)?

    init(seed: UInt64) throws {
        random = SeededRandom(seed)
        address = try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, host: Host("lean"))
        signingKey = Ed25519KeyPair.generate(from: &random).publicKey
    }

    private func happens(_ thousandths: UInt64) -> Bool {
        thousandths > 0 && random.integer(below: 1_000) < thousandths
    }

    // MARK: Requests

    func take(_ frame: OutgoingFrame, from client: LeanClient, on link: LinkID) {
        switch frame {
        case .create(let create):
            if boxes[create.mailbox] == nil { boxes[create.mailbox] = Box(kind: create.kind) }
            client.deliver(.done(request: create.request), on: link)
        case .attach(let attach): take(attach, from: client, on: link)
        case .deposit(let request, let mailbox, let counter, let envelope):
            guard let box = boxes[mailbox] else {
                return client.refuse(request, .notAttached, on: link)
            }
            if counter < box.nextCounter {
                return client.refuse(request, .counterTaken, on: link)
            }
            guard counter == box.nextCounter else {
                return client.deliver(
                    .error(
                        ErrorFrame(
                            request: request, code: .counterGap, nextCounter: box.nextCounter)),
                    on: link)
            }
            box.nextCounter += 1
            depositCount += 1
            note(envelope)
            disturb(mailbox, envelope)
            client.deliver(.done(request: request), on: link)
        case .contactDeposit(let request, let mailbox, let envelope):
            guard boxes[mailbox] != nil else {
                return client.refuse(request, .noSuchMailbox, on: link)
            }
            note(envelope)
            put(envelope, in: mailbox)
            client.deliver(.done(request: request), on: link)
        case .acknowledge(let acknowledge):
            boxes[acknowledge.mailbox]?.waiting.removeAll {
                acknowledge.sequences.contains($0.sequence)
            }
            client.deliver(.done(request: acknowledge.request), on: link)
        case .ephemeral(let mailbox, let frame):
            guard let reader = boxes[mailbox]?.reader, !happens(hostility.drops) else { return }
            reader.client.deliver(.ephemeral(mailbox: mailbox, frame: frame), on: reader.link)
        case .delete(let delete):
            boxes[delete.mailbox] = nil
            client.deliver(.done(request: delete.request), on: link)
        case .putBlob(let request, let idHash, _, _, let blob):
            blobs[idHash] = blob
            client.deliver(.done(request: request), on: link)
        case .getBlob(let get):
            if let blob = blobs[SHA256.hash(get.id.raw)] {
                client.deliver(.blob(request: get.request, bytes: blob), on: link)
            } else {
                client.refuse(get.request, .notFound, on: link)
            }
        case .eraseBlob(let erase):
            blobs[erase.idHash] = nil
            client.deliver(.done(request: erase.request), on: link)
        case .publishRecord(let request, _), .publishBundle(let request, _, _, _, _):
            client.deliver(.done(request: request), on: link)
        case .lookUp(let request): client.refuse(request.request, .notFound, on: link)
        case .fetchPreKeys(let request): client.refuse(request.request, .notFound, on: link)
        }
    }

    private func take(_ attach: AttachFrame, from client: LeanClient, on link: LinkID) {
        guard let box = boxes[attach.id] else {
            return client.refuse(attach.request, .attachRefused, on: link)
        }
        if attach.role == .read {
            box.readAttaches += 1
            box.reader = (client, link)
            box.delivered = []
        }
        client.deliver(
            .attached(
                AttachedFrame(
                    request: attach.request, readAttaches: box.readAttaches,
                    nextCounter: box.nextCounter, waiting: UInt32(box.waiting.count))),
            on: link)
        push(attach.id)
    }

    func disconnect(_ link: LinkID, of client: LeanClient) {
        for box in boxes.values where box.reader?.client === client && box.reader?.link == link {
            box.reader = nil
        }
    }

    // MARK: Envelopes

    private func put(_ envelope: [UInt8], in mailbox: MailboxID, isEarly: Bool = false) {
        guard let box = boxes[mailbox] else { return }
        let waiting = Waiting(sequence: box.nextSequence, envelope: envelope)
        box.nextSequence += 1
        box.waiting.insert(waiting, at: isEarly ? 0 : box.waiting.count)
        push(mailbox)
    }

    private func push(_ mailbox: MailboxID) {
        guard let box = boxes[mailbox], let reader = box.reader else { return }
        for waiting in box.waiting where box.delivered.insert(waiting.sequence).inserted {
            reader.client.deliver(
                .delivery(
                    mailbox: mailbox, sequence: waiting.sequence, envelope: waiting.envelope),
                on: reader.link)
        }
    }

    /// Lets the adversary have its way with an envelope of a chat mailbox.
    private func disturb(_ mailbox: MailboxID, _ envelope: [UInt8]) {
        observer?(mailbox, envelope)
        history.append((mailbox, envelope))
        if happens(hostility.drops) {
            droppedCount += 1
            return
        }
        if happens(hostility.delays) {
            disturbedCount += 1
            return delayed.append((mailbox, envelope))
        }
        if happens(hostility.misplaces),
            let other = boxes.keys.sorted().filter({ $0 != mailbox }).picked(by: &random)
        {
            disturbedCount += 1
            put(envelope, in: other)
        }
        put(envelope, in: mailbox, isEarly: happens(hostility.reorders))
        if happens(hostility.doubles) {
            disturbedCount += 1
            put(envelope, in: mailbox)
        }
        if happens(hostility.replays), let old = history.picked(by: &random) {
            disturbedCount += 1
            put(old.envelope, in: old.mailbox)
        }
        if happens(200), !delayed.isEmpty { releaseOne() }
    }

    private func releaseOne() {
        let index = Int(random.integer(below: UInt64(delayed.count)))
        let late = delayed.remove(at: index)
        put(late.envelope, in: late.mailbox)
    }

    /// From here on it is an honest server.
    func endHostility() {
        hostility = Hostility()
        while !delayed.isEmpty { releaseOne() }
    }

    /// An envelope that nobody wrote.
    func putGarbage(in mailbox: MailboxID) {
        var envelope = [UInt8](repeating: 0, count: 1_024)
        let word: FixedBytes<32> = random.bytes()
        for index in 0..<32 { envelope[1 + index] = word[index] }
        put(envelope, in: mailbox)
    }

    /// The nonce of a body is random: one that comes twice in two envelopes would be a key and
    /// nonce used twice, or a broken random source.
    private func note(_ envelope: [UInt8]) {
        // Behind the version, or, of what begins with a prefix that stood there before, behind it.
        let hash = SHA256.hash(envelope.raw)
        for start in [1, 1_163 + 475] where start + 12 < envelope.count {
            guard let nonce = FixedBytes<12>(copying: envelope[start..<start + 12].raw) else {
                return
            }
            guard let known = nonces[nonce] else {
                nonces[nonce] = hash
                return
            }
            if known == hash { return }
        }
        repeatedNonces += 1
    }
}

extension Array {
    /// One of them, or nil of none.
    func picked(by random: inout SeededRandom) -> Element? {
        isEmpty ? nil : self[Int(random.integer(below: UInt64(count)))]
    }
}
