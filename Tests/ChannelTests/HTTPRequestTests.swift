import Channel
import Primitives
import Testing

/// RFC 9110 and RFC 9112 as far as a GET without content needs them.
@Suite("§11.1 HTTP: requests")
struct HTTPRequestTests {
    @Test("CH-1 a plain request is read, and what follows it is left alone")
    func plainRequest() throws {
        let text = "GET /health?full=%2Fx HTTP/1.1\r\nHost: [::1]:8438\r\nX-Empty:\r\n\r\nrest"
        let head = try #require(try read(Array(text.utf8)).get())
        #expect(head.target == "/health?full=%2Fx")
        #expect(head.host == "[::1]:8438")
        #expect(head.byteCount == text.utf8.count - 4)
        #expect(head.fields.lines.map(\.name) == ["host", "x-empty"])
        #expect(head.fields.lines.map(\.value) == ["[::1]:8438", ""])
    }

    @Test("CH-1 white space around a value is no part of it, inside it is")
    func whiteSpaceOfValues() throws {
        let text = "GET / HTTP/1.1\r\nHost:\t a \t\r\nX: \t b\tc  d \r\nY:  \r\n\r\n"
        let head = try #require(try read(Array(text.utf8)).get())
        #expect(head.fields.lines.map(\.value) == ["a", "b\tc  d", ""])
    }

    @Test("CH-1 cut at every byte, or byte by byte, a request is read or refused in the same way")
    func everyCut() {
        let requests = [
            head(upgradeLines), head(upgradeLines) + "\u{1}", "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]
        for text in requests {
            let bytes = Array(text.utf8)
            let whole = read(bytes)
            for cut in 0...bytes.count { #expect(read(bytes, cuts: [cut]) == whole) }
            #expect(read(bytes, cuts: Array(0..<bytes.count)) == whole)
        }
    }

    @Test("CH-1 an unfinished head is waited for, up to its last byte")
    func unfinished() {
        let bytes = Array(head(upgradeLines).utf8)
        for end in 0..<bytes.count {
            #expect(read(Array(bytes[..<end])) == .success(nil))
        }
    }

    @Test("CH-1 every byte that no head may hold is refused where it stands")
    func forbiddenBytes() {
        for byte in UInt8.min...UInt8.max {
            let allowed = byte == 9 || (0x20...0x7E).contains(byte)
            let bytes =
                Array("GET / HTTP/1.1\r\nHost: a\r\nX: b".utf8) + [byte, 0x63, 13, 10, 13, 10]
            let expected: HTTPError? =
                switch byte {
                case 10: .bareLineFeed(offset: 29)
                case 13: .bareCarriageReturn(offset: 29)
                default: allowed ? nil : .forbiddenByte(offset: 29)
                }
            #expect(refusal(bytes) == expected)
        }
    }

    @Test("CH-1 exactly the token bytes may stand in a field name")
    func fieldNames() {
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        for byte in UInt8(0x20)...0x7E where byte != 0x3A {
            let isToken =
                marks.contains(byte) || (0x30...0x39).contains(byte)
                || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            let bytes =
                Array("GET / HTTP/1.1\r\nHost: a\r\nX".utf8) + [byte] + Array(": b\r\n\r\n".utf8)
            #expect(refusal(bytes) == (isToken ? nil : .badField(index: 1)))
        }
        for line in [": b", "X", "X : b", "X\t: b", "\"X\": b", "X=b"] {
            #expect(
                refusal(head(["GET / HTTP/1.1", "Host: a", line])) == .badField(index: 1))
        }
    }

    @Test("CH-1 a folded field line is refused, wherever it stands")
    func foldedFields() {
        for fold in [" ", "\t", "  b: c", "\tHost: b"] {
            #expect(
                refusal(head(["GET / HTTP/1.1", "Host: a", fold])) == .foldedField(index: 1))
            #expect(
                refusal(head(["GET / HTTP/1.1", fold, "Host: a"])) == .foldedField(index: 0))
        }
    }

    @Test(
        "CH-1 G5 what may stand once is refused twice, whoever would have looked at it",
        arguments: [
            "Host: a", "Origin: https://a.example", "Content-Length: 0", "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: postern.v0",
        ])
    func repeats(field: String) {
        // Another path, a foreign origin: neither is looked at before.
        for target in ["/", "/elsewhere"] {
            var lines = ["GET \(target) HTTP/1.1", field, field]
            if !field.hasPrefix("Host") { lines.insert("Host: a", at: 1) }
            guard case .repeatedField? = refusal(head(lines)) else {
                Issue.record("\(field) may stand twice")
                continue
            }
            lines.removeLast()
            #expect(refusal(head(lines)) == nil)
        }
    }

    @Test("CH-1 an empty line before the request line is refused")
    func emptyFirstLine() {
        #expect(refusal("\r\n" + head(upgradeLines)) == .emptyFirstLine)
    }

    @Test("CH-1 a request line of any other shape is refused")
    func requestLines() {
        let lines = [
            "GET /", "GET", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
            " GET / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1 x", "G@T / HTTP/1.1",
            " / HTTP/1.1", "GET /a b HTTP/1.1", "/ HTTP/1.1", "GET / HTTP/11", "GET / http/1.1",
            "GET / HTTP/1.1.1", "GET / HTTP/1,1", "GET / HTTPS/1.1", "GET / HTTP/a.1", "GET / ",
        ]
        for line in lines { #expect(refusal(head([line, "Host: a"])) == .badRequestLine) }
    }

    @Test("CH-1 a target that is no absolute path is refused")
    func targets() {
        let wrong = [
            "*", "http://a/", "//a\\b", "a", "a:80", "?", "#", "/#", "/%", "/%4", "/%4g", "/a%",
            "/\"", "/<", "/>", "/[", "/]", "/^", "/`", "/{", "/|", "/}", "\\", "ws://a/", "",
        ]
        for target in wrong {
            let error = refusal(head(["GET \(target) HTTP/1.1", "Host: a"]))
            #expect(error == .badTarget)
        }
        for target in [
            "/", "//", "/a/b.c-d_e~f", "/?a=b&c;d", "/%41%fF",
        ] {
            #expect(refusal(head(["GET \(target) HTTP/1.1", "Host: a"])) == nil)
        }
    }

    @Test("CH-1 Host must stand once and name a host")
    func hosts() {
        #expect(refusal(head(["GET / HTTP/1.1"])) == .missingHost)
        #expect(refusal(head(["GET / HTTP/1.1", "X: a"])) == .missingHost)
        #expect(
            refusal(head(["GET / HTTP/1.1", "Host: a", "host: a"])) == .repeatedField(.host))
        let wrong = [
            "", "a, b", "a b", "u@a", "a/b", "a:", "a:0", "a:65536", "a:123456", "a:b", "a:1:2",
            "[::1", "[]", "[a]", "[::1]a", "[::1]:", "[g::]", "::1", "a?b", "a#b", "%61",
            "http://a",
            ":80", "[::1]x:80", "a:+1", "a:-1",
        ]
        for host in wrong {
            #expect(refusal(head(["GET / HTTP/1.1", "Host: \(host)"])) == .badHost)
        }
        for host in ["a", "a.b-c_d", "127.0.0.1:1", "a:65535", "[::1]", "[::ffff:1.2.3.4]:80"] {
            #expect(refusal(head(["GET / HTTP/1.1", "Host: \(host)"])) == nil)
        }
    }

    @Test("CH-2 a head at the limit of bytes passes; one byte more is answered 431")
    func headLimit() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        for (excess, expected) in [
            (0, nil), (1, HTTPError.headTooLong(byteCountMax: 8_192)),
        ] {
            let filler = String(repeating: "x", count: 8_192 - start.utf8.count - 4 + excess)
            #expect(refusal(start + filler + "\r\n\r\n") == expected)
        }
        #expect(HTTPError.headTooLong(byteCountMax: 8_192).status == .headTooLarge)
        // Without an end, the byte after the limit decides.
        #expect(refusal(String(repeating: "x", count: 8_192)) == nil)
        #expect(
            refusal(String(repeating: "x", count: 8_193)) == .headTooLong(byteCountMax: 8_192))
    }

    @Test("CH-2 as many field lines as the limit pass; one more is answered 431 at once")
    func fieldLimit() {
        let lines = ["GET / HTTP/1.1", "Host: a"] + (1...63).map { "X-\($0): y" }
        #expect(refusal(head(lines)) == nil)
        let above = (lines + ["Y: z"]).joined(separator: "\r\n") + "\r\n"
        #expect(refusal(above) == .tooManyFields(countMax: 64))
        #expect(HTTPError.tooManyFields(countMax: 64).status == .headTooLarge)
    }

    @Test("CH-3 another method of the standards is answered 405, an unknown one 501")
    func methods() {
        for method in ["HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
            #expect(refusal(head(["\(method) / HTTP/1.1", "Host: a"])) == .methodNotAllowed)
        }
        for method in ["get", "Get", "BREW", "GETS", "PRI", "X"] {
            #expect(refusal(head(["\(method) / HTTP/1.1", "Host: a"])) == .unknownMethod)
        }
        #expect(HTTPError.methodNotAllowed.status == .methodNotAllowed)
        #expect(HTTPError.unknownMethod.status == .notImplemented)
    }

    @Test("CH-3 another version of HTTP is answered 505")
    func versions() {
        for version in ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0", "HTTP/9.9"] {
            #expect(refusal(head(["GET / \(version)", "Host: a"])) == .unsupportedVersion)
        }
        #expect(HTTPError.unsupportedVersion.status == .versionNotSupported)
        // The preface of HTTP/2.
        #expect(refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .unsupportedVersion)
    }

    @Test("CH-4 content is refused, whatever announces it")
    func content() {
        func refused(_ lines: [String]) -> HTTPError? {
            refusal(head(["GET / HTTP/1.1", "Host: a"] + lines))
        }
        #expect(refused(["Content-Length: 0"]) == nil)
        for length in ["1", "00", "+0", "-0", "0x0", "0, 0", "", "0 0", "18446744073709551616"] {
            #expect(refused(["Content-Length: \(length)"]) == .contentLength)
        }
        #expect(
            refused(["Content-Length: 0", "Content-Length: 0"]) == .repeatedField(.contentLength))
        #expect(
            refused(["Content-Length: 0", "Content-Length: 5"]) == .repeatedField(.contentLength))
        for coding in ["chunked", "identity", "gzip, chunked", "", "xchunked", "Chunked"] {
            #expect(refused(["Transfer-Encoding: \(coding)"]) == .transferEncoding)
            #expect(
                refused(["Content-Length: 0", "Transfer-Encoding: \(coding)"]) == .transferEncoding)
        }
        #expect(HTTPError.contentLength.status == .badRequest)
        #expect(HTTPError.transferEncoding.status == .badRequest)
    }

    @Test("CH-1 every answer to a refused request is exact and closes the connection")
    func responses() {
        func text(_ error: HTTPError) -> String {
            String(decoding: error.response.encoded, as: UTF8.self)
        }
        let common = """
            Content-Type: text/plain; charset=utf-8\r
            Content-Length: %\r
            Cache-Control: no-store\r
            X-Content-Type-Options: nosniff\r

            """
        #expect(
            text(.badTarget)
                == "HTTP/1.1 400 Bad Request\r\n"
                + common.replacing("%", with: "16") + "Connection: close\r\n\r\n400 Bad Request\n")
        #expect(
            text(.methodNotAllowed)
                == "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
                + common.replacing("%", with: "23")
                + "Connection: close\r\n\r\n405 Method Not Allowed\n")
        #expect(
            text(.unsupportedWebSocketVersion)
                == "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\n" + common.replacing("%", with: "21")
                + "Connection: close, Upgrade\r\n\r\n426 Upgrade Required\n")
        for error in [
            HTTPError.headTooLong(byteCountMax: 1), .notFound, .originNotAllowed, .unknownMethod,
            .unsupportedVersion,
        ] {
            #expect(
                text(error).hasPrefix(
                    "HTTP/1.1 \(error.status.rawValue) \(error.status.reason)\r\n"))
            #expect(text(error).contains("\r\nConnection: close\r\n"))
        }
    }

    @Test("an answer of the admin listener carries its text with the exact length")
    func adminAnswer() {
        let response = HTTPResponse(.ok, contentType: "application/json", body: "{\"ü\":1}\n")
        let text = String(decoding: response.encoded, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"))
        #expect(text.contains("\r\nContent-Length: 9\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{\"ü\":1}\n"))
    }

    @Test("H1 twenty thousand heads with random bytes changed are read or refused, never trap")
    func randomHeads() {
        var random = SeededRandom(7)
        let original = Array(head(upgradeLines).utf8)
        var readable = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...random.integer(below: 3) {
                let index = Int(random.integer(below: UInt64(bytes.count)))
                switch random.integer(below: 4) {
                case 0: bytes[index] = random.integer()
                case 1: bytes[index] = UInt8(random.integer(below: 0x5F)) + 0x20
                case 2: bytes.remove(at: index)
                default: bytes.insert(bytes[Int(random.integer(below: 40))], at: index)
                }
            }
            if case .success(.some(let head)) = read(bytes) {
                readable += 1
                #expect(head.byteCount <= bytes.count)
                #expect(head.target.hasPrefix("/"))
            }
        }
        #expect(readable > 100)
    }
}
