extension PosternClient {
    // MARK: Reading the vault, with any access

    /// Who this vault is.
    public func identity() throws(ClientError) -> IdentitySummary {
        try check()
        let isOpen = try Self.inspect(home: home) == .withoutPassphrase
        return engine.identitySummary(isWithoutPassphrase: isOpen)
    }

    /// Accepted and invited contacts by name; `me` is not among them.
    public func contacts() throws(ClientError) -> [ContactSummary] {
        try check()
        return engine.contactSummaries()
    }

    /// First messages that wait for consent, oldest first.
    public func requests() throws(ClientError) -> [RequestSummary] {
        try check()
        return try engine.requestSummaries()
    }

    /// The invites made by this vault.
    public func invites() throws(ClientError) -> [InviteSummary] {
        try check()
        return engine.inviteSummaries()
    }

    /// Messages of a chat, oldest first: the newest `limit` ones, or those before `before`.
    ///
    /// - Throws: `ClientError.unknownContact`; `.unknownMessage` when `before` is none of this chat.
    public func history(
        of name: String, limit: Int, before: MessageID?
    ) throws(ClientError) -> [MessageSummary] {
        try check()
        try check(before, isIn: name)
        return try engine.history(of: name, limit: limit, before: before)
    }

    /// A message of another chat is as good as unknown: it marks no place in this one.
    private func check(_ id: MessageID?, isIn name: String) throws(ClientError) {
        guard let id else { return }
        guard try engine.message(idPrefix: id.description).contact == name else {
            throw .unknownMessage
        }
    }

    /// False when the server that a contact reads from has failed or does not answer, as far as the
    /// present run knows.
    public func isReachable(_ name: String) -> Bool { engine.isReachable(name) }

    /// What the server has not accepted yet, oldest first.
    public func outbox() throws(ClientError) -> [OutboxSummary] {
        try check()
        return engine.outboxSummaries()
    }

    /// All settings.
    public func settings() throws(ClientError) -> [SettingSummary] {
        try check()
        return engine.settingSummaries()
    }

    /// The number to compare with the contact over another way.
    public func safetyNumber(of name: String) throws(ClientError) -> SafetyNumberSummary {
        try check()
        return try engine.safetyNumber(of: name)
    }

    /// The message whose id begins with these hexadecimal digits, six at least.
    ///
    /// - Throws: `ClientError.unknownMessage`, `.ambiguousMessage`.
    public func message(idPrefix: String) throws(ClientError) -> MessageSummary {
        try check()
        return try engine.message(idPrefix: idPrefix)
    }

    /// Looks at home, vault, clock, outbox, certificate and prekeys.
    ///
    /// - Parameter serverAnswers: Whether the server was reached in the run before; what only it
    ///   could tell is not known otherwise.
    public func doctor(serverAnswers: Bool) throws(ClientError) -> [DoctorFinding] {
        try check()
        return engine.findings(at: now, serverAnswers: serverAnswers)
    }

    // MARK: Changing the vault, with write access

    /// Compares what the user typed with the safety number, whole, and marks the contact verified.
    ///
    /// - Throws: `ClientError.safetyNumberDiffers`, `.safetyNumberInvalid`, `.unknownContact`.
    public func verify(_ name: String, number: String) throws(ClientError) {
        try step { engine throws(ClientError) in
            try engine.verify(name, number: number, at: now)
        }
    }

    /// Writes a text to each of the contacts (`me` for the note to self); one id each, in order.
    ///
    /// - Throws: a refusal, before anything has changed; `ClientError.unknownContact` for no name.
    public func send(_ text: String, to names: [String]) throws(ClientError) -> [MessageID] {
        guard !names.isEmpty else { throw .unknownContact }
        return try step { engine throws(ClientError) in try engine.send(text, to: names, at: now) }
    }

    /// Notes that the contact's messages were shown, all or up to one, and sends read receipts in
    /// the next run. Returns how many were new.
    ///
    /// - Throws: `ClientError.unknownContact`; `.unknownMessage` when `upTo` is none of this chat,
    ///   and nothing is marked.
    @discardableResult
    public func markRead(_ name: String, upTo: MessageID?) throws(ClientError) -> Int {
        try check()
        try check(upTo, isIn: name)
        return try step { engine throws(ClientError) in
            try engine.markRead(name, upTo: upTo, at: now)
        }
    }

    /// The user began or stopped typing. Not stored; call it at each key press, repeats are cheap.
    public func setTyping(_ name: String, _ isTyping: Bool) throws(ClientError) {
        try step { engine throws(ClientError) in
            try engine.setTyping(name, isTyping, at: now)
        }
    }

    /// Changes a setting; `NAME.presence` sets a contact's.
    ///
    /// - Throws: `ClientError.unknownSetting`, `.settingInvalid`.
    public func setSetting(_ key: String, to value: String) throws(ClientError) {
        try step { engine throws(ClientError) in
            try engine.setSetting(key, to: value, at: now)
        }
    }

    /// Tries a message of the outbox again that was held.
    public func retry(_ id: MessageID) throws(ClientError) {
        try step { engine throws(ClientError) in try engine.retry(id, at: now) }
    }

    // MARK: Operations that need the server: begun here, ended in `run` with `.finished`

    /// Takes a handle on the own server.
    public func register(handle: String) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in try engine.register(handle: handle, at: now) }
    }

    /// Makes an invite link, valid 1 to 30 days.
    public func createInvite(name: String?, days: Int = 7) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in
            try engine.createInvite(name: name, days: days, at: now)
        }
    }

    /// Takes an invite back.
    ///
    /// - Parameter id: as `invites` shows it.
    public func withdrawInvite(id: String) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in try engine.withdrawInvite(id: id, at: now) }
    }

    /// Adds the maker of a link and sends the first message.
    public func accept(link: String, name: String?) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in
            try engine.accept(link: link, name: name, at: now)
        }
    }

    /// Adds by handle, person link or `HANDLE@NICK` and sends the first message, or accepts the
    /// request that waits from this account.
    public func add(_ who: String, name: String?) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in try engine.add(who, name: name, at: now) }
    }

    /// Accepts a request and replies at once.
    public func acceptRequest(_ name: String, newName: String?) throws(ClientError) -> OperationID {
        try step { engine throws(ClientError) in
            try engine.acceptRequest(name, newName: newName, at: now)
        }
    }
}
