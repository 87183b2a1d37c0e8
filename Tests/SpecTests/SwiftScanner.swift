/// The one pass over a Swift file behind `SwiftText`. It knows comments (nested ones too), string
/// literals of every form and interpolations. A regular expression between slashes is code to it and
/// must hold no quotation mark and no two slashes in a row.
struct SwiftScanner {
    private(set) var code: [UInt8] = []
    private(set) var comments: [SwiftText.Comment] = []
    private(set) var literals: [SwiftText.Literal] = []

    private let source: [UInt8]
    private var position = 0
    private var line = 1

    init(_ text: String) {
        source = Array(text.utf8)
        code.reserveCapacity(source.count)
    }

    mutating func scan() {
        scanCode(untilParenthesis: false)
    }

    private func looksAt(_ text: StaticString, _ offset: Int = 0) -> Bool {
        var at = position + offset
        for byte in text.description.utf8 {
            guard at < source.count, source[at] == byte else { return false }
            at += 1
        }
        return true
    }

    private func byte(_ offset: Int) -> UInt8? {
        let at = position + offset
        return at < source.count ? source[at] : nil
    }

    /// Takes one byte over into the code, or a blank in its place.
    private mutating func step(keep: Bool) {
        let byte = source[position]
        if byte == UInt8(ascii: "\n") { line += 1 }
        code.append(keep || byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        position += 1
    }

    /// Code up to the end of the file, or up to the parenthesis that closes an interpolation.
    private mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while position < source.count {
            if looksAt("//") {
                scanLineComment()
            } else if looksAt("/*") {
                scanBlockComment()
            } else if let hashes = literalStart() {
                scanLiteral(hashes: hashes)
            } else {
                let byte = source[position]
                if untilParenthesis {
                    if byte == UInt8(ascii: "(") { depth += 1 }
                    if byte == UInt8(ascii: ")") {
                        if depth == 0 { return }
                        depth -= 1
                    }
                }
                step(keep: true)
            }
        }
    }

    private mutating func scanLineComment() {
        let start = position
        let first = line
        while position < source.count, source[position] != UInt8(ascii: "\n") { step(keep: false) }
        comments.append(
            SwiftText.Comment(
                line: first, text: String(decoding: source[start..<position], as: UTF8.self)))
    }

    private mutating func scanBlockComment() {
        let start = position
        let first = line
        var depth = 0
        repeat {
            if looksAt("/*") {
                depth += 1
                step(keep: false)
            } else if looksAt("*/") {
                depth -= 1
                step(keep: false)
            }
            if position < source.count { step(keep: false) }
        } while depth > 0 && position < source.count
        comments.append(
            SwiftText.Comment(
                line: first, text: String(decoding: source[start..<position], as: UTF8.self)))
    }

    /// The number of `#` before a string literal that begins here; nil when none does.
    private func literalStart() -> Int? {
        var hashes = 0
        while byte(hashes) == UInt8(ascii: "#") { hashes += 1 }
        return byte(hashes) == UInt8(ascii: "\"") ? hashes : nil
    }

    private func looksAtQuotes(_ count: Int, hashes: Int) -> Bool {
        for offset in 0..<count where byte(offset) != UInt8(ascii: "\"") { return false }
        for offset in 0..<hashes where byte(count + offset) != UInt8(ascii: "#") { return false }
        return true
    }

    /// Whether `\`, the literal's hashes and the wanted byte stand here.
    private func looksAtEscape(hashes: Int, _ wanted: UInt8? = nil) -> Bool {
        guard byte(0) == UInt8(ascii: "\\") else { return false }
        for offset in 0..<hashes where byte(1 + offset) != UInt8(ascii: "#") { return false }
        return wanted == nil || byte(1 + hashes) == wanted
    }

    private mutating func scanLiteral(hashes: Int) {
        let first = line
        let start = code.count
        for _ in 0..<hashes { step(keep: true) }
        let quotes = looksAtQuotes(3, hashes: 0) ? 3 : 1
        for _ in 0..<quotes { step(keep: true) }
        var text: [UInt8] = []
        var isInterpolated = false
        while position < source.count, !looksAtQuotes(quotes, hashes: hashes) {
            if looksAtEscape(hashes: hashes, UInt8(ascii: "(")) {
                isInterpolated = true
                text.append(contentsOf: "\u{FFFC}".utf8)
                for _ in 0..<(hashes + 2) { step(keep: true) }
                scanCode(untilParenthesis: true)
                if position < source.count { step(keep: true) }
            } else if looksAtEscape(hashes: hashes) {
                text.append(source[position])
                step(keep: false)
                if position < source.count {
                    text.append(source[position])
                    step(keep: false)
                }
            } else {
                text.append(source[position])
                step(keep: false)
            }
        }
        for _ in 0..<(quotes + hashes) where position < source.count { step(keep: true) }
        literals.append(
            SwiftText.Literal(
                line: first, text: String(decoding: text, as: UTF8.self),
                isInterpolated: isInterpolated, range: start..<code.count))
    }
}
