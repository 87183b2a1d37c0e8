import Primitives
import Wire

extension ServerKeys {
    /// The host as addresses spell it: the protocol's own port is left out. Nil when a text cannot
    /// be the `host[:port]` of an address.
    package static func canonicalHost(_ text: String) -> String? {
        try? ServerAddress.canonical(hostAndPort: text)
    }

    /// Makes the server's address from a host that `canonicalHost` gave; nil from any other. Holds
    /// no secret.
    package var addressMaker: @Sendable (String) -> String? {
        let key = channel.publicKey
        return { host in (try? ServerAddress(key: key, hostAndPort: host))?.text }
    }
}

extension DataFolder {
    /// The host when the operator named none: this machine, the protocol's port.
    package static let defaultHost = "127.0.0.1"

    /// Makes the folder with keys from the system's randomness.
    package func create(host: String?) throws(Failure) -> ServerKeys {
        var random = SystemRandom()
        return try create(host: host, random: &random)
    }
}
