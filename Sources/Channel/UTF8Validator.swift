/// Checks UTF-8 as it comes in, cut anywhere (RFC 3629 section 4): no overlong forms, no
/// surrogates, nothing above U+10FFFF. A wrong byte is found at once, not at the end of its text.
struct UTF8Validator: Equatable, Sendable {
    /// Bytes that must still follow to end the current character.
    private var continuationByteCount: UInt8 = 0
    /// What the next of them may be.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    /// Whether the text may end here: no character is left unfinished.
    var isComplete: Bool { continuationByteCount == 0 }

    /// Takes one more byte; false if it cannot stand there.
    mutating func accept(_ byte: UInt8) -> Bool {
        if continuationByteCount > 0 {
            guard byte >= low, byte <= high else { return false }
            continuationByteCount -= 1
            low = 0x80
            high = 0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F:
            break
        case 0xC2...0xDF:
            continuationByteCount = 1
        case 0xE0:
            continuationByteCount = 2
            low = 0xA0  // below would be overlong
        case 0xED:
            continuationByteCount = 2
            high = 0x9F  // above are the surrogates
        case 0xE1...0xEF:
            continuationByteCount = 2
        case 0xF0:
            continuationByteCount = 3
            low = 0x90  // below would be overlong
        case 0xF1...0xF3:
            continuationByteCount = 3
        case 0xF4:
            continuationByteCount = 3
            high = 0x8F  // above is no Unicode
        default:
            return false
        }
        return true
    }
}
