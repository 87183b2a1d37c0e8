import Client
import Glibc
import Platform

/// Opening the account's home: which folder, which passphrase.
enum Account {
    /// The folder of the account.
    ///
    /// - Throws: `UsageError` when none is named and the environment has no place for one.
    static func home(_ invocation: Invocation) throws -> ClientHome {
        let home = ClientHome.choose(
            option: invocation.arguments.value("home"), environment: Environment.all)
        guard let home else {
            throw UsageError("Name the account's folder with --home or POSTERN_HOME.")
        }
        return home
    }

    /// How long a command waits for another one of the account to end.
    private static let patienceMilliseconds: UInt64 = 5_000

    /// Opens the account.
    ///
    /// - Parameter access: `.read` works beside a running `chat`; `.write` excludes others.
    /// - Throws: `ClientError`, `UsageError`.
    static func open(_ invocation: Invocation, for access: VaultAccess) throws -> PosternClient {
        let home = try home(invocation)
        switch try PosternClient.inspect(home: home) {
        case .empty: throw ClientError.noVault
        case .withoutPassphrase:
            return try PosternClient.open(
                home: home, access: access, passphrase: nil,
                patienceMilliseconds: patienceMilliseconds)
        case .needsPassphrase:
            return try PosternClient.open(
                home: home, access: access, passphrase: passphrase(invocation),
                patienceMilliseconds: patienceMilliseconds)
        }
    }

    /// The passphrase of a new account: given, or typed twice.
    ///
    /// - Throws: `ClientError.passphraseNeeded` when there is neither; `UsageError` for one that
    ///   cannot be used, which is another thing than a wrong one.
    static func newPassphrase(_ invocation: Invocation) throws -> Passphrase {
        do {
            return try chosenPassphrase(invocation)
        } catch ClientError.passphraseUnusable {
            throw UsageError("A passphrase has 1 to 1,024 bytes; nothing was made.")
        }
    }

    private static func chosenPassphrase(_ invocation: Invocation) throws -> Passphrase {
        if let passphrase = try given(invocation) { return passphrase }
        var first = try typedBytes("New passphrase: ")
        var second = try typedBytes("The same again: ")
        let isSame = first == second
        second.wipe()
        if isSame { return try Passphrase(&first) }
        first.wipe()
        throw UsageError("The two passphrases differ; nothing was made.")
    }

    /// The passphrase from a descriptor or file of the command line or the environment.
    private static func given(_ invocation: Invocation) throws -> Passphrase? {
        let file = invocation.arguments.value("passphrase-file")
        if invocation.arguments.value("passphrase-fd") != nil {
            guard file == nil else {
                throw UsageError("Give one of --passphrase-file and --passphrase-fd.")
            }
            let number = try invocation.number("passphrase-fd", in: 0...65_535) ?? 0
            return try passphrase(from: Int32(number))
        }
        if let file { return try Passphrase(file: file) }
        guard let named = Environment.all["POSTERN_PASSPHRASE_FILE"], !named.isEmpty else {
            return nil
        }
        return try Passphrase(file: named)
    }

    /// The passphrase from a descriptor that this program was started with. Its own descriptors,
    /// which are closed when a program starts, are none of these: reading one could wait for ever.
    private static func passphrase(from descriptor: Int32) throws -> Passphrase {
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0, flags & FD_CLOEXEC == 0 else {
            throw UsageError("Descriptor \(descriptor) of --passphrase-fd is not open.")
        }
        do {
            return try Passphrase(reading: descriptor)
        } catch .diskFailed(let number) {
            throw UsageError(
                "Descriptor \(descriptor) of --passphrase-fd cannot be read (error \(number)).")
        }
    }

    /// The passphrase of an existing account: given, or typed.
    private static func passphrase(_ invocation: Invocation) throws -> Passphrase {
        if let passphrase = try given(invocation) { return passphrase }
        var bytes = try typedBytes("Passphrase: ")
        return try Passphrase(&bytes)
    }

    private static func typedBytes(_ prompt: SafeText) throws -> [UInt8] {
        do {
            return try Terminal.promptHidden(
                prompt.description, byteCountMax: Passphrase.byteCountMax)
        } catch .noTerminal, .ended {
            throw ClientError.passphraseNeeded
        } catch .tooLong {
            throw ClientError.passphraseUnusable
        }
    }
}
