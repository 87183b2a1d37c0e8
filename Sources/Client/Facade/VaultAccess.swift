/// How a vault is opened.
public enum VaultAccess: Sendable {
    /// Reads only; works beside another process that writes.
    case read
    /// Reads and writes, and keeps other writers out.
    case write
}

/// What lies in a home.
public enum HomeState: Sendable, Equatable {
    /// No vault yet.
    case empty
    /// A vault that opens with a passphrase.
    case needsPassphrase
    /// A vault whose key lies in a file beside it.
    case withoutPassphrase
}
