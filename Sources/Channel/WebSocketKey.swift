import Primitives

/// `Sec-WebSocket-Key` and the `Sec-WebSocket-Accept` that answers it (RFC 6455 section 4).
enum WebSocketKey {
    /// A key text of 16 random bytes.
    static func make(from random: inout some RandomSource) -> String {
        let bytes: FixedBytes<16> = random.bytes()
        return base64(bytes.raw)
    }

    /// Whether `text` is the canonical base64 of 16 bytes: 22 characters and two equals signs.
    static func isValid(_ text: String) -> Bool {
        guard text.utf8.count == 24, text.hasSuffix("==") else { return false }
        // The two alphabets differ in two characters, which must not be taken for each other.
        guard !text.utf8.contains(UInt8(ascii: "-")), !text.utf8.contains(UInt8(ascii: "_")) else {
            return false
        }
        let body = text.utf8.dropLast(2).map(translated)
        let decoded = try? Base64URL.decode(String(decoding: body, as: UTF8.self))
        return decoded?.count == 16
    }

    /// The answer to a key text: base64 of SHA-1 over the text and the protocol's constant.
    static func accept(for key: String) -> String {
        let message = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        return base64(SHA1.hash(message.raw).raw)
    }

    /// Base64 with the standard alphabet and padding (RFC 4648 section 4).
    private static func base64(_ bytes: RawSpan) -> String {
        var text = Base64URL.encode(bytes).utf8.map(translated)
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Swaps the two characters in which the alphabets of RFC 4648 sections 4 and 5 differ.
    private static func translated(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "-"): UInt8(ascii: "+")
        case UInt8(ascii: "_"): UInt8(ascii: "/")
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: character
        }
    }
}
