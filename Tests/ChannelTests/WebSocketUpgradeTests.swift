import Channel
import Primitives
import Testing

/// RFC 6455 section 4.2: what the server makes of an upgrade request.
@Suite("§11.1 WebSocket: upgrade, server")
struct WebSocketUpgradeTests {
    private func refused(_ text: String) -> HTTPError? {
        if case .failure(let error) = upgrade(text) { error } else { nil }
    }

    @Test("CH-6 the example of RFC 6455 section 1.3 is answered as the RFC says")
    func exampleOfTheRFC() throws {
        let answer = try upgrade(head(upgradeLines)).get()
        #expect(
            String(decoding: answer.response, as: UTF8.self)
                == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                + "Sec-WebSocket-Protocol: postern.v1\r\n\r\n")
    }

    @Test("CH-5 any other target is answered 404")
    func otherTargets() {
        for target in ["/a", "//", "/?", "/?a", "/%2F", "/index.html"] {
            let text = head(["GET \(target) HTTP/1.1"] + upgradeLines.dropFirst())
            #expect(refused(text) == .notFound)
        }
        #expect(HTTPError.notFound.status == .notFound)
        let policy = WebSocketUpgradePolicy(path: "/chat", subprotocols: ["postern.v1"])
        let text = head(["GET /chat HTTP/1.1"] + upgradeLines.dropFirst())
        #expect((try? upgrade(text, policy: policy).get()) != nil)
        #expect(upgrade(head(upgradeLines), policy: policy) == .failure(.notFound))
    }

    @Test("CH-6 without an upgrade to websocket and its connection option the answer is 426")
    func upgradeRequired() {
        for value in ["h2c", "websocket, h2c", "h2c, websocket", "websocket/13", "", "web socket"] {
            #expect(
                refused(upgradeHead(replacing: "Upgrade", by: ["Upgrade: \(value)"]))
                    == .upgradeRequired)
        }
        #expect(refused(upgradeHead(replacing: "Upgrade", by: [])) == .upgradeRequired)
        for value in [
            "close", "", "upgraded", "keep-alive", "\"upgrade\"", "a b, upgrade", ",upgrade",
        ] {
            #expect(
                refused(upgradeHead(replacing: "Connection", by: ["Connection: \(value)"]))
                    == .upgradeRequired)
        }
        #expect(refused(upgradeHead(replacing: "Connection", by: [])) == .upgradeRequired)
        #expect(
            refused(upgradeHead(replacing: "Upgrade", by: ["Upgrade: websocket", "Upgrade: h2c"]))
                == .repeatedField(.upgrade))
        #expect(HTTPError.upgradeRequired.status == .upgradeRequired)
        let answer = String(decoding: HTTPError.upgradeRequired.response.encoded, as: UTF8.self)
        #expect(answer.contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"))
    }

    @Test("CH-6 case and place of the two tokens do not matter")
    func tokensInAnyCase() {
        for (field, lines) in [
            ("Upgrade", ["UPGRADE: WebSocket"]),
            ("Connection", ["connection: keep-alive, UPGRADE"]),
            ("Connection", ["Connection: keep-alive", "Connection: upgrade"]),
            ("Connection", ["Connection: upgrade,\tkeep-alive"]),
        ] {
            #expect(refused(upgradeHead(replacing: field, by: lines)) == nil)
        }
    }

    @Test("CH-6 a key that is not the canonical base64 of 16 bytes is answered 400")
    func keys() {
        func refusedKey(_ key: String) -> HTTPError? {
            refused(
                upgradeHead(replacing: "Sec-WebSocket-Key", by: ["Sec-WebSocket-Key: \(key)"]))
        }
        let wrong = [
            "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25jZWQ=", "dGhlIHNhbXBsZSBub25j",
            "-GhlIHNhbXBsZSBub25jZQ==", "_GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j*Q==",
            "dGhlIHNhbXBsZSBu b25jZQ==", "dGhlIHNhbXBsZSBub25jZWQxMjM=", "========================",
            "dGhl HNhbXBsZSBub25jZQ==",
        ]
        for key in wrong { #expect(refusedKey(key) == .badWebSocketKey) }
        for key in ["+/+/+/+/+/+/+/+/+/+/+w==", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            #expect(refusedKey(key) == nil)
        }
        #expect(
            refused(upgradeHead(replacing: "Sec-WebSocket-Key", by: [])) == .missingWebSocketKey)
        let twice = [String](repeating: "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", count: 2)
        #expect(
            refused(upgradeHead(replacing: "Sec-WebSocket-Key", by: twice))
                == .repeatedField(.webSocketKey))
        #expect(HTTPError.badWebSocketKey.status == .badRequest)
        #expect(HTTPError.missingWebSocketKey.status == .badRequest)
    }

    @Test("CH-7 another version than 13 is answered 426 with the one that is spoken")
    func versions() {
        func refusedVersions(_ lines: [String]) -> HTTPError? {
            refused(upgradeHead(replacing: "Sec-WebSocket-Version", by: lines))
        }
        for version in ["12", "14", "8", "0", "013", "13, 8", "", "x"] {
            #expect(
                refusedVersions(["Sec-WebSocket-Version: \(version)"])
                    == .unsupportedWebSocketVersion)
        }
        #expect(refusedVersions([]) == .missingWebSocketVersion)
        #expect(
            refusedVersions(["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"])
                == .repeatedField(.webSocketVersion))
        #expect(HTTPError.unsupportedWebSocketVersion.status == .upgradeRequired)
        #expect(HTTPError.missingWebSocketVersion.status == .badRequest)
    }

    @Test("CH-8 G4 an Origin that is not on the list is answered 403, before anything else is said")
    func origins() {
        func refusedOrigin(_ lines: [String]) -> HTTPError? {
            refused(head(upgradeLines + lines))
        }
        #expect(refusedOrigin([]) == nil)
        #expect(refusedOrigin(["Origin: https://app.example"]) == nil)
        for origin in [
            "https://evil.example", "null", "", "https://app.example.evil.example",
            "https://app.example:443", "http://app.example", "https://APP.example",
            "https://app.example https://evil.example", "app.example", "https://app.example/",
        ] {
            #expect(refusedOrigin(["Origin: \(origin)"]) == .originNotAllowed)
        }
        #expect(
            refusedOrigin(["Origin: https://app.example", "Origin: https://evil.example"])
                == .repeatedField(.origin))
        // A browser's whole request, with cookies and an offer of compression, and a bad key too.
        let browser = head(
            [
                "GET / HTTP/1.1", "Host: 127.0.0.1:8437", "Connection: keep-alive, Upgrade",
                "Pragma: no-cache", "Cache-Control: no-cache", "User-Agent: Mozilla/5.0 (X11)",
                "Upgrade: websocket", "Origin: https://evil.example", "Sec-WebSocket-Version: 13",
                "Accept-Encoding: gzip, deflate, br", "Accept-Language: en-US,en;q=0.9",
                "Cookie: a=b", "Sec-WebSocket-Key: bad",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
                "Sec-WebSocket-Protocol: postern.v1",
            ])
        #expect(refused(browser) == .originNotAllowed)
        #expect(HTTPError.originNotAllowed.status == .forbidden)
    }

    @Test("CH-9 the best common subprotocol is chosen, and offer and choice are exposed as sent")
    func subprotocols() throws {
        let policy = WebSocketUpgradePolicy(subprotocols: ["postern.v2", "postern.v1"])
        for (offer, choice) in [
            ("postern.v1", "postern.v1"), ("postern.v1, postern.v2", "postern.v2"),
            ("x ,postern.v1,\ty", "postern.v1"), ("postern.v9, postern.v2", "postern.v2"),
        ] {
            let text = upgradeHead(
                replacing: "Sec-WebSocket-Protocol", by: ["Sec-WebSocket-Protocol:   \(offer) "])
            let answer = try upgrade(text, policy: policy).get()
            #expect(answer.offeredSubprotocols == offer)
            #expect(answer.subprotocol == choice)
            let response = String(decoding: answer.response, as: UTF8.self)
            #expect(response.contains("\r\nSec-WebSocket-Protocol: \(choice)\r\n"))
        }
    }

    @Test("CH-9 an offer without a common subprotocol, none, a bad one or two fields are refused")
    func badOffers() {
        func refusedOffer(_ lines: [String]) -> HTTPError? {
            refused(upgradeHead(replacing: "Sec-WebSocket-Protocol", by: lines))
        }
        let name = "Sec-WebSocket-Protocol"
        #expect(refusedOffer([]) == .noCommonSubprotocol)
        for offer in ["postern.v2", "POSTERN.V1", "postern.v1x", "postern"] {
            #expect(refusedOffer(["\(name): \(offer)"]) == .noCommonSubprotocol)
        }
        for offer in [
            "", ",", "postern.v1,", "postern.v1,,x", "postern v1", "postern.v1, postern.v1",
        ] {
            #expect(refusedOffer(["\(name): \(offer)"]) == .badSubprotocolOffer)
        }
        #expect(
            refusedOffer(["\(name): postern.v1", "\(name): x"])
                == .repeatedField(.webSocketProtocol))
        #expect(HTTPError.noCommonSubprotocol.status == .badRequest)
        #expect(HTTPError.badSubprotocolOffer.status == .badRequest)
    }

    @Test("CH-9 a listener without subprotocols names none, whatever is offered")
    func noSubprotocols() throws {
        let answer = try upgrade(
            head(upgradeLines), policy: WebSocketUpgradePolicy(subprotocols: [])
        ).get()
        #expect(answer.subprotocol == nil)
        #expect(answer.offeredSubprotocols == "postern.v1")
        #expect(!String(decoding: answer.response, as: UTF8.self).contains("Protocol:"))
    }

    @Test("CH-10 H3 an offer of compression is not answered")
    func compressionOffer() throws {
        for offer in ["permessage-deflate", "permessage-deflate; client_max_window_bits, x-webkit"]
        {
            let text = head(upgradeLines + ["Sec-WebSocket-Extensions: \(offer)"])
            let answer = try upgrade(text).get()
            #expect(answer == (try upgrade(head(upgradeLines)).get()))
        }
    }
}
