internal import Platform
internal import Primitives
internal import Wire

/// The client: one vault, one engine, its connections; what `postern` and other programs call.
///
/// Not thread-safe and without threads of its own: everything happens inside its calls, on the
/// caller's thread. Each call that changes something has committed it to the vault when it returns;
/// nothing is sent before `run` is called, and `run` sends nothing that is not committed (CL-3).
/// Texts, names and handles that come out are untrusted: print them as safe text only.
///
///     let client = try PosternClient.open(home: home, access: .write, passphrase: passphrase)
///     let ids = try client.send("hello", to: ["bob"])
///     let options = RunOptions(stopsWhenUnreachable: true)
///     let result = try client.run(until: .sent(ids), options: options) { event, client in
///         show(event)
///         return .goOn
///     }
///
/// - SPEC: §10.7
public final class PosternClient {
    let home: ClientHome
    let access: VaultAccess
    let clock: any Clock
    private let vault: SQLiteVault
    // Held until the client is let go of. CL-25
    private let lock: HomeLock?
    var engine: Engine
    /// Events that no run has delivered yet.
    var events: [ClientEvent] = []
    /// The connections, while running.
    var pool: LinkPool?
    /// Set once memory and vault may differ: after a failed commit, and after a step that ended in
    /// the middle. Only the vault counts then.
    private var failure: ClientError?

    private init(
        home: ClientHome, access: VaultAccess, vault: SQLiteVault, lock: HomeLock?,
        engine: consuming Engine, clock: any Clock
    ) {
        self.home = home
        self.access = access
        self.vault = vault
        self.lock = lock
        self.engine = engine
        self.clock = clock
    }

    deinit {
        if access == .write { vault.compact() }
    }

    // MARK: Home and vault

    /// What lies in a home, without opening it.
    ///
    /// - Throws: `ClientError.unsafeMode`, `.unsafeOwnerOrKind`, `.vaultForeign`, `.vaultTooNew`,
    ///   `.vaultTooOld`, `.vaultCorrupt`, `.diskFailed`.
    public static func inspect(home: ClientHome) throws(ClientError) -> HomeState {
        guard try home.hasVault() else { return .empty }
        switch try SQLiteVault.header(path: home.vaultPath).source {
        case .passphrase: return .needsPassphrase
        case .keyFile: return .withoutPassphrase
        }
    }

    /// Makes a home: connects to the server once (its keys are checked and pinned), then creates
    /// the vault with a new account. Nothing is left behind when it fails.
    ///
    /// - Parameters:
    ///   - server: `postern://KEY@host[:port]`.
    ///   - passphrase: nil makes a vault that opens without one, its key in a file 0600 beside it.
    /// - Returns: the client, opened for writing, and the recovery phrase, which is kept nowhere.
    /// - Throws: `ClientError`.
    public static func create(
        home: ClientHome, server: String, passphrase: consuming Passphrase?,
        timeoutMilliseconds: UInt64 = 15_000
    ) throws(ClientError) -> NewClient {
        try testPrimitives()
        let address = try serverAddress(server)
        guard try !home.hasVault() else { throw .vaultExists }
        let clock = SystemClock()
        let hello = try LinkPool.greet(address, timeoutMilliseconds: timeoutMilliseconds)
        try home.makeFolder()
        let lock = HomeLock(try home.lock())
        guard try !home.hasVault() else { throw .vaultExists }
        let vault: SQLiteVault
        var random = SystemRandom()
        let phrase = RecoveryPhrase(from: &random)
        let moment = Moment(clock)
        var writes = Engine.firstWrites(
            server: address, signingKey: hello.signingKey, recoverySeed: phrase.seed,
            random: &random, now: moment)
        do throws(ClientError) {
            vault = try home.makeVault(passphrase: passphrase, wiping: &writes)
        } catch {
            for index in writes.indices { writes[index].wipe() }
            home.removeVault()
            throw error
        }
        let engine = try Engine.open(store: vault, random: random, now: moment)
        let client = PosternClient(
            home: home, access: .write, vault: vault, lock: lock, engine: engine, clock: clock)
        return NewClient(client: client, recoveryPhrase: phrase)
    }

    /// Refuses what is no server's address, before anybody is asked for a passphrase.
    ///
    /// - Throws: `ClientError.addressInvalid`, `.addressKindUnknown`, `.addressWrongKind`.
    public static func check(server: String) throws(ClientError) {
        _ = try serverAddress(server)
    }

    private static func serverAddress(_ text: String) throws(ClientError) -> ServerAddress {
        guard case .server(let address) = try Engine.address(text) else {
            throw .addressWrongKind(wanted: .server)
        }
        return address
    }

    /// Opens a home. `.read` works beside another process that writes; `.write` excludes others.
    ///
    /// - Parameter patienceMilliseconds: How long another writer may still hold the home before
    ///   this fails, so that short commands follow each other.
    /// - Throws: `ClientError.noVault`, `.passphraseNeeded`, `.passphraseWrong`, `.vaultInUse`, …
    public static func open(
        home: ClientHome, access: VaultAccess, passphrase: consuming Passphrase?,
        patienceMilliseconds: UInt64 = 0
    ) throws(ClientError) -> PosternClient {
        try testPrimitives()
        guard try home.hasVault() else { throw .noVault }
        let clock = SystemClock()
        let lock =
            access == .write
            ? HomeLock(try home.lock(patienceMilliseconds: patienceMilliseconds, clock: clock))
            : nil
        let vault = try home.openVault(access, passphrase: passphrase)
        let engine = try Engine.open(store: vault, random: SystemRandom(), now: Moment(clock))
        return PosternClient(
            home: home, access: access, vault: vault, lock: lock, engine: engine, clock: clock)
    }

    /// Nothing is read before the primitives have given right answers. PR-9
    private static func testPrimitives() throws(ClientError) {
        do throws(SelfTestError) {
            try SelfTest.run()
        } catch {
            throw .libraryBroken
        }
    }

    // MARK: Steps

    var now: Moment { Moment(clock) }

    /// Refuses all work once memory and vault may differ.
    ///
    /// - Throws: the error after which they may.
    func check() throws(ClientError) {
        if let failure { throw failure }
    }

    /// No further call of this client does anything.
    func fail(_ error: ClientError) { failure = failure ?? error }

    /// Makes a step that may write: its writes are committed, then its actions carried out. CL-3
    ///
    /// A refusal changes nothing and leaves the client as it was. A step that ends in the middle
    /// leaves writes that belong together only in part: they are dropped, and the client with them.
    func step<Result>(
        _ body: (inout Engine) throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        try check()
        guard access == .write else { throw .vaultReadOnly }
        let result: Result
        do throws(ClientError) {
            result = try body(&engine)
        } catch {
            var left = engine.takeEffects()
            for index in left.writes.indices { left.writes[index].wipe() }
            if !error.isRefusal || !left.writes.isEmpty || !left.actions.isEmpty { fail(error) }
            throw error
        }
        var effects = engine.takeEffects()
        do throws(ClientError) {
            try vault.commit(wiping: &effects.writes)
        } catch {
            failure = error
            throw error
        }
        for action in effects.actions { carryOut(action) }
        return result
    }

    private func carryOut(_ action: EngineAction) {
        switch action {
        case .event(let event): events.append(event)
        case .open(let id, let server, _): pool?.open(id, server)
        case .close(let id): pool?.close(id)
        case .send(let id, let frame): pool?.send(id, frame.encoded)
        }
    }
}

extension ClientError {
    /// False for what tells of damage and not of a wish that cannot be met.
    fileprivate var isRefusal: Bool {
        switch self {
        case .vaultCorrupt, .diskFull, .diskFailed, .noSecretMemory, .internalFault: false
        default: true
        }
    }
}

/// A new client and the words that are shown once.
public struct NewClient: ~Copyable {
    /// The client, opened for writing.
    public let client: PosternClient
    /// The recovery key in print; kept nowhere else.
    public let recoveryPhrase: RecoveryPhrase
}

/// Keeps the lock of a home, which cannot be copied, as long as a client lives.
final class HomeLock {
    private let file: LockFile

    init(_ file: consuming LockFile) { self.file = file }
}

extension Moment {
    /// The times a clock shows now.
    init(_ clock: any Clock) {
        self.init(
            wall: UInt64(clamping: clock.wallMilliseconds),
            monotonic: UInt64(clamping: clock.monotonicMilliseconds))
    }
}
