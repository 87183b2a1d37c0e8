import Primitives
import Testing

@Suite("SPEC §2: bytes and texts")
struct BytesTests {
    @Test("PR-7 hexadecimal is strict: lower case, even, nothing else")
    func hexadecimal() throws {
        let all = [UInt8](0...255)
        let text = Hex.encode(all.raw)
        #expect(text.hasPrefix("000102030405060708090a0b0c0d0e0f10"))
        #expect(text.hasSuffix("fcfdfeff"))
        #expect(try Hex.decode(text) == all)
        #expect(try Hex.decode("") == [])
        #expect(throws: TextEncodingError.length(characterCount: 3)) { try Hex.decode("abc") }
        // Every other character at either place, multi-byte ones too.
        for byte in 0...127 as ClosedRange<UInt8> {
            let character = String(UnicodeScalar(byte))
            let isDigit = "0123456789abcdef".contains(character)
            if isDigit {
                #expect(throws: Never.self) { try Hex.decode(character + "0") }
            } else {
                #expect(throws: TextEncodingError.character) { try Hex.decode(character + "0") }
                #expect(throws: TextEncodingError.character) { try Hex.decode("0" + character) }
            }
        }
        #expect(throws: TextEncodingError.character) { try Hex.decode("é") }
        #expect(throws: TextEncodingError.character) { try Hex.decode("00FF") }
    }

    /// RFC 4648 section 10, lower case, without padding.
    @Test(
        "PR-7 base32 gives RFC 4648 section 10 in lower case without padding",
        arguments: [
            ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"), ("foobar", "mzxw6ytboi"),
        ])
    func base32(plain: String, text: String) throws {
        #expect(Base32.encode(utf8(plain).raw) == text)
        #expect(try Base32.decode(text) == utf8(plain))
    }

    @Test("PR-7 base32 of 32 bytes is 52 characters, and exactly one text decodes to them")
    func base32Canonical() throws {
        var random = SeededRandom(32)
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        for _ in 0..<50 {
            let key = random.bytes(count: 32)
            let text = Base32.encode(key.raw)
            #expect(text.utf8.count == 52)
            #expect(try Base32.decode(text) == key)
            // 260 bits: the last four are unused, so of 32 last characters only two are canonical.
            var accepted = 0
            for last in alphabet {
                do {
                    _ = try Base32.decode(text.dropLast() + String(last))
                    accepted += 1
                } catch {
                    #expect(error == .trailingBits)
                }
            }
            #expect(accepted == 2)
        }
    }

    @Test("PR-7 base32 refuses upper case, padding, other characters and impossible lengths")
    func base32Refusals() throws {
        for byte in 0...127 as ClosedRange<UInt8> {
            let character = String(UnicodeScalar(byte))
            if "abcdefghijklmnopqrstuvwxyz234567".contains(character) {
                #expect(throws: Never.self) { try Base32.decode(character + "aaaaaaa") }
            } else {
                #expect(throws: TextEncodingError.character) {
                    try Base32.decode(character + "aaaaaaa")
                }
            }
        }
        for count in [1, 3, 6, 9, 11, 14] {
            #expect(throws: TextEncodingError.length(characterCount: count)) {
                try Base32.decode(String(repeating: "a", count: count))
            }
        }
        #expect(throws: TextEncodingError.character) { try Base32.decode("MY") }
        #expect(throws: TextEncodingError.character) { try Base32.decode("my======") }
        for text in ["mz", "mzxr", "mzxw7", "mzxw6yr"] {
            #expect(throws: TextEncodingError.trailingBits) { try Base32.decode(text) }
        }
    }

    /// RFC 4648 section 10, without padding, and the two characters that differ.
    @Test(
        "base64url gives RFC 4648 without padding",
        arguments: [
            ("", ""), ("66", "Zg"), ("666f", "Zm8"), ("666f6f", "Zm9v"), ("666f6f62", "Zm9vYg"),
            ("666f6f6261", "Zm9vYmE"), ("666f6f626172", "Zm9vYmFy"), ("fbff", "-_8"),
        ])
    func base64URL(plain: String, text: String) throws {
        #expect(Base64URL.encode(bytes(plain).raw) == text)
        #expect(try Base64URL.decode(text) == bytes(plain))
    }

    @Test(
        "PR-7 base64url refuses padding, the other alphabet, spaces and trailing bits",
        arguments: ["Zg==", "Zm9v\n", " Zm9v", "+/8", "Zh", "Zm9", "Z", "Zm9vY", "Zm9v\u{0}", "é"])
    func base64URLRefusals(text: String) {
        #expect(throws: TextEncodingError.self) { try Base64URL.decode(text) }
    }

    @Test("WI-8 H1 base64url has no digit beyond ASCII")
    func base64BeyondASCII() {
        for value in UInt32(0x80)...0x7ff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            #expect(throws: TextEncodingError.self) { try Base64URL.decode("aa\(scalar)") }
            #expect(throws: TextEncodingError.self) { try Base64URL.decode("\(scalar)aa") }
        }
        #expect(throws: TextEncodingError.self) { try Base64URL.decode("a-\u{fffd}aaa") }
    }

    @Test("fixed bytes take exactly their length, order by the first difference, hash by content")
    func fixedBytes() throws {
        func array(_ value: FixedBytes<4>?) -> [UInt8]? { value?.array }
        func copied(_ source: [UInt8]) -> [UInt8]? { array(FixedBytes(copying: source.raw)) }
        #expect(copied([1, 2, 3, 4]) == [1, 2, 3, 4])
        #expect(copied([]) == nil)
        #expect(copied([1, 2, 3]) == nil)
        #expect(copied([1, 2, 3, 4, 5]) == nil)
        #expect(array(FixedBytes(hex: "01020304")) == [1, 2, 3, 4])
        #expect(array(FixedBytes(hex: "0102030")) == nil)
        #expect(array(FixedBytes(hex: "010203040")) == nil)
        #expect(array(FixedBytes(hex: "0102030A")) == nil)
        #expect(FixedBytes<4>.zero.isZero)
        #expect(!FixedBytes<4>(repeating: 1).isZero)
        let values: [FixedBytes<2>] = ["0100", "00ff", "0001", "ff00", "0000"].map { fixed($0) }
        #expect(values.sorted().map { $0.hex } == ["0000", "0001", "00ff", "0100", "ff00"])
        #expect(!(values[0] < values[0]))
        #expect(Set(values + values).count == 5)
    }

    @Test("fixed bytes print their first four bytes and no more, also when dumped")
    func printing() {
        let value: FixedBytes<32> = fixed(String(repeating: "c0ffee99", count: 8))
        #expect("\(value)" == "c0ffee99…")
        #expect(String(reflecting: value) == "c0ffee99…")
        var dumped = ""
        dump(value, to: &dumped)
        #expect(dumped == "- c0ffee99…\n")
        #expect("\(FixedBytes<4>(repeating: 7))" == "07070707")
    }

    @Test("big-endian loads are bounded and stores are their inverse")
    func byteOrder() {
        let source = bytes("0102030405060708ff")
        func load<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
            _ offset: Int, _ type: T.Type
        ) -> T? { source.raw.bigEndian(at: offset, as: type) }
        #expect(load(0, UInt8.self) == 1)
        #expect(load(8, UInt8.self) == 255)
        #expect(load(9, UInt8.self) == nil)
        #expect(load(1, UInt16.self) == 0x0203)
        #expect(load(7, UInt16.self) == 0x08ff)
        #expect(load(8, UInt16.self) == nil)
        #expect(load(0, UInt32.self) == 0x0102_0304)
        #expect(load(1, UInt64.self) == 0x0203_0405_0607_08ff)
        #expect(load(2, UInt64.self) == nil)
        #expect(load(-1, UInt8.self) == nil)
        #expect(load(.max, UInt64.self) == nil)
        var written: [UInt8] = []
        written.append(bigEndian: UInt64(0x0102_0304_0506_0708))
        written.append(bigEndian: UInt8(255))
        #expect(written == source)
        written.append(bigEndian: UInt16(0xbeef))
        #expect(written.suffix(2) == [0xbe, 0xef])
    }

    @Test("raw views show the same bytes whatever they look at")
    func views() {
        let array: [UInt8] = [9, 8, 7, 6]
        #expect([UInt8](copying: array.raw) == array)
        let slice = array[1..<3]
        #expect([UInt8](copying: slice.raw) == [8, 7])
        let inline: InlineArray<4, UInt8> = [9, 8, 7, 6]
        #expect([UInt8](copying: inline.raw) == array)
        #expect([UInt8](copying: array.span.raw) == array)
        let label: StaticString = "postern/1 ä"
        #expect([UInt8](copying: label.raw) == utf8("postern/1 ä"))
        var mutable = array
        var span = mutable.mutableRaw
        span.storeBytes(of: 5, toByteOffset: 0, as: UInt8.self)
        #expect(mutable == [5, 8, 7, 6])
        #expect(array == [9, 8, 7, 6])
        mutable.append(copying: slice.raw)
        #expect(mutable == [5, 8, 7, 6, 8, 7])
        let empty: [UInt8] = []
        #expect([UInt8](copying: empty.raw) == [])
    }

    @Test("the seeded source is the ChaCha20 stream of its seed, however it is cut")
    func seeded() {
        // RFC 8439 appendix A.1, test vectors 1 and 2: all-zero key and nonce, blocks 0 and 1.
        var random = SeededRandom(seed: .zero)
        #expect(
            Hex.encode(random.bytes(count: 128).raw) == """
                76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\
                da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586\
                9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed\
                29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f
                """)
        var whole = SeededRandom(7)
        let stream = whole.bytes(count: 300)
        var cut = SeededRandom(7)
        var pieces: [UInt8] = []
        for count in [1, 0, 62, 1, 1, 127, 108] { pieces += cut.bytes(count: count) }
        #expect(pieces == stream)
        var other = SeededRandom(8)
        #expect(other.bytes(count: 300) != stream)
    }

    @Test("the fixed source hands out its bytes in turn")
    func fixedSource() {
        var random = FixedRandom([1, 2, 3, 4, 5])
        #expect(random.bytes(count: 2) == [1, 2])
        #expect(!random.isExhausted)
        #expect(random.bytes(count: 3) == [3, 4, 5])
        #expect(random.isExhausted)
    }

    @Test("bounded integers stay below their bound and reach every value")
    func bounded() {
        var random: any RandomSource = SeededRandom(3)
        for bound in 1...20 as ClosedRange<UInt64> {
            var seen: Set<UInt64> = []
            for _ in 0..<1000 { seen.insert(random.integer(below: bound)) }
            #expect(seen == Set(0..<bound))
        }
        #expect(random.integer(below: .max) < .max)
        var cards = Array(0..<52)
        random.shuffle(&cards)
        #expect(cards != Array(0..<52))
        #expect(cards.sorted() == Array(0..<52))
    }
}
