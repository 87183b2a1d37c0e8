import Channel
import Primitives
import Testing

/// RFC 6455 sections 5.5 and 7: pings, pongs and the closing handshake.
@Suite("§11.1 WebSocket: control frames")
struct WebSocketControlTests {
    @Test("CH-18 a ping is answered by a pong with its payload")
    func pong() {
        var feeder = anyServer()
        feeder.feed(RawFrame.masked(0x89, [1, 2, 3]))
        #expect(feeder.seen == [.ping([1, 2, 3])])
        #expect(feeder.socket.hasControlFrames)
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x8A, [1, 2, 3]))
        #expect(!feeder.socket.hasControlFrames)
        #expect(controlFrames(of: &feeder.socket) == [])
    }

    @Test("CH-18 of pings that wait for an answer only the latest gets one")
    func latestPong() {
        var feeder = anyServer()
        for number in UInt8(0)..<10 { feeder.feed(RawFrame.masked(0x89, [number])) }
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x8A, [9]))
    }

    @Test("CH-18 a ping before a Close frame is answered before it; one after it never is")
    func pingsAroundClose() {
        var feeder = anyServer()
        feeder.feed(
            RawFrame.masked(0x89, [1]) + RawFrame.close(1000) + RawFrame.masked(0x89, [2]))
        #expect(feeder.seen == [.ping([1]), .close(1000, [])])
        #expect(
            controlFrames(of: &feeder.socket)
                == RawFrame.plain(0x8A, [1]) + RawFrame.plain(0x88, [0x03, 0xE8]))
        feeder.feed(RawFrame.masked(0x89, [3]))
        #expect(controlFrames(of: &feeder.socket) == [])
    }

    @Test("CH-18 an unasked pong is no error")
    func unaskedPong() {
        #expect(seenByServer(RawFrame.masked(0x8A)) == [.pong([])])
    }

    @Test("CH-17 a Close frame is answered once with its code, and everything after it is dropped")
    func closeIsAnswered() {
        var feeder = anyServer()
        feeder.feed(RawFrame.close(3_000, Array("auf Wiedersehen".utf8)))
        #expect(feeder.seen == [.close(3_000, Array("auf Wiedersehen".utf8))])
        #expect(!feeder.socket.isOpen)
        #expect(!feeder.socket.isFinished)
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x88, [0x0B, 0xB8]))
        #expect(feeder.socket.isFinished)
        feeder.feed(RawFrame.close(1000) + RawFrame.masked(0x82, [1]) + [0xFF, 0xFF])
        #expect(feeder.seen.count == 1)
        #expect(feeder.held.isEmpty)
        #expect(controlFrames(of: &feeder.socket) == [])
    }

    @Test("CH-17 a Close frame without a code is answered without one")
    func closeWithoutCode() {
        var feeder = anyServer()
        feeder.feed(RawFrame.masked(0x88))
        #expect(feeder.seen == [.close(nil, [])])
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x88))
    }

    @Test("CH-17 a Close frame of one byte fails the connection")
    func closeOfOneByte() {
        #expect(seenByServer(RawFrame.masked(0x88, [3])) == [.failure(.closePayloadTooShort)])
        #expect(WebSocketError.closePayloadTooShort.closeCode == .protocolError)
    }

    @Test("CH-17 exactly the codes that may be sent are taken, of all 65,536")
    func closeCodes() {
        let allowed = Set<UInt16>(
            Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
        for code in UInt16.min...UInt16.max {
            let seen = seenByServer(RawFrame.close(code))
            if allowed.contains(code) {
                #expect(seen == [.close(code, [])])
            } else {
                #expect(seen == [.failure(.closeCodeNotAllowed(code))])
            }
        }
        #expect(WebSocketError.closeCodeNotAllowed(1005).closeCode == .protocolError)
    }

    @Test("CH-17 a reason that is not UTF-8, or is cut inside a character, fails with 1007")
    func closeReason() {
        for reason in [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            var feeder = anyServer()
            feeder.feed(RawFrame.close(1000, reason))
            #expect(feeder.seen == [.failure(.invalidText)])
            #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x88, [0x03, 0xEF]))
        }
    }

    @Test("CH-17 our own closing: one frame, no message after it, and the peer's answer ends it")
    func ownClose() {
        var feeder = anyServer()
        feeder.socket.close(.goingAway)
        feeder.socket.close(.normal)
        var output: [UInt8] = []
        #expect(!feeder.socket.appendMessage([1].raw, to: &output))
        #expect(!feeder.socket.appendPing([1].raw, to: &output))
        #expect(feeder.socket.messageHeader(payloadByteCount: 1) == nil)
        #expect(output == [])
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x88, [0x03, 0xE9]))
        #expect(!feeder.socket.isFinished)
        // What was under way still comes in; pings are answered no more.
        feeder.feed(RawFrame.masked(0x82, [1]) + RawFrame.masked(0x89))
        #expect(feeder.seen == [.message(.binary, [1]), .ping([])])
        #expect(controlFrames(of: &feeder.socket) == [])
        feeder.feed(RawFrame.close(1001))
        #expect(feeder.socket.isFinished)
        #expect(controlFrames(of: &feeder.socket) == [])
    }

    @Test("CH-17 a client closes in the same way, and sends nothing afterwards")
    func clientClose() {
        var random = SeededRandom(1)
        var client = Feeder(WebSocketClient(limits: generousLimits))
        client.socket.close(.normal)
        var output: [UInt8] = []
        client.socket.appendControlFrames(to: &output, random: &random)
        #expect(seenByServer(output) == [.close(1000, [])])
        output = []
        #expect(!client.socket.appendMessage([1].raw, to: &output, random: &random))
        #expect(!client.socket.appendPing([1].raw, to: &output, random: &random))
        #expect(output == [])
        client.feed(RawFrame.plain(0x88, [0x03, 0xE8]))
        #expect(client.socket.isFinished)
    }

    @Test("G3 after a violation one Close frame with its code is due, and all input is dropped")
    func failure() {
        var feeder = anyServer()
        feeder.feed(RawFrame.masked(0x83))
        #expect(feeder.seen == [.failure(.reservedOpcode(3))])
        #expect(!feeder.socket.isOpen)
        #expect(controlFrames(of: &feeder.socket) == RawFrame.plain(0x88, [0x03, 0xEA]))
        #expect(feeder.socket.isFinished)
        feeder.feed(RawFrame.masked(0x82, [1]))
        #expect(feeder.seen.count == 1)
        #expect(feeder.held.isEmpty)
    }

    @Test("every code for a Close frame that we send may stand in one")
    func ownCodes() {
        let codes: [WebSocketCloseCode] = [
            .normal, .goingAway, .protocolError, .unsupportedData, .invalidData, .policyViolation,
            .messageTooBig, .internalError, .tryAgainLater,
        ]
        for code in codes { #expect(code.isAllowed) }
    }

    @Test("G3 twenty thousand random frames, right and wrong, end each connection once")
    func randomFrames() {
        var random = SeededRandom(6)
        var frameCount = 0
        while frameCount < 20_000 {
            var feeder = anyServer(
                WebSocketLimits(
                    messageByteCountMax: 512, frameByteCountMax: 300, fragmentCountMax: 6))
            while !feeder.socket.isFinished {
                frameCount += 1
                feeder.feed(randomFrame(&random))
                _ = controlFrames(of: &feeder.socket)
                #expect(feeder.held.count <= 314)
            }
            let endings = feeder.seen.filter {
                switch $0 {
                case .failure, .close: true
                default: false
                }
            }
            #expect(endings.count == 1)
        }
    }

    /// A frame that is mostly right, so that sequences get long.
    private func randomFrame(_ random: inout SeededRandom) -> [UInt8] {
        let firsts: [UInt8] = [0x82, 0x82, 0x02, 0x00, 0x80, 0x81, 0x89, 0x8A]
        var first = firsts[Int(random.integer(below: 8))]
        let roll = random.integer(below: 64)
        if roll == 0 { first = random.integer() }
        var payload = [UInt8](
            repeating: 0x61, count: Int(random.integer(below: first & 8 == 0 ? 160 : 126)))
        if roll == 1 { payload = random.bytes(count: payload.count) }
        var bytes = RawFrame.masked(first, payload)
        if roll == 2 { bytes[Int(random.integer(below: UInt64(bytes.count)))] = random.integer() }
        if roll == 3 { bytes.removeLast(Int(random.integer(below: UInt64(bytes.count)))) }
        return bytes
    }
}
