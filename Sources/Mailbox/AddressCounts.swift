import Platform
import Primitives

/// How many connections each client address has, over all loops, so that one machine cannot take
/// the places of all others.
///
/// An address is known by a hash under a key that is drawn when the server starts; the hash is kept
/// as long as a connection from there is open, and like the key only in memory. MB-27
///
/// - SPEC: CH-48
final class AddressCounts: Sendable {
    /// Connections of one address, at most; 0 for no bound.
    let countMax: Int
    /// Whether this machine's own addresses are counted as well. They are not outside of tests:
    /// behind a proxy or an onion service everybody comes from there.
    private let includesLoopback: Bool
    private let key: SecretBytes
    private let counts = Lock<[UInt64: Int]>([:])

    init(countMax: Int, includesLoopback: Bool = false, random: inout some RandomSource) {
        self.countMax = countMax
        self.includesLoopback = includesLoopback
        key = SecretBytes(byteCount: 32, from: &random)
    }

    /// Counts a connection from an address; nil when it has as many as it may.
    func enter(_ address: SocketAddress) -> AddressPlace? {
        let address = ClientAddress(address)
        guard countMax > 0, includesLoopback || !address.isLoopback else {
            return AddressPlace(nil, of: self)
        }
        let tag = HMACSHA256.tag(of: address.bytes.raw, key: key)
        let hash = tag.raw.bigEndian(at: 0, as: UInt64.self) ?? 0
        let isTaken = counts.withLock { counts in
            let count = counts[hash] ?? 0
            // CH-48
            guard count < countMax else { return false }
            counts[hash] = count + 1
            return true
        }
        return isTaken ? AddressPlace(hash, of: self) : nil
    }

    fileprivate func leave(_ hash: UInt64) {
        counts.withLock { counts in
            let left = (counts[hash] ?? 1) - 1
            counts[hash] = left > 0 ? left : nil
        }
    }

    /// Addresses that have a connection.
    var addressCount: Int { counts.withLock { $0.count } }
}

/// A connection's place among those of its address; given back when its owner lets go of it.
struct AddressPlace: ~Copyable, Sendable {
    private let hash: UInt64?
    private let counts: AddressCounts

    fileprivate init(_ hash: UInt64?, of counts: AddressCounts) {
        self.hash = hash
        self.counts = counts
    }

    deinit {
        if let hash { counts.leave(hash) }
    }
}
