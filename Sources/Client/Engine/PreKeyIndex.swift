internal import Crypto
internal import Primitives
internal import Wire

/// Which prekeys the vault holds, without their secrets.
struct PreKeyIndex {
    struct Entry {
        let kind: PreKeyRecord.Kind
        let id: UInt32
        /// Of the KEM prekey beside it, 0 where there is none.
        let kemID: UInt32
        let mailbox: MailboxID
        let eraseAt: Hours

        var key: [UInt8] { PreKeyRecord.key(kind, id) }

        /// True for what a backup holds: a one-time prekey may have been used by the time it is
        /// restored. CL-47
        var isBackedUp: Bool { kind == .signed || kind == .recovery }
    }

    private(set) var entries: [[UInt8]: Entry] = [:]

    mutating func load(from store: any VaultReading) throws(ClientError) {
        var rows = try store.rows(.prekey)
        // CL-38: of the rows, only what is no secret is kept.
        defer { for index in rows.indices { rows[index].wipe() } }
        for index in rows.indices {
            var record = try PreKeyRecord.decode(rows[index].value)
            insert(record.entry)
            record.secret.wipeBytes()
        }
    }

    mutating func insert(_ entry: Entry) { entries[entry.key] = entry }

    mutating func remove(_ entry: Entry) { entries[entry.key] = nil }

    /// The signed prekeys that open first messages of a mailbox. HS-4
    func signed(for mailbox: MailboxID) -> [Entry] {
        entries.values.filter { $0.kind == .signed && $0.mailbox == mailbox }
            .sorted { $0.id < $1.id }
    }

    /// The recovery prekeys given to the contact who writes in a chat mailbox, newest last. HS-4
    func recovery(for mailbox: MailboxID) -> [Entry] {
        entries.values.filter { $0.kind == .recovery && $0.mailbox == mailbox }
            .sorted { $0.id < $1.id }
    }

    /// A one-time prekey of a mailbox.
    func oneTime(_ id: UInt32, for mailbox: MailboxID) -> Entry? {
        guard let entry = entries[PreKeyRecord.key(.oneTime, id)], entry.mailbox == mailbox else {
            return nil
        }
        return entry
    }

    /// The KEM prekey that a first message names whose outer block opened under `signed`: the one
    /// beside that, or a one-time one of the same mailbox. HS-6
    func kem(_ id: UInt32, beside signed: Entry) -> Entry? {
        if id == signed.kemID { return signed }
        guard let entry = entries[PreKeyRecord.key(.oneTimeKEM, id)],
            entry.mailbox == signed.mailbox
        else { return nil }
        return entry
    }

    /// True when a KEM prekey of this vault has the id.
    func hasKEM(_ id: UInt32) -> Bool {
        entries[PreKeyRecord.key(.oneTimeKEM, id)] != nil
            || entries.values.contains { $0.kemID == id }
    }
}

/// A bundle and the one-time prekeys that are published beside it, in the order of its trees.
struct PreKeyOffer {
    let bundle: PreKeyBundle
    let oneTime: [OneTimePreKey]
    let oneTimeKEM: [KEMPreKey]
}

/// A signed prekey and the KEM prekey beside it, as they are offered.
struct SignedPreKeys {
    let id: UInt32
    let key: X25519PublicKey
    let kem: KEMPreKey
}

extension Engine {
    /// A signed prekey is offered for so long at most. CL-28
    static let signedPreKeyHours: UInt32 = 7 * 24
    /// It is exchanged before that, so that no fetch gives one at its end.
    static let signedPreKeyRenewalHours: UInt32 = 6 * 24
    /// After it was offered, a first message may still lie for 30 days; 2 more for clocks. CL-28
    static let preKeyGraceHours: UInt32 = 32 * 24
    /// A new bundle with new one-time keys is published so often, whatever was used: on a fixed
    /// schedule the server does not learn from it how many first messages were read.
    static let bundleMilliseconds: UInt64 = 24 * 3_600_000

    /// Draws a one-time prekey and keeps its private half.
    mutating func makeOneTime(mailbox: MailboxID, eraseAt: Hours) -> OneTimePreKey {
        let pair = X25519KeyPair.generate(from: &random)
        let id = freeID(.oneTime)
        keep(.oneTime, id, kemID: 0, mailbox, eraseAt, pair.exposeForStorage())
        return OneTimePreKey(id: id, key: pair.publicKey)
    }

    /// Draws a one-time KEM prekey and keeps the seed of its private half.
    mutating func makeOneTimeKEM(mailbox: MailboxID, eraseAt: Hours) -> KEMPreKey {
        let seed = drawSeed()
        let id = freeID(.oneTimeKEM)
        keep(.oneTimeKEM, id, kemID: 0, mailbox, eraseAt, seed.exposeForStorage())
        return KEMPreKey(id: id, key: MLKEM768KeyPair(seed: seed).publicKey)
    }

    /// Draws a signed prekey and the KEM prekey beside it, and keeps their private halves together.
    ///
    /// - Parameter kind: `.signed` or `.recovery`.
    mutating func makeSigned(
        _ kind: PreKeyRecord.Kind, mailbox: MailboxID, eraseAt: Hours
    ) -> SignedPreKeys {
        let pair = X25519KeyPair.generate(from: &random)
        let seed = drawSeed()
        let id = freeID(kind)
        let kemID = freeID(.oneTimeKEM)
        // Reserved whole, so that no outgrown buffer with keys in it is left behind.
        var secret: [UInt8] = []
        secret.reserveCapacity(kind.secretByteCount)
        pair.withSecretBytes { secret.append(copying: $0) }
        seed.withBytes { secret.append(copying: $0) }
        keep(kind, id, kemID: kemID, mailbox, eraseAt, consume secret)
        return SignedPreKeys(
            id: id, key: pair.publicKey,
            kem: KEMPreKey(id: kemID, key: MLKEM768KeyPair(seed: seed).publicKey))
    }

    /// The seed of a KEM prekey, by way of plain bytes: the compiler does not take the initialiser
    /// that draws with a source of any kind.
    private mutating func drawSeed() -> SecretBytes {
        var bytes = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        defer { bytes.wipeBytes() }
        return SecretBytes(copying: bytes.raw)
    }

    /// A random id that no prekey of this kind has.
    private mutating func freeID(_ kind: PreKeyRecord.Kind) -> UInt32 {
        while true {
            let id = random.integer(UInt32.self)
            guard id != 0, preKeys.entries[PreKeyRecord.key(kind, id)] == nil,
                kind != .oneTimeKEM || !preKeys.hasKEM(id)
            else { continue }
            return id
        }
    }

    private mutating func keep(
        _ kind: PreKeyRecord.Kind, _ id: UInt32, kemID: UInt32, _ mailbox: MailboxID,
        _ eraseAt: Hours, _ secret: consuming [UInt8]
    ) {
        var record = PreKeyRecord(
            kind: kind, id: id, kemID: kemID, mailbox: mailbox, eraseAt: eraseAt, secret: secret)
        preKeys.insert(record.entry)
        transaction.put(.prekey, key: PreKeyRecord.key(kind, id), value: record.encoded)
        record.secret.wipeBytes()
    }

    /// The X25519 private half of a prekey.
    mutating func privateHalf(of entry: PreKeyIndex.Entry) throws(ClientError) -> X25519KeyPair {
        guard entry.kind.hasAgreement else { throw .internalFault(line: #line) }
        let secret = try secret(of: entry)
        return X25519KeyPair(secret: secret.part(0..<32))
    }

    /// The ML-KEM-768 private half of a prekey.
    mutating func kemHalf(of entry: PreKeyIndex.Entry) throws(ClientError) -> MLKEM768KeyPair {
        guard entry.kind.hasKEM else { throw .internalFault(line: #line) }
        let secret = try secret(of: entry)
        let start = entry.kind.hasAgreement ? 32 : 0
        return MLKEM768KeyPair(seed: secret.part(start..<secret.byteCount))
    }

    private mutating func secret(of entry: PreKeyIndex.Entry) throws(ClientError) -> SecretBytes {
        guard var bytes = try transaction.value(.prekey, key: entry.key) else {
            throw .vaultCorrupt
        }
        defer { bytes.wipeBytes() }
        var record = try PreKeyRecord.decode(bytes)
        defer { record.secret.wipeBytes() }
        return SecretBytes(copying: record.secret.raw)
    }

    /// What is offered of a signed prekey that is kept.
    mutating func offered(_ entry: PreKeyIndex.Entry) throws(ClientError) -> SignedPreKeys {
        let agreement = try privateHalf(of: entry)
        let kem = try kemHalf(of: entry)
        return SignedPreKeys(
            id: entry.id, key: agreement.publicKey,
            kem: KEMPreKey(id: entry.kemID, key: kem.publicKey))
    }

    mutating func erase(_ entry: PreKeyIndex.Entry) {
        preKeys.remove(entry)
        transaction.remove(.prekey, key: entry.key)
    }

    /// CL-28
    mutating func eraseExpiredPreKeys() {
        for entry in preKeys.entries.values where entry.eraseAt <= now.hours { erase(entry) }
    }

    // MARK: The published bundle

    var wantsIdentityLink: Bool {
        operations.registration != nil
            || mailboxes.values.contains { $0.role == .ownContact || $0.role == .ownInvite }
    }

    /// True when the published bundle is due for another one.
    var isBundleDue: Bool {
        guard identity.isRegistered else { return false }
        return identity.bundlePublishedMilliseconds + Self.bundleMilliseconds <= now.wall
            || identity.bundlePublishedMilliseconds > now.wall + Self.bundleMilliseconds
    }

    /// How long the signed prekey of the directory has been offered.
    private var signedPreKeyAge: UInt32 {
        now.hours.count >= identity.signedPreKeyHours.count
            ? now.hours.count - identity.signedPreKeyHours.count : .max
    }

    /// The bundle that waits to be taken by the directory, if it may still be offered. CL-40
    mutating func madeBundle(mailbox: MailboxID) throws(ClientError) -> PreKeyOffer? {
        guard let bytes = try transaction.value(.state, key: MadeBundleRecord.key) else {
            return nil
        }
        let made = try MadeBundleRecord.decode(bytes)
        guard let bundle = try? PreKeyBundle(parsing: made.bundle.raw) else { throw .vaultCorrupt }
        guard bundle.certificate == identity.certificate,
            bundle.contents.contact.mailbox == mailbox,
            bundle.contents.signedPreKeyID == identity.signedPreKeyID,
            let signed = preKeys.entries[PreKeyRecord.key(.signed, identity.signedPreKeyID)],
            signedPreKeyAge < Self.signedPreKeyRenewalHours,
            // One that was used shows that the server had taken it all the same.
            made.preKeys.allSatisfy({ preKeys.oneTime($0.id, for: mailbox) != nil }),
            made.kemPreKeys.allSatisfy({ preKeys.kem($0.id, beside: signed) != nil })
        else { return nil }
        return PreKeyOffer(bundle: bundle, oneTime: made.preKeys, oneTimeKEM: made.kemPreKeys)
    }

    mutating func keepMade(_ offer: PreKeyOffer) {
        transaction.put(
            .state, key: MadeBundleRecord.key, value: MadeBundleRecord(offer).encoded)
    }

    /// Makes a bundle for the directory, with new one-time keys, and a new signed prekey and
    /// last-resort KEM prekey when the present ones have been offered for six days.
    mutating func makeBundle(mailbox: MailboxID) throws(ClientError) -> PreKeyOffer {
        let current = preKeys.entries[PreKeyRecord.key(.signed, identity.signedPreKeyID)]
        let signed: SignedPreKeys
        if let current, signedPreKeyAge < Self.signedPreKeyRenewalHours {
            signed = try offered(current)
        } else {
            signed = makeSigned(
                .signed, mailbox: mailbox,
                eraseAt: now.hours.advanced(
                    byHours: Self.signedPreKeyHours + Self.preKeyGraceHours))
            identity.signedPreKeyID = signed.id
            identity.signedPreKeyHours = now.hours
        }
        let expiry = identity.signedPreKeyHours.advanced(byHours: Self.signedPreKeyHours)
        // Nothing that this bundle offers outlives its signed prekey. CL-28
        let end = expiry.advanced(byHours: Self.preKeyGraceHours)
        var oneTime: [OneTimePreKey] = []
        for _ in 0..<OneTimePreKey.countDefault {
            oneTime.append(makeOneTime(mailbox: mailbox, eraseAt: end))
        }
        var oneTimeKEM: [KEMPreKey] = []
        for _ in 0..<KEMPreKey.countDefault {
            oneTimeKEM.append(makeOneTimeKEM(mailbox: mailbox, eraseAt: end))
        }
        let offer = signBundle(
            signed, oneTime, oneTimeKEM, mailbox: mailbox,
            window: ValidityWindow(from: identity.signedPreKeyHours, expiry: expiry))
        keepMade(offer)
        return offer
    }

    // MARK: The certificate

    /// A new certificate of the same device, when half the time of the present one is over: the
    /// directory and the contacts get it in the next record. CL-39
    mutating func renewCertificate() throws(ClientError) {
        let half = DeviceCertificate.lifetimeHours - DeviceCertificate.renewalHours
        guard identity.certificate.expiry <= now.hours.advanced(byHours: half),
            // The record on its way bears a number of its own.
            operations.registration == nil, !maintenance.isRecordAsked
        else { return }
        identity.certificate = DeviceCertificate(
            identity: identity.certificate.identity,
            expiry: now.hours.advanced(byHours: DeviceCertificate.lifetimeHours),
            signedBy: keys.account)
        identity.recordNumber += 1
        saveIdentity()
        let record = signedRecord(handle: identity.isRegistered ? identity.handle : nil)
        for contact in contacts.values.sorted(by: { $0.id < $1.id })
        where contact.state == .accepted && contact.id != Self.selfID {
            let content = Content.record(record.bytes, id: random.bytes(), milliseconds: now.wall)
            try enqueue(content, to: contact.id)
        }
    }

    /// True when the directory has an older record than this account.
    var isRecordDue: Bool {
        identity.isRegistered && identity.publishedRecordNumber < identity.recordNumber
    }

    /// Signs a bundle under the next number.
    mutating func signBundle(
        _ signed: SignedPreKeys, _ oneTime: [OneTimePreKey], _ oneTimeKEM: [KEMPreKey],
        mailbox: MailboxID, window: ValidityWindow
    ) -> PreKeyOffer {
        identity.bundleNumber += 1
        saveIdentity()
        let contents = PreKeyBundle.Contents(
            number: identity.bundleNumber, window: window, account: identity.account,
            certificate: identity.certificate, signedPreKeyID: signed.id,
            signedPreKey: signed.key, oneTimePreKeys: oneTime, lastResortKEM: signed.kem,
            oneTimeKEMPreKeys: oneTimeKEM,
            contact: PreKeyBundle.Contact(server: identity.server, mailbox: mailbox))
        return PreKeyOffer(
            bundle: PreKeyBundle(contents, signedBy: keys.device), oneTime: oneTime,
            oneTimeKEM: oneTimeKEM)
    }

    mutating func saveIdentity() {
        transaction.put(.state, key: IdentityRecord.key, value: identity.encoded)
    }

    /// The record of this account, signed.
    func signedRecord(handle: Handle?) -> Record {
        Record(
            Record.Contents(
                number: identity.recordNumber, handle: handle, account: identity.account,
                recoveryHash: identity.recoveryHash, certificates: [identity.certificate]),
            signedBy: keys.account)
    }

    // MARK: Recovery bundles

    /// The recovery bundle to give a contact: the last one until it is due, so that a contact who
    /// begins session after session makes this vault keep one and not thousands. DR-22
    ///
    /// - Parameter isFresh: draws another one all the same: the last one of a vault that was
    ///   copied or restored may not be the last one that the contact has.
    mutating func makeRecoveryBundle(
        for id: ContactID, isFresh: Bool = false
    ) throws(ClientError) -> RecoveryBundle {
        guard let contact = contacts[id], let mailbox = contact.ownMailbox else {
            throw .internalFault(line: #line)
        }
        let last = preKeys.entries[PreKeyRecord.key(.recovery, contact.ownRecoveryID)]
        // DR-23: never a newer one while this one is unconfirmed.
        if contact.ownRecoveryMessage != nil, let last, !isFresh,
            !RecoveryBundle.isDue(
                madeHours: contact.ownRecoveryHours.count,
                isConfirmed: contact.isOwnRecoveryConfirmed, atHours: now.hours.count)
        {
            return recoveryBundle(try offered(last), made: contact.ownRecoveryHours)
        }
        // Kept until a newer one is confirmed; then the hour is set. DR-23
        return recoveryBundle(
            makeSigned(.recovery, mailbox: mailbox, eraseAt: Hours(.max)), made: now.hours)
    }

    private func recoveryBundle(_ signed: SignedPreKeys, made: Hours) -> RecoveryBundle {
        RecoveryBundle(
            signedPreKeyID: signed.id, signedPreKey: signed.key, kemPreKey: signed.kem,
            madeHours: made.count, signedBy: keys.device)
    }

    /// Remembers which message carries the newest recovery bundle.
    mutating func noteRecoveryBundle(
        _ bundle: RecoveryBundle, in content: Content, for id: ContactID
    ) throws(ClientError) {
        guard var contact = contacts[id] else { return }
        contact.ownRecoveryMessage = content.id
        if contact.ownRecoveryID == bundle.signedPreKeyID { return save(contact) }
        contact.ownRecoveryHours = Hours(bundle.madeHours)
        contact.ownRecoveryID = bundle.signedPreKeyID
        contact.isOwnRecoveryConfirmed = false
        save(contact)
    }

    /// A receipt for the message that carried the newest bundle has come: the older ones end in
    /// 180 days. DR-23
    mutating func recoveryConfirmed(_ message: FixedBytes<16>, of id: ContactID) throws(ClientError)
    {
        guard var contact = contacts[id], contact.ownRecoveryMessage == message,
            !contact.isOwnRecoveryConfirmed, let mailbox = contact.ownMailbox
        else { return }
        contact.isOwnRecoveryConfirmed = true
        save(contact)
        let end = now.hours.advanced(byHours: RecoveryBundle.retentionHours)
        for entry in preKeys.entries.values
        where entry.kind == .recovery && entry.mailbox == mailbox
            && entry.id != contact.ownRecoveryID && entry.eraseAt > end
        {
            guard var bytes = try transaction.value(.prekey, key: entry.key) else { continue }
            defer { bytes.wipeBytes() }
            var record = try PreKeyRecord.decode(bytes)
            defer { record.secret.wipeBytes() }
            record.eraseAt = end
            preKeys.insert(record.entry)
            transaction.put(.prekey, key: entry.key, value: record.encoded)
        }
    }

    /// Renews recovery bundles that are due. DR-23
    mutating func renewRecoveryBundles() throws(ClientError) {
        for contact in contacts.values.sorted(by: { $0.id < $1.id })
        where contact.state == .accepted && contact.ownMailbox != nil
            && contact.ownRecoveryMessage != nil
            && RecoveryBundle.isDue(
                madeHours: contact.ownRecoveryHours.count,
                isConfirmed: contact.isOwnRecoveryConfirmed, atHours: now.hours.count)
        {
            let bundle = try makeRecoveryBundle(for: contact.id)
            let content = Content.recoveryBundle(
                bundle, id: random.bytes(), milliseconds: now.wall)
            try noteRecoveryBundle(bundle, in: content, for: contact.id)
            try enqueue(content, to: contact.id)
        }
    }
}
