@testable import Channel
import Primitives
import Testing

/// RFC 6455 section 4.1: the client's request, and what it makes of the answer.
@Suite("§11.1 WebSocket: upgrade, client")
struct WebSocketHandshakeTests {
    private func handshake(
        _ subprotocols: [String] = ["postern.v1"], seed: UInt64 = 1
    ) throws -> WebSocketClientHandshake {
        var random = SeededRandom(seed)
        return try WebSocketClientHandshake(
            host: "server.example:8437", subprotocols: subprotocols, limits: headLimits,
            random: &random)
    }

    private func value(_ name: String, in bytes: [UInt8]) -> String? {
        String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
            .first { $0.hasPrefix(name + ": ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }

    /// A right answer to the handshake, as lines.
    private func answerLines(_ handshake: WebSocketClientHandshake) throws -> [String] {
        let key = try #require(value("Sec-WebSocket-Key", in: handshake.request))
        return [
            "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Accept: \(WebSocketKey.accept(for: key))",
            "Sec-WebSocket-Protocol: postern.v1",
        ]
    }

    private func outcome(
        _ handshake: WebSocketClientHandshake, _ text: String
    ) -> Result<WebSocketClientHandshake.Accepted?, WebSocketHandshakeError> {
        var handshake = handshake
        let bytes = Array(text.utf8)
        do throws(WebSocketHandshakeError) {
            return .success(try handshake.receive(bytes.raw))
        } catch {
            return .failure(error)
        }
    }

    @Test("CH-9 CH-11 the request is exact, without an Origin, with a key from the source")
    func request() throws {
        let made = try handshake(["postern.v2", "postern.v1"])
        let key = try #require(value("Sec-WebSocket-Key", in: made.request))
        #expect(
            String(decoding: made.request, as: UTF8.self)
                == "GET / HTTP/1.1\r\nHost: server.example:8437\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Protocol: postern.v2, postern.v1\r\n\r\n")
        #expect(made.offeredSubprotocols == "postern.v2, postern.v1")
        #expect(WebSocketKey.isValid(key))
        #expect(try handshake(seed: 1).request == handshake(seed: 1).request)
        #expect(try handshake(seed: 1).request != handshake(seed: 2).request)
    }

    @Test("CH-9 CH-11 our server takes the request, and both sides see one offer and one choice")
    func bothSides() throws {
        let made = try handshake(["postern.v2", "postern.v1"])
        let answer = try upgrade(String(decoding: made.request, as: UTF8.self)).get()
        let response = String(decoding: answer.response, as: UTF8.self)
        let accepted = try #require(try outcome(made, response + "\u{2}\u{1}").get())
        #expect(accepted.byteCount == answer.response.count)
        #expect(accepted.subprotocol == answer.subprotocol)
        #expect(accepted.subprotocol == "postern.v1")
        #expect(made.offeredSubprotocols == answer.offeredSubprotocols)
    }

    @Test("CH-11 cut at every byte the answer is read in the same way")
    func everyCut() throws {
        let made = try handshake()
        let bytes = Array(head(try answerLines(made)).utf8)
        for cut in 0..<bytes.count {
            var handshake = made
            #expect(try handshake.receive(bytes.raw.extracting(first: cut)) == nil)
            let accepted = try handshake.receive(bytes.raw)
            #expect(accepted?.byteCount == bytes.count)
        }
    }

    @Test("CH-11 any other status is refused with its number")
    func otherStatuses() throws {
        let made = try handshake()
        for status in [100, 103, 200, 204, 301, 400, 401, 403, 404, 426, 431, 503, 999] as [UInt16]
        {
            #expect(
                outcome(made, "HTTP/1.1 \(status) Whatever\r\nUpgrade: websocket\r\n\r\n")
                    == .failure(.refused(status: status)))
        }
        #expect(outcome(made, "HTTP/1.1 404 \r\n\r\n") == .failure(.refused(status: 404)))
    }

    @Test("CH-11 a status line of another shape or version is refused")
    func statusLines() throws {
        let made = try handshake()
        for line in [
            "HTTP/1.1 101", "HTTP/1.1 10 x", "HTTP/1.1 1010 x", "HTTP/1.1  101 x", "101 x", "x",
            "HTTP/1.1 +01 x", "HTTP/1.1 099 x", "HTTP/1.1 1x1 x", " HTTP/1.1 101 x",
        ] {
            #expect(outcome(made, head([line])) == .failure(.badResponse(.badStatusLine)))
        }
        for line in ["HTTP/1.0 101 x", "HTTP/2.0 101 x", "HTTP/1.1\t101 x", "HTTP/1.10 101 x"] {
            #expect(outcome(made, head([line])) == .failure(.badResponse(.unsupportedVersion)))
        }
    }

    @Test("CH-11 an answer with one line dropped, changed or doubled is refused")
    func oneDeviation() throws {
        let made = try handshake()
        let lines = try answerLines(made)
        func deviating(_ index: Int, _ replacement: [String]) -> WebSocketHandshakeError? {
            var changed = lines
            changed.replaceSubrange(index...index, with: replacement)
            if case .failure(let error) = outcome(made, head(changed)) { return error }
            return nil
        }
        for value in ["h2c", "websocket, h2c", "", "websocket/13"] {
            #expect(deviating(1, ["Upgrade: \(value)"]) == .notUpgraded)
        }
        #expect(deviating(1, []) == .notUpgraded)
        #expect(deviating(1, [lines[1], lines[1]]) == .badResponse(.repeatedField(.upgrade)))
        for value in ["close", "", "keep-alive", "upgrade;x"] {
            #expect(deviating(2, ["Connection: \(value)"]) == .notUpgraded)
        }
        #expect(deviating(2, []) == .notUpgraded)
        #expect(deviating(3, []) == .badAccept)
        #expect(deviating(3, [lines[3].lowercased()]) == .badAccept)
        #expect(deviating(3, [String(lines[3].dropLast())]) == .badAccept)
        #expect(deviating(3, ["Sec-WebSocket-Accept: "]) == .badAccept)
        #expect(
            deviating(3, [lines[3], lines[3]]) == .badResponse(.repeatedField(.webSocketAccept)))
        #expect(deviating(4, []) == .wrongSubprotocol)
        for value in ["postern.v2", "", "POSTERN.V1", "postern.v1, postern.v1"] {
            #expect(deviating(4, ["Sec-WebSocket-Protocol: \(value)"]) == .wrongSubprotocol)
        }
        #expect(
            deviating(4, [lines[4], lines[4]]) == .badResponse(.repeatedField(.webSocketProtocol)))
        // Nothing else on this list is wrong with the answer.
        #expect(deviating(4, [lines[4], "Server: nginx", "Date: today"]) == nil)
    }

    @Test("CH-9 a choice where nothing was offered is refused")
    func choiceWithoutOffer() throws {
        let made = try handshake([])
        let lines = try answerLines(made)
        #expect(made.offeredSubprotocols == nil)
        #expect(value("Sec-WebSocket-Protocol", in: made.request) == nil)
        #expect(outcome(made, head(lines)) == .failure(.wrongSubprotocol))
        #expect(try outcome(made, head(Array(lines.dropLast()))).get()?.subprotocol == nil)
    }

    @Test("CH-10 CH-11 H3 an extension that nobody asked for is refused")
    func extensions() throws {
        let made = try handshake()
        for value in ["permessage-deflate", ""] {
            let lines = try answerLines(made) + ["Sec-WebSocket-Extensions: \(value)"]
            #expect(outcome(made, head(lines)) == .failure(.unexpectedExtension))
        }
    }

    @Test("CH-11 G5 an answer with content or with a head that is not well formed is refused")
    func malformedAnswers() throws {
        let made = try handshake()
        let lines = try answerLines(made)
        func refused(_ line: String) -> Result<
            WebSocketClientHandshake.Accepted?, WebSocketHandshakeError
        > {
            outcome(made, head(lines + [line]))
        }
        #expect(refused("Content-Length: 0") == .failure(.badResponse(.contentLength)))
        #expect(refused("Transfer-Encoding: x") == .failure(.badResponse(.transferEncoding)))
        #expect(refused(" x") == .failure(.badResponse(.foldedField(index: 4))))
        #expect(refused("x") == .failure(.badResponse(.badField(index: 4))))
        #expect(
            outcome(made, "HTTP/1.1 101 x\n") == .failure(.badResponse(.bareLineFeed(offset: 14))))
        #expect(
            outcome(made, String(repeating: "x", count: 8_193))
                == .failure(.badResponse(.headTooLong(byteCountMax: 8_192))))
    }

    @Test("CH-11 G5 a host, path or subprotocol that would change the request is refused")
    func injection() {
        var random = SeededRandom(1)
        func refused(_ host: String, _ path: String, _ offer: [String]) -> WebSocketHandshakeError?
        {
            do throws(WebSocketHandshakeError) {
                _ = try WebSocketClientHandshake(
                    host: host, path: path, subprotocols: offer, limits: headLimits, random: &random
                )
                return nil
            } catch {
                return error
            }
        }
        for host in ["", "a\r\nX: y", "a b", "a\n", "u@a", "a/", "[::1", "a\u{0}", "é"] {
            #expect(refused(host, "/", []) == .badHost)
        }
        for path in ["", "a", "/ HTTP/1.1\r\nX: y\r\n", "/\n", "/é", "/ ", "http://a/"] {
            #expect(refused("a", path, []) == .badPath)
        }
        for offer in [[""], ["a b"], ["a,b"], ["a\r\nX: y"], ["a", "a"], ["é"]] {
            #expect(refused("a", "/", offer) == .badSubprotocol)
        }
        #expect(refused("[2001:db8::1]:8437", "/x?y", ["postern.v1", "a"]) == nil)
    }

    @Test("SHA-1 agrees with FIPS 180-4 and RFC 3174")
    func sha1() {
        func digest(_ text: String) -> String {
            let bytes = Array(text.utf8)
            return Hex.encode(SHA1.hash(bytes.raw).raw)
        }
        #expect(digest("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(digest("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(
            digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(
            digest(
                String(
                    repeating: "0123456701234567012345670123456701234567012345670123456701234567",
                    count: 10))
                == "dea356a2cddd90c7a7ecedc5ebb563934f460452")
        // 55, 56, 63, 64 and 65 bytes: where the padding takes another shape.
        #expect(
            digest(String(repeating: "a", count: 55)) == "c1c8bbdc22796e28c0e15163d20899b65621d65a")
        #expect(
            digest(String(repeating: "a", count: 56)) == "c2db330f6083854c99d4b5bfb6e8f29f201be699")
        #expect(
            digest(String(repeating: "a", count: 63)) == "03f09f5b158a7a8cdad920bddc29b81c18a551f5")
        #expect(
            digest(String(repeating: "a", count: 64)) == "0098ba824b5c16427bd7a1122a5a442a25ec644d")
        #expect(
            digest(String(repeating: "a", count: 65)) == "11655326c708d70319be2610e8a57d9a5b959d3b")
        #expect(
            digest(String(repeating: "a", count: 100_000))
                == "c4d4b30851182fc4eb8675494d42fd7f17e29c93")
    }
}
