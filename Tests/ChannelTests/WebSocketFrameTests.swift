import Channel
import Primitives
import Testing

/// RFC 6455 section 5.2: the frame header, masks, opcodes and lengths.
@Suite("§11.1 WebSocket: frames")
struct WebSocketFrameTests {
    @Test("CH-12 an unmasked frame from a client fails the connection with 1002")
    func unmaskedFromClient() {
        #expect(seenByServer(RawFrame.plain(0x82, [1])) == [.failure(.unmaskedFrame)])
        #expect(WebSocketError.unmaskedFrame.closeCode == .protocolError)
    }

    @Test("CH-12 a masked frame from a server fails the connection with 1002")
    func maskedFromServer() {
        var client = Feeder(WebSocketClient(limits: generousLimits))
        client.feed(RawFrame.masked(0x82, [1]))
        #expect(client.seen == [.failure(.maskedFrame)])
        #expect(WebSocketError.maskedFrame.closeCode == .protocolError)
    }

    @Test("CH-12 the second byte alone shows the wrong direction: nothing more is awaited")
    func maskIsJudgedEarly() {
        #expect(seenByServer([0x82, 0x01]) == [.failure(.unmaskedFrame)])
    }

    @Test("CH-10 H3 each reserved bit on each opcode fails the connection with 1002")
    func reservedBits() {
        for opcode in [0x0, 0x1, 0x2, 0x8, 0x9, 0xA] as [UInt8] {
            for bit in [0x10, 0x20, 0x40] as [UInt8] {
                #expect(seenByServer([0x80 | bit | opcode]) == [.failure(.reservedBits)])
            }
        }
        #expect(WebSocketError.reservedBits.closeCode == .protocolError)
    }

    @Test("CH-13 every reserved opcode fails the connection with 1002")
    func reservedOpcodes() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] {
            #expect(seenByServer([0x80 | opcode]) == [.failure(.reservedOpcode(opcode))])
            #expect(WebSocketError.reservedOpcode(opcode).closeCode == .protocolError)
        }
    }

    @Test("CH-13 a control frame of 125 bytes passes, one of 126 fails the connection")
    func controlLength() {
        let payload = [UInt8](repeating: 7, count: 125)
        #expect(seenByServer(RawFrame.masked(0x89, payload)) == [.ping(payload)])
        #expect(seenByServer(RawFrame.masked(0x8A, payload)) == [.pong(payload)])
        for first in [0x88, 0x89, 0x8A] as [UInt8] {
            #expect(
                seenByServer(RawFrame.masked(first, payload + [7]))
                    == [.failure(.controlFrameTooLong)])
        }
        #expect(WebSocketError.controlFrameTooLong.closeCode == .protocolError)
    }

    @Test("CH-13 a fragmented control frame fails the connection")
    func fragmentedControl() {
        for first in [0x08, 0x09, 0x0A] as [UInt8] {
            #expect(seenByServer([first]) == [.failure(.fragmentedControlFrame)])
        }
        #expect(WebSocketError.fragmentedControlFrame.closeCode == .protocolError)
    }

    @Test("CH-13 a length that fits a shorter form fails the connection, the next one passes")
    func minimalLengths() {
        func server(_ lengthBytes: [UInt8], payloadByteCount: Int) -> [Seen] {
            seenByServer(
                RawFrame(
                    first: 0x82, payload: [UInt8](repeating: 1, count: payloadByteCount),
                    lengthBytes: lengthBytes
                ).bytes)
        }
        #expect(server([126, 0, 125], payloadByteCount: 125) == [.failure(.lengthNotMinimal)])
        #expect(server([126, 0, 126], payloadByteCount: 126).count == 1)
        #expect(
            server([126, 0, 126], payloadByteCount: 126)
                == [.message(.binary, [UInt8](repeating: 1, count: 126))])
        #expect(
            server([127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], payloadByteCount: 65_535)
                == [.failure(.lengthNotMinimal)])
        #expect(
            server([127, 0, 0, 0, 0, 0, 1, 0, 0], payloadByteCount: 65_536)
                == [.message(.binary, [UInt8](repeating: 1, count: 65_536))])
        #expect(WebSocketError.lengthNotMinimal.closeCode == .protocolError)
    }

    @Test("CH-13 H2 a 64-bit length with its highest bit set fails the connection at that byte")
    func lengthOverflow() {
        #expect(seenByServer([0x82, 0xFF, 0x80]) == [.failure(.lengthOverflow)])
        #expect(WebSocketError.lengthOverflow.closeCode == .protocolError)
    }

    @Test("a message of every length form arrives as it was sent, both ways")
    func lengthForms() {
        var random = SeededRandom(1)
        for byteCount in [0, 1, 3, 4, 5, 7, 8, 9, 125, 126, 127, 1_024, 65_535, 65_536, 70_001] {
            let payload = random.bytes(count: byteCount)
            var sender = WebSocketClient(limits: generousLimits)
            var wire: [UInt8] = []
            #expect(sender.appendMessage(payload.raw, to: &wire, random: &random))
            #expect(seenByServer(wire) == [.message(.binary, payload)])

            let answering = WebSocketServer(limits: generousLimits)
            wire = []
            #expect(answering.appendMessage(payload.raw, to: &wire))
            #expect(wire == RawFrame.plain(0x82, payload))
            var receiver = Feeder(WebSocketClient(limits: generousLimits))
            receiver.feed(wire)
            #expect(receiver.seen == [.message(.binary, payload)])
        }
    }

    @Test("the examples of RFC 6455 section 5.7 are read as the RFC says")
    func examplesOfTheRFC() {
        let hello = Array("Hello".utf8)
        var client = Feeder(WebSocketClient(limits: generousLimits, acceptance: .textAndBinary))
        client.feed([0x81, 0x05] + hello)
        client.feed([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F])
        client.feed([0x89, 0x05] + hello)
        #expect(client.seen == [.message(.text, hello), .message(.text, hello), .ping(hello)])
        #expect(
            seenByServer([
                0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
                0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
            ]) == [.message(.text, hello), .pong(hello)])
    }

    @Test("CH-19 every frame of a client has another mask, and the payload is under it")
    func freshMasks() {
        var random = SeededRandom(2)
        var client = WebSocketClient(limits: generousLimits)
        var masks: Set<[UInt8]> = []
        let payload: [UInt8] = [1, 2, 3, 4, 5]
        for _ in 0..<100 {
            var wire: [UInt8] = []
            client.appendMessage(payload.raw, to: &wire, random: &random)
            client.appendPing(payload.raw, to: &wire, random: &random)
            for frame in [Array(wire[0..<11]), Array(wire[11..<22])] {
                let mask = Array(frame[2..<6])
                masks.insert(mask)
                #expect(frame[1] == 0x85)
                #expect(Array(frame[6...]) == payload.enumerated().map { $1 ^ mask[$0 % 4] })
            }
        }
        #expect(masks.count == 200)
    }

    @Test("CH-19 control frames of a client are masked, each with its own mask")
    func maskedControlFrames() throws {
        var random = SeededRandom(3)
        var client = Feeder(WebSocketClient(limits: generousLimits))
        client.feed(RawFrame.plain(0x89, [9, 9]) + RawFrame.plain(0x88, [0x03, 0xE8]))
        var wire: [UInt8] = []
        client.socket.appendControlFrames(to: &wire, random: &random)
        try #require(wire.count == 16)
        #expect(wire[0] == 0x8A && wire[1] == 0x82 && wire[8] == 0x88 && wire[9] == 0x82)
        #expect(wire[2..<6] != wire[10..<14])
        #expect(seenByServer(wire) == [.pong([9, 9]), .close(1000, [])])
    }

    @Test("a header written in place and a payload masked in place make the same frame")
    func inPlaceWriting() throws {
        let payload = [UInt8](0..<200)
        var client = WebSocketClient(limits: generousLimits)
        var random = SeededRandom(4)
        let header = try #require(
            client.messageHeader(payloadByteCount: payload.count, random: &random))
        var wire: [UInt8] = []
        header.append(to: &wire)
        #expect(wire.count == header.byteCount)
        wire += payload
        let range = header.byteCount..<wire.count
        var bytes = wire.mutableRaw
        header.mask?.apply(to: &bytes, range: range)

        random = SeededRandom(4)
        client = WebSocketClient(limits: generousLimits)
        var copied: [UInt8] = []
        client.appendMessage(payload.raw, to: &copied, random: &random)
        #expect(wire == copied)
    }

    @Test("a mask applied in pieces is the mask applied at once, at every cut")
    func maskInPieces() throws {
        var random = SeededRandom(5)
        var client = WebSocketClient(limits: generousLimits)
        let header = try #require(client.messageHeader(payloadByteCount: 37, random: &random))
        let mask = try #require(header.mask)
        let payload = random.bytes(count: 37)
        var whole = payload
        var span = whole.mutableRaw
        mask.apply(to: &span, range: 0..<37)
        for cut in 0...37 {
            var pieces = payload
            var span = pieces.mutableRaw
            mask.apply(to: &span, range: 0..<cut)
            mask.apply(to: &span, range: cut..<37, payloadOffset: cut)
            #expect(pieces == whole)
        }
        #expect(whole != payload)
    }

    @Test("an endpoint at rest is a few hundred bytes and owns no buffer")
    func idleSize() {
        #expect(MemoryLayout<WebSocketServer>.size <= 256)
        #expect(MemoryLayout<WebSocketClient>.size <= 256)
    }
}
