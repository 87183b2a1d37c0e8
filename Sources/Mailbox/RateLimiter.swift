package import Primitives
import Wire

/// What each client address has used up in the hour that runs, under the admission method open.
///
/// An address is known only by a keyed hash; the key and all counts are thrown away when the hour
/// changes, so that what one address did cannot be followed from hour to hour and nothing of it
/// outlives the process. The table has a fixed size: 16,384 addresses in sets of eight. When a set
/// is full the address that has used least in it is forgotten, so a flood of fresh addresses does
/// not clear the count of one that is near its bound.
///
/// - SPEC: §10.5, MB-23
package struct RateLimiter: ~Copyable {
    /// What is counted, each against a bound of its own.
    package enum Charge: Int, Sendable {
        /// A mailbox made.
        case create
        /// An envelope into a contact mailbox.
        case contactDeposit
        /// A look-up or a prekey fetch.
        case fetch
        /// A record or a bundle published.
        case registration
        /// A byte of a blob, of which each has `blobByteCountMin` at least.
        case blobByte
        /// A request whose signature the storage thread has to check, or an attach that was refused.
        case signed
    }

    private struct Entry {
        /// The hash of the address; 0 where there is none.
        var address: UInt64 = 0
        var used = InlineArray<6, UInt32>(repeating: 0)
    }

    private static let setCount = 2_048
    private static let wayCount = 8
    /// Addresses the table holds.
    package static let addressesMax = setCount * wayCount

    private var hour: Int64
    private var key: SecretBytes
    private var entries: [Entry]

    /// What a blob is charged at least: about what the row of a small one takes on the disk, with
    /// its indices and the page they are written in. Less would let one address fill the disk with
    /// rows of no bytes.
    package static let blobByteCountMin: UInt32 = 1_024

    /// Makes an empty table for the hour of `wallSeconds` (since 1970, UTC).
    package init(wallSeconds: Int64, random: inout some RandomSource) {
        hour = wallSeconds / 3_600
        key = SecretBytes(byteCount: 32, from: &random)
        entries = Array(repeating: Entry(), count: Self.addressesMax)
    }

    /// Tells the time: when an hour is over all counts and the key go, whether or not another
    /// request comes.
    package mutating func tick(wallSeconds: Int64, random: inout some RandomSource) {
        if wallSeconds / 3_600 == hour { return }
        // MB-23: with the key goes all that could tell who it was.
        hour = wallSeconds / 3_600
        key = SecretBytes(byteCount: 32, from: &random)
        entries = Array(repeating: Entry(), count: Self.addressesMax)
    }

    /// How many addresses the table knows.
    package var addressCount: Int { entries.count { $0.address != 0 } }

    /// Counts `amount` of `charge` against an address.
    ///
    /// - Returns: nil when it is within the bound, and then it is counted; else the seconds until
    ///   the hour ends, and nothing was counted.
    package mutating func take(
        _ charge: Charge, amount: UInt32 = 1, from address: ClientAddress, wallSeconds: Int64,
        random: inout some RandomSource
    ) -> UInt32? {
        tick(wallSeconds: wallSeconds, random: &random)
        let index = slot(of: address)
        let used = entries[index].used[charge.rawValue]
        guard amount <= Self.bound(of: charge.rawValue) &- used else {
            return UInt32(clamping: 3_600 - wallSeconds % 3_600)
        }
        entries[index].used[charge.rawValue] = used &+ amount
        return nil
    }

    /// The seconds until the hour ends when an address is at a bound already; nil while it is not.
    /// Counts nothing.
    package func wait(
        _ charge: Charge, from address: ClientAddress, wallSeconds: Int64
    ) -> UInt32? {
        guard wallSeconds / 3_600 == hour else { return nil }
        let (value, first) = place(of: address)
        for index in first..<first + Self.wayCount where entries[index].address == value {
            let used = entries[index].used[charge.rawValue]
            guard used >= Self.bound(of: charge.rawValue) else { return nil }
            return UInt32(clamping: 3_600 - wallSeconds % 3_600)
        }
        return nil
    }

    /// The hash of an address, and the first entry of its set.
    private func place(of address: ClientAddress) -> (value: UInt64, first: Int) {
        let hash = HMACSHA256.tag(of: address.bytes.raw, key: key)
        let value = (hash.raw.bigEndian(at: 0, as: UInt64.self) ?? 0) | 1
        let set = Int((hash.raw.bigEndian(at: 8, as: UInt64.self) ?? 0) % UInt64(Self.setCount))
        return (value, set * Self.wayCount)
    }

    /// The entry of an address: its own, a free one, or the least used one of its set, emptied.
    private mutating func slot(of address: ClientAddress) -> Int {
        let (value, first) = place(of: address)
        var least = first
        var leastWeight = UInt64.max
        for index in first..<first + Self.wayCount {
            if entries[index].address == value { return index }
            let weight = entries[index].address == 0 ? 0 : 1 + Self.weight(entries[index])
            if weight < leastWeight {
                least = index
                leastWeight = weight
            }
        }
        entries[least] = Entry(address: value)
        return least
    }

    /// How near an address is to its bounds, in millionths summed over them.
    private static func weight(_ entry: Entry) -> UInt64 {
        var sum: UInt64 = 0
        for charge in 0..<6 {
            sum &+= UInt64(entry.used[charge]) &* 1_000_000 / UInt64(bound(of: charge))
        }
        return sum
    }

    private static func bound(of charge: Int) -> UInt32 {
        switch Charge(rawValue: charge) {
        case .create: UInt32(Limits.createsPerAddressHour)
        case .contactDeposit: UInt32(Limits.contactDepositsPerAddressHour)
        case .fetch: UInt32(Limits.fetchesPerAddressHour)
        case .registration: UInt32(Limits.registrationsPerAddressHour)
        case .blobByte: UInt32(Limits.blobByteCountPerAddressHour)
        case .signed: UInt32(Limits.signedRequestsPerAddressHour)
        case nil: 0
        }
    }
}
