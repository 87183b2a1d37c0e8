package import Primitives

/// What two people compare to know that they hold each other's account keys: 64 digits, the same
/// for both.
///
/// Each half has 106 bits and comes from an iterated hash, so that nobody finds a key whose half is
/// near another's (D6). No handle goes into it: handles change and may be missing.
///
/// - SPEC: §7.6, EN-21
package struct SafetyNumber: Hashable, Sendable {
    /// The label of the hash.
    static let label: StaticString = "postern/1 safety number"
    /// For the registry test (A7).
    package static let labels: [StaticString] = [label]
    /// Hashes after the first. More would slow the check down, fewer a search for near halves: at
    /// 5 ms a key, 2^40 tries take 170 years of one core.
    static let iterations = 5199
    static let groupsPerHalf = 8

    /// The 64 digits without spaces.
    package let digits: String

    /// The number of two account keys; their order does not matter. About 10 ms.
    package init(_ one: Ed25519PublicKey, _ other: Ed25519PublicKey) {
        let halves = [Self.half(of: one), Self.half(of: other)].sorted()
        digits = halves.joined()
    }

    /// The digits in 16 groups of four, separated by spaces.
    package var text: String {
        let characters = Array(digits)
        return stride(from: 0, to: characters.count, by: 4)
            .map { String(characters[$0..<$0 + 4]) }
            .joined(separator: " ")
    }

    /// True when a person typed or pasted this whole number.
    ///
    /// Spaces, line breaks and hyphens are left out; anything but exactly 64 digits matches
    /// nothing, so that a prefix is never taken for the number.
    package func matches(_ text: String) -> Bool {
        // EN-21
        guard let typed = Self.typedDigits(text) else { return false }
        let own = Array(digits.utf8)
        return typed.count == own.count && ConstantTime.isEqual(typed.raw, own.raw)
    }

    /// True when a text has as many digits as a safety number and nothing else but what may stand
    /// between them. EN-21
    package static func isWhole(_ text: String) -> Bool {
        typedDigits(text)?.count == 2 * groupsPerHalf * 4
    }

    /// The digits of a text, nil when it holds anything else than them and what is left out.
    private static func typedDigits(_ text: String) -> [UInt8]? {
        var typed: [UInt8] = []
        for character in text.utf8 {
            switch character {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"),
                UInt8(ascii: "-"):
                continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"): typed.append(character)
            default: return nil
            }
        }
        return typed
    }

    private static func half(of account: Ed25519PublicKey) -> String {
        var input = [UInt8](copying: label.raw)
        input.append(copying: account.raw)
        var digest = SHA512.hash(input.raw)
        for _ in 0..<iterations {
            var hash = SHA512()
            hash.update(digest.raw)
            hash.update(account.raw)
            digest = hash.finish()
        }
        return (0..<groupsPerHalf).map { group(digest, $0) }.joined()
    }

    /// Five bytes as a number modulo 10,000, four digits.
    private static func group(_ digest: SHA512.Digest, _ index: Int) -> String {
        var value: UInt64 = 0
        for offset in 0..<5 { value = value << 8 | UInt64(digest[5 * index + offset]) }
        let digits = String(value % 10_000)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
