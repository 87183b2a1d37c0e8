import Primitives
import Testing
import Wire

@Suite("§2.3 addresses")
struct AddressTests {
    static let key = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"
    static let base = "postern://\(key)@example.org"

    @Test(
        "WI-8 an address is printed as it was parsed",
        arguments: [
            base, "\(base):1", "\(base):65535", "\(base)/u/abc", "\(base)/u/a_.0123456789",
            "\(base):9/i#\(key)", "\(base)/t#AA", "\(base)/t#_-_-", "postern://\(key)@127.0.0.1",
            "postern://\(key)@[::1]:80", "postern://\(key)@[2001:db8::1]/u/bob",
            "postern://\(key)@localhost", "postern://\(key)@a-b.c3.xn--p1ai",
            "postern://\(key)@[1::]", "postern://\(key)@[1:0:2:3:4:5:6:7]",
            "postern://\(key)@[::ffff:7f00:1]",
        ])
    func roundTrip(_ text: String) throws {
        #expect(try Address(text).text == text)
    }

    @Test("WI-8 forms are told apart and hold what they say")
    func forms() throws {
        guard case .person(let server, let handle) = try Address("\(Self.base):1234/u/a.b") else {
            Issue.record("not a person")
            return
        }
        #expect(server.port == 1234)
        #expect(server.host == .name("example.org"))
        #expect(handle.text == "a.b")
        guard case .invite(let other, let link) = try Address("\(Self.base)/i#\(Self.key)") else {
            Issue.record("not an invite")
            return
        }
        #expect(other.port == 8437)
        #expect(link.bytes == FixedBytes<32>(InlineArray(repeating: 1)))
        #expect("\(link)" == "link key")
        guard case .admission(_, let token) = try Address("\(Self.base)/t#AQID") else {
            Issue.record("not an admission")
            return
        }
        #expect(token == [1, 2, 3])
    }

    @Test(
        "WI-8 any other spelling is refused",
        arguments: [
            ("Postern://\(key)@example.org", AddressError.scheme),
            ("https://example.org", .scheme), ("", .scheme), ("postern:/", .scheme),
            (" \(base)", .scheme), ("postern://", .key), ("postern://@example.org", .key),
            ("postern://\(key)", .key), ("postern://\(key.uppercased())@example.org", .key),
            ("postern://\(key.dropLast())@example.org", .key),
            ("postern://\(key.dropLast())r@example.org", .key),
            ("postern://\(key)a@example.org", .key),
            ("postern://\(String(repeating: "a", count: 52))@example.org", .key),
            ("postern://\(key)@", .host), ("postern://\(key)@Example.org", .host),
            ("\(base):8437", .host), ("\(base):0", .host), ("\(base):65536", .host),
            ("\(base):080", .host), ("\(base):", .host), ("\(base):+1", .host),
            ("\(base):1:2", .host), ("postern://\(key)@a..b", .host),
            ("postern://\(key)@.a", .host), ("postern://\(key)@a.", .host),
            ("postern://\(key)@-a", .host), ("postern://\(key)@a-", .host),
            ("postern://\(key)@a_b", .host), ("postern://\(key)@127.1", .host),
            ("postern://\(key)@0x7f.1", .host), ("postern://\(key)@1.2.3.256", .host),
            ("postern://\(key)@1.2.3.04", .host), ("postern://\(key)@1.2.3.4.5", .host),
            ("postern://\(key)@b\u{fc}cher.example", .host), ("postern://\(key)@a b", .host),
            ("postern://\(key)@user@example.org", .host), ("postern://\(key)@::1", .host),
            ("\(base)/", .path), ("\(base)/u", .path), ("\(base)/u/", .handle),
            ("\(base)/u/ab", .handle), ("\(base)/u/abc/", .handle), ("\(base)/u/Abc", .handle),
            ("\(base)/u#abc", .path), ("\(base)//abc", .path), ("\(base)#i\(key)", .path),
            ("\(base)/i/\(key)", .path), ("\(base)/i#", .secret), ("\(base)/i#\(key)a", .secret),
            ("\(base)/i#\(key.dropLast())r", .secret), ("\(base)/t#", .secret),
            ("\(base)/t#A", .secret), ("\(base)/t#AB", .secret), ("\(base)/t#AA==", .secret),
            ("\(base)/t#a+b/", .secret), ("\(base)/1#abc", .path), ("\(base)/?a", .path),
        ])
    func otherSpelling(_ text: String, _ error: AddressError) {
        #expect(throws: error) { _ = try Address(text) }
    }

    @Test(
        "WI-8 an IPv6 address not as RFC 5952 writes it is refused",
        arguments: [
            "[0::1]", "[::01]", "[2001:DB8::1]", "[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]", "[:1]", "[1:]", "[:::]", "[::1::]", "[1::2::3]", "[12345::]",
            "[::127.0.0.1]", "[fe80::1%eth0]", "[]", "[", "]", "[::1", "[1:0:0:2:0:0:0:3]",
            "[0:0:2::3:4:5]", "[g::]", "[::1]x",
        ])
    func ipv6(_ host: String) {
        #expect(throws: AddressError.host) { _ = try Address("postern://\(Self.key)@\(host)") }
    }

    @Test("WI-8 a host and port of 64 bytes are taken, of 65 refused")
    func hostLength() throws {
        let label = String(repeating: "a", count: 30)
        let longest = "\(label).\(label):12"
        #expect(longest.utf8.count == 64)
        #expect(try Address("postern://\(Self.key)@\(longest)").text.hasSuffix(longest))
        #expect(throws: AddressError.host) {
            _ = try Address("postern://\(Self.key)@\(longest)3")
        }
        let label63 = String(repeating: "b", count: 63)
        _ = try Address("postern://\(Self.key)@\(label63)")
        #expect(throws: AddressError.host) { _ = try Address("postern://\(Self.key)@\(label63)b") }
    }

    @Test("WI-8 a token of 256 bytes is taken, of 257 refused")
    func tokenLength() throws {
        let longest = Base64URL.encode([UInt8](repeating: 0xaa, count: 256).raw)
        _ = try Address("\(Self.base)/t#\(longest)")
        let above = Base64URL.encode([UInt8](repeating: 0xaa, count: 257).raw)
        #expect(throws: AddressError.self) { _ = try Address("\(Self.base)/t#\(above)") }
        let endless = String(repeating: "a", count: 1 << 20)
        #expect(
            throws: AddressError.tooLong(
                byteCount: Self.base.utf8.count + 3 + endless.utf8.count,
                limit: Address.byteCountMax)
        ) { _ = try Address("\(Self.base)/u/\(endless)") }
    }

    @Test(
        "WI-9 an unknown or reserved letter says that a newer version may know it",
        arguments: ["d", "g", "a", "z", "q"])
    func newerVersion(_ letter: Unicode.Scalar) {
        for mark in ["#", "/"] {
            #expect(throws: AddressError.newerVersion(letter: letter)) {
                _ = try Address("\(Self.base)/\(letter)\(mark)something")
            }
        }
    }

    @Test("WI-8 no change of one character makes another spelling of the same address")
    func mutations() throws {
        let texts = ["\(Self.base):77/u/alice", "postern://\(Self.key)@[1::2]/i#\(Self.key)"]
        for text in texts {
            let original = try Address(text)
            let characters = Array(text.utf8)
            for index in characters.indices {
                for mask: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128] {
                    let changed = String(
                        decoding: characters.flipping(index, by: mask), as: UTF8.self)
                    guard let parsed = try? Address(changed) else { continue }
                    #expect(parsed != original && parsed.text == changed)
                }
            }
        }
    }

    @Test("WI-10 D9 handles take 3 to 32 characters of their alphabet and nothing else")
    func handles() throws {
        for text in ["abc", "a.b", "___", "0_9", String(repeating: "z", count: 32)] {
            #expect(try Handle(text).text == text)
        }
        for text in [
            "", "ab", String(repeating: "z", count: 33), "Abc", "a-b", "a b", "abc\n", "abc\0",
            "\u{430}lice", "alic\u{435}", "ali\u{200b}ce", "\u{202e}alice", "al\u{131}ce",
            "a\u{301}bc", "\u{ff41}lice", "alice\u{feff}",
        ] {
            #expect(throws: WireError.badHandle) { _ = try Handle(text) }
        }
        // Every scalar outside the alphabet, alone and in the middle of a good handle.
        for value in UInt32(0)...0xffff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let inAlphabet =
                ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
                || scalar == "_" || scalar == "."
            #expect(((try? Handle("ab\(scalar)cd")) != nil) == inAlphabet)
        }
    }

    @Test("WI-10 the handle field has 33 bytes, its padding zero; zeros alone are no handle")
    func handleField() throws {
        for text in ["abc", String(repeating: "z", count: 32)] {
            var writer = Writer()
            Handle.encode(Fixture.handle(text), into: &writer)
            #expect(writer.bytes.count == Handle.fieldByteCount)
            var reader = Reader(writer.bytes.raw)
            #expect(try Handle(from: &reader).text == text)
            try reader.finish()
        }
        var writer = Writer()
        Handle.encode(Fixture.handle("abc"), into: &writer)
        for index in 4..<33 {
            let bad = writer.bytes.flipping(index)
            var reader = Reader(bad.raw)
            #expect(throws: WireError.notZero(offset: index)) { _ = try Handle(from: &reader) }
        }
        for length: UInt8 in [1, 2, 33, 255] {
            var bad = writer.bytes
            bad[0] = length
            var reader = Reader(bad.raw)
            #expect(throws: WireError.self) { _ = try Handle(from: &reader) }
        }
        let none = [UInt8](repeating: 0, count: 33)
        var reader = Reader(none.raw)
        #expect(throws: WireError.badHandle) { _ = try Handle(from: &reader) }
        var optional = Reader(none.raw)
        #expect(try Handle.optional(from: &optional) == nil)
    }

    @Test("WI-8 WI-3 the server field has 97 bytes and one encoding")
    func serverField() throws {
        for host in ["a", "127.0.0.1:1", "[2001:db8::8]:443", "mail.example.org"] {
            let address = Fixture.server(host: host)
            var writer = Writer()
            ServerAddress.encode(address, into: &writer)
            #expect(writer.bytes.count == ServerAddress.fieldByteCount)
            var reader = Reader(writer.bytes.raw)
            #expect(try ServerAddress(from: &reader) == address)
            for index in 33..<97 {
                let bad = writer.bytes.flipping(index)
                var reader = Reader(bad.raw)
                let parsed = try? ServerAddress(from: &reader)
                #expect(parsed != address)
                if index >= 33 + host.utf8.count {
                    var again = Reader(bad.raw)
                    #expect(throws: WireError.notZero(offset: index)) {
                        _ = try ServerAddress(from: &again)
                    }
                }
            }
        }
        let none = [UInt8](repeating: 0, count: 97)
        var reader = Reader(none.raw)
        #expect(try ServerAddress.optional(from: &reader) == nil)
        try reader.finish()
        var required = Reader(none.raw)
        #expect(throws: WireError.self) { _ = try ServerAddress(from: &required) }
    }

    @Test("WI-8 a host that an operator names is brought into its one spelling")
    func canonicalHosts() throws {
        let long = String(repeating: "a", count: 60) + ".b"
        for (text, spelling) in [
            ("chat.example.org", "chat.example.org"), ("chat.example.org:8437", "chat.example.org"),
            ("127.0.0.1:8438", "127.0.0.1:8438"), ("[::1]:8437", "[::1]"),
            (long + ":8437", long),
        ] {
            #expect(try ServerAddress.canonical(hostAndPort: text) == spelling)
        }
        for text in [
            "", ":8437", "a:0", "a:08437", "a:65536", "a:8437:8437", "a b", long + ":8438",
        ] {
            #expect(throws: WireError.badHost) {
                try ServerAddress.canonical(hostAndPort: text)
            }
        }
    }
}
