/// The host part of an address: a DNS name, an IPv4 or an IPv6 address, each with one spelling.
///
/// - SPEC: §2.3, WI-8
package enum Host: Hashable, Sendable {
    /// Labels of `[a-z0-9-]`, 1 to 63 each, joined by dots; the last begins with a letter, so that
    /// no name can be read as a number.
    case name(String)
    /// Four bytes.
    case ipv4(UInt32)
    /// Eight groups of 16 bits.
    case ipv6(InlineArray<8, UInt16>)

    /// Most bytes of `host[:port]`.
    package static let byteCountMax = 64

    /// Parses a host as it stands in an address; an IPv6 address is in brackets.
    ///
    /// - Throws: `WireError.badHost`.
    package init(_ text: String) throws(WireError) {
        let characters = Array(text.utf8)
        guard let parsed = Self.parse(characters), parsed.text == text else { throw .badHost }
        self = parsed
    }

    /// The one spelling.
    package var text: String {
        switch self {
        case .name(let name): name
        case .ipv4(let bits):
            (0..<4).map { String(UInt8(truncatingIfNeeded: bits >> (24 - 8 * UInt32($0)))) }
                .joined(separator: ".")
        case .ipv6(let groups): "[" + Self.text(of: groups) + "]"
        }
    }

    /// Equal when both have the same spelling.
    package static func == (one: Host, other: Host) -> Bool { one.text == other.text }

    /// Hashes the spelling.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    private static func parse(_ characters: [UInt8]) -> Host? {
        guard let first = characters.first, characters.count <= byteCountMax else { return nil }
        if first == UInt8(ascii: "[") {
            guard characters.count > 2, characters.last == UInt8(ascii: "]") else { return nil }
            return ipv6(characters.dropFirst().dropLast()).map(Host.ipv6)
        }
        if let bits = ipv4(characters) { return .ipv4(bits) }
        return name(characters).map(Host.name)
    }

    private static func name(_ characters: [UInt8]) -> String? {
        let labels = characters.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.count), label.allSatisfy(isNameCharacter),
                label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
            else { return nil }
        }
        // A last label that begins with a digit could be taken for an IPv4 address in one of the
        // old spellings (127.1, 0x7f.1) by whatever resolves it.
        guard let initial = labels.last?.first,
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(initial)
        else { return nil }
        return String(decoding: characters, as: UTF8.self)
    }

    private static func isNameCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func ipv4(_ characters: [UInt8]) -> UInt32? {
        let parts = characters.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard let byte = Decimal.parse(part, maximum: 255) else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    /// RFC 4291 section 2.2, hexadecimal groups only; that the spelling is the canonical one is
    /// checked by printing it again.
    private static func ipv6(_ characters: ArraySlice<UInt8>) -> InlineArray<8, UInt16>? {
        let colon = UInt8(ascii: ":")
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var hasGap = false
        var index = characters.startIndex
        if characters.starts(with: [colon, colon]) {
            hasGap = true
            index += 2
        }
        while index < characters.endIndex {
            guard head.count + tail.count < 8 else { return nil }
            let end = characters[index...].firstIndex(of: colon) ?? characters.endIndex
            guard let group = hexadecimalGroup(characters[index..<end]) else { return nil }
            if hasGap { tail.append(group) } else { head.append(group) }
            index = end
            guard index < characters.endIndex else { break }
            index += 1
            // A single colon must have a group behind it, a second one opens the only gap.
            guard index < characters.endIndex else { return nil }
            if characters[index] == colon {
                guard !hasGap else { return nil }
                hasGap = true
                index += 1
            }
        }
        let count = head.count + tail.count
        guard hasGap ? count < 8 : count == 8 else { return nil }
        var groups = InlineArray<8, UInt16>(repeating: 0)
        for (offset, group) in head.enumerated() { groups[offset] = group }
        for (offset, group) in tail.enumerated() { groups[8 - tail.count + offset] = group }
        return groups
    }

    private static func hexadecimalGroup(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt16(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt16(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    /// RFC 5952 section 4: no leading zeros, lower case, the first of the longest runs of two or
    /// more zero groups shortened.
    private static func text(of groups: InlineArray<8, UInt16>) -> String {
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func join(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return join(0..<8) }
        return join(0..<best.lowerBound) + "::" + join(best.upperBound..<8)
    }
}

/// Strict decimal numbers: no sign, no leading zero, nothing but digits.
enum Decimal {
    static func parse(_ digits: ArraySlice<UInt8>, maximum: UInt16) -> UInt16? {
        guard (1...5).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
        }
        return value <= UInt32(maximum) ? UInt16(value) : nil
    }
}
