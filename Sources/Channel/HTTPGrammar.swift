/// The parts of the grammar of RFC 9110 and RFC 9112 that both sides need.
enum HTTPGrammar {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3A

    /// A byte of a token (RFC 9110 section 5.6.2).
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
            UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default:
            false
        }
    }

    /// Whether `text` is a token: one token byte or more.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    /// A byte of a path or a query as it stands, without the percent sign (RFC 3986 section 3.3).
    private static func isTargetByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: ":"),
            UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "?"):
            true
        default:
            false
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default:
            false
        }
    }

    /// Whether `text` is a request target in origin form: an absolute path and perhaps a query.
    static func isOriginForm(_ text: String) -> Bool {
        guard text.utf8.first == UInt8(ascii: "/") else { return false }
        var hexDigitsDue = 0
        for byte in text.utf8 {
            if hexDigitsDue > 0 {
                guard isHexDigit(byte) else { return false }
                hexDigitsDue -= 1
            } else if byte == UInt8(ascii: "%") {
                hexDigitsDue = 2
            } else if !isTargetByte(byte) {
                return false
            }
        }
        return hexDigitsDue == 0
    }

    /// Whether `text` is a host name, an IPv4 address or an IPv6 address in brackets, with an
    /// optional port. Narrower than RFC 3986: no user, no percent signs, no delimiters.
    static func isHost(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var portStart = bytes.count
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return false }
            let inner = bytes[1..<end]
            guard
                inner.allSatisfy({
                    isHexDigit($0) || $0 == colon || $0 == UInt8(ascii: ".")
                }), inner.contains(colon)
            else { return false }
            portStart = end + 1
            guard portStart == bytes.count || bytes[portStart] == colon else { return false }
        } else {
            portStart = bytes.firstIndex(of: colon) ?? bytes.count
            let name = bytes[..<portStart]
            guard !name.isEmpty, name.allSatisfy(isHostNameByte) else { return false }
        }
        guard portStart < bytes.count else { return true }
        let digits = bytes[(portStart + 1)...]
        guard digits.count <= 5, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(String(decoding: digits, as: UTF8.self))
        else { return false }
        return port > 0 && port <= 65_535
    }

    private static func isHostNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default:
            false
        }
    }

    /// The elements of a comma-separated list of tokens, or nil if one of them is none. Empty
    /// elements, which RFC 9110 lets a reader skip, are refused: nobody sends them in good faith.
    static func tokens(in list: String) -> [String]? {
        var tokens: [String] = []
        for part in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        {
            var element = part
            while let byte = element.first, byte == space || byte == tab { element.removeFirst() }
            while let byte = element.last, byte == space || byte == tab { element.removeLast() }
            guard !element.isEmpty, element.allSatisfy(isTokenByte) else { return nil }
            tokens.append(String(Substring(element)))
        }
        return tokens
    }

    /// Whether the lines of a list field name `token`, whose case does not matter.
    /// - Returns: nil if one of them is no list of tokens.
    static func lists(_ lines: [String], contain token: String) -> Bool? {
        var found = false
        for line in lines {
            guard let elements = tokens(in: line) else { return nil }
            if elements.contains(where: { isEqual($0, token) }) { found = true }
        }
        return found
    }

    /// Equality of ASCII texts without regard to case.
    static func isEqual(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { lowerCase($0) == lowerCase($1) }
    }

    /// An ASCII letter in lower case, any other byte as it is.
    static func lowerCase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
