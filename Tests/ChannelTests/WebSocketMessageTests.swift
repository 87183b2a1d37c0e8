import Channel
import Primitives
import Testing

/// RFC 6455 sections 5.4, 5.6 and 8.1: fragments, text and limits.
@Suite("§11.1 WebSocket: messages")
struct WebSocketMessageTests {
    @Test("CH-15 fragments make one message, with control frames between them")
    func fragments() {
        let wire =
            RawFrame.masked(0x02, [1, 2]) + RawFrame.masked(0x89, [9]) + RawFrame.masked(0x00)
            + RawFrame.masked(0x00, [3]) + RawFrame.masked(0x8A, [8])
            + RawFrame.masked(0x80, [4, 5])
        #expect(
            seenByServer(wire) == [.ping([9]), .pong([8]), .message(.binary, [1, 2, 3, 4, 5])])
    }

    @Test("CH-15 a continuation of nothing fails the connection, final or not")
    func continuationOfNothing() {
        for first in [0x00, 0x80] as [UInt8] {
            #expect(
                seenByServer(RawFrame.masked(first, [1])) == [.failure(.unexpectedContinuation)])
        }
        // The header is enough: its payload is not awaited.
        #expect(seenByServer([0x80, 0x81, 0, 0, 0, 0]) == [.failure(.unexpectedContinuation)])
        let afterAWholeOne =
            RawFrame.masked(0x02, [1]) + RawFrame.masked(0x80, [2]) + RawFrame.masked(0x80, [3])
        #expect(
            seenByServer(afterAWholeOne)
                == [.message(.binary, [1, 2]), .failure(.unexpectedContinuation)])
        #expect(WebSocketError.unexpectedContinuation.closeCode == .protocolError)
    }

    @Test("CH-15 a new message inside an unfinished one fails the connection")
    func interleaved() {
        for first in [0x01, 0x02, 0x81, 0x82] as [UInt8] {
            let wire = RawFrame.masked(0x02, [1]) + RawFrame.masked(first, [2])
            #expect(seenByServer(wire) == [.failure(.unfinishedMessage)])
        }
        #expect(WebSocketError.unfinishedMessage.closeCode == .protocolError)
    }

    @Test("every way to cut a message into up to four fragments gives the message")
    func everyFragmentSplit() {
        let payload = Array("añ€😀z".utf8)
        for first in 0...payload.count {
            for second in first...payload.count {
                for third in second...payload.count {
                    let wire =
                        RawFrame.masked(0x01, Array(payload[..<first]))
                        + RawFrame.masked(0x00, Array(payload[first..<second]))
                        + RawFrame.masked(0x00, Array(payload[second..<third]))
                        + RawFrame.masked(0x80, Array(payload[third...]))
                    #expect(seenByServer(wire) == [.message(.text, payload)])
                }
            }
        }
    }

    /// A conversation with every kind of frame and length form.
    static let conversation: [UInt8] =
        RawFrame.masked(0x82, [UInt8](repeating: 5, count: 300)) + RawFrame.masked(0x89, [1, 2, 3])
        + RawFrame.masked(0x01, Array("grüß".utf8)) + RawFrame.masked(0x8A)
        + RawFrame.masked(0x80, Array(" Gott".utf8)) + RawFrame.masked(0x82)
        + RawFrame.masked(0x81, Array("日本".utf8)) + RawFrame.close(1001, Array("bye".utf8))
        + RawFrame.masked(0x82, [1])

    @Test("cut at every byte, or sent byte by byte, the same bytes give the same events")
    func everyCut() {
        let wire = Self.conversation
        let whole = seenByServer(wire)
        #expect(whole.count == 7)
        for cut in 0...wire.count {
            var feeder = anyServer()
            feeder.feed(Array(wire[..<cut]))
            feeder.feed(Array(wire[cut...]))
            #expect(feeder.seen == whole)
            #expect(feeder.held.isEmpty)
        }
        var feeder = anyServer()
        for byte in wire { feeder.feed([byte]) }
        #expect(feeder.seen == whole)
    }

    @Test("G3 cut at every byte, what is wrong is wrong in the same way and reported once")
    func everyCutOfWrongInput() {
        let wrong: [[UInt8]] = [
            RawFrame.masked(0x82, [1]) + RawFrame.plain(0x82, [1]),
            RawFrame.masked(0x81, [0x61, 0xC0, 0xAF]), RawFrame.masked(0x88, [0x03]),
            RawFrame.close(1005), RawFrame.masked(0x83), RawFrame.masked(0xC2),
            RawFrame(first: 0x82, payload: [1], lengthBytes: [126, 0, 1]).bytes,
            RawFrame.masked(0x02, [1]) + RawFrame.masked(0x82, [1]),
        ]
        for bytes in wrong {
            let wire = bytes + RawFrame.masked(0x82, [7])
            let whole = seenByServer(wire)
            let failures = whole.filter { if case .failure = $0 { true } else { false } }
            #expect(failures.count == 1)
            for cut in 0...wire.count {
                var feeder = anyServer()
                feeder.feed(Array(wire[..<cut]))
                feeder.feed(Array(wire[cut...]))
                #expect(feeder.seen == whole)
                #expect(feeder.held.isEmpty)
            }
        }
    }

    @Test("CH-16 text is judged as it comes: the first wrong byte fails an unfinished frame")
    func textFailsFast() {
        var feeder = anyServer()
        let frame = RawFrame.masked(0x81, [0xCE, 0xBA, 0xF4, 0x90, 0x80, 0x80, 0x65])
        feeder.feed(Array(frame[..<9]))
        #expect(feeder.seen.isEmpty)
        feeder.feed([frame[9]])
        #expect(feeder.seen == [.failure(.invalidText)])
        #expect(WebSocketError.invalidText.closeCode == .invalidData)
    }

    @Test("CH-16 a character may be cut by a fragment, and not by the end of the message")
    func cutCharacters() {
        let euro: [UInt8] = [0xE2, 0x82, 0xAC]
        for cut in 1...2 {
            #expect(
                seenByServer(
                    RawFrame.masked(0x01, Array(euro[..<cut]))
                        + RawFrame.masked(0x80, Array(euro[cut...])))
                    == [.message(.text, euro)])
            #expect(
                seenByServer(RawFrame.masked(0x81, Array(euro[..<cut])))
                    == [.failure(.invalidText)])
            #expect(
                seenByServer(RawFrame.masked(0x01, Array(euro[..<cut])) + RawFrame.masked(0x80))
                    == [.failure(.invalidText)])
        }
        // The next message begins anew.
        #expect(
            seenByServer(RawFrame.masked(0x81, euro) + RawFrame.masked(0x81, euro)).count == 2)
    }

    @Test("CH-16 exactly the well-formed sequences pass, by the table of the Unicode standard")
    func wellFormedSequences() {
        // Every scalar passes; its encoding comes from the standard library.
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 97) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(String(Character(scalar)).utf8)
            #expect(seenByServer(RawFrame.masked(0x81, bytes)) == [.message(.text, bytes)])
        }
        // Every lead byte with the edges of every following range, against the standard library.
        let edges: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for lead in UInt8(0x7F)...0xFF {
            for second in edges {
                for tail in [[], [0x80], [0x80, 0x80], [0xBF, 0xBF], [0x80, 0xC0]] as [[UInt8]] {
                    let bytes = [lead, second] + tail
                    let seen = seenByServer(RawFrame.masked(0x81, bytes))
                    let isValid = String(validating: bytes, as: UTF8.self) != nil
                    #expect(seen == [isValid ? .message(.text, bytes) : .failure(.invalidText)])
                }
            }
        }
    }

    @Test("CH-16 a text message where only binary is taken fails the connection with 1003")
    func binaryOnly() {
        for first in [0x01, 0x81] as [UInt8] {
            var server = Feeder(WebSocketServer(limits: generousLimits))
            server.feed(RawFrame.masked(0x82, [1]) + RawFrame.masked(first, [0x61]))
            #expect(server.seen == [.message(.binary, [1]), .failure(.textNotAccepted)])
            #expect(controlFrames(of: &server.socket) == RawFrame.plain(0x88, [0x03, 0xEB]))
        }
    }

    @Test("CH-14 a frame at the limit passes; one above fails with 1009 at its header")
    func frameLimit() {
        let limits = WebSocketLimits(messageByteCountMax: 1_000, frameByteCountMax: 200)
        let payload = [UInt8](repeating: 1, count: 200)
        #expect(
            seenByServer(RawFrame.masked(0x82, payload), limits) == [.message(.binary, payload)])
        #expect(
            seenByServer([0x82, 0xFE, 0x00, 0xC9, 0, 0, 0, 0], limits)
                == [.failure(.frameTooLong(byteCount: 201, byteCountMax: 200))])
        #expect(
            WebSocketError.frameTooLong(byteCount: 201, byteCountMax: 200).closeCode
                == .messageTooBig)
    }

    @Test("CH-14 a message at the limit passes; one above fails with 1009, however it is cut")
    func messageLimit() {
        let limits = WebSocketLimits(messageByteCountMax: 300)
        let half = [UInt8](repeating: 1, count: 150)
        #expect(
            seenByServer(RawFrame.masked(0x02, half) + RawFrame.masked(0x80, half), limits)
                == [.message(.binary, half + half)])
        let above = RawFrame.masked(0x02, half) + RawFrame.masked(0x80, half + [1])
        #expect(
            seenByServer(above, limits) == [.failure(.messageTooLong(byteCountMax: 300))])
        #expect(WebSocketError.messageTooLong(byteCountMax: 300).closeCode == .messageTooBig)
        // The count begins anew with the next message.
        let twice =
            RawFrame.masked(0x02, half) + RawFrame.masked(0x80, half)
            + RawFrame.masked(0x82, half + half)
        #expect(seenByServer(twice, limits).count == 2)
    }

    @Test("CH-14 H2 as many fragments as the limit pass; one more, though empty, fails with 1009")
    func fragmentLimit() {
        let limits = WebSocketLimits(messageByteCountMax: 300, fragmentCountMax: 5)
        let start = RawFrame.masked(0x02) + (0..<3).flatMap { _ in RawFrame.masked(0x00) }
        #expect(
            seenByServer(start + RawFrame.masked(0x80, [1]), limits) == [.message(.binary, [1])])
        let above = start + RawFrame.masked(0x00) + RawFrame.masked(0x80, [1])
        #expect(seenByServer(above, limits) == [.failure(.tooManyFragments(countMax: 5))])
        #expect(WebSocketError.tooManyFragments(countMax: 5).closeCode == .messageTooBig)
    }

    @Test("CH-14 H2 a declared length of 2^63 - 1 is refused before a byte of it is awaited")
    func hugeDeclaredLength() {
        let header: [UInt8] =
            [0x82, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7) + [0, 0, 0, 0]
        #expect(
            seenByServer(header)
                == [.failure(.frameTooLong(byteCount: .max, byteCountMax: 1 << 20))])
    }

    @Test("H2 an unfinished frame or message is visible to the caller's timeout")
    func midMessage() {
        var feeder = anyServer()
        #expect(!feeder.socket.isMidMessage)
        feeder.feed(RawFrame.masked(0x02, [1]))
        #expect(feeder.socket.isMidMessage)
        feeder.feed(RawFrame.masked(0x80, [1]))
        #expect(!feeder.socket.isMidMessage)
        let frame = RawFrame.masked(0x82, [1, 2])
        feeder.feed(Array(frame.dropLast()))
        #expect(feeder.socket.isMidMessage)
        feeder.feed([frame[frame.count - 1]])
        #expect(!feeder.socket.isMidMessage)
    }

    @Test("a message that the caller did not take is not mixed into the next one")
    func untakenMessage() throws {
        var server = WebSocketServer(limits: generousLimits)
        var wire = RawFrame.masked(0x02, [1]) + RawFrame.masked(0x80, [2])
        wire += RawFrame.masked(0x02, [3]) + RawFrame.masked(0x80, [4])
        var position = 0
        for _ in 0..<2 {
            var input = wire.mutableRaw
            #expect(
                try server.receive(&input, position: &position) == .assembledMessage(.binary))
        }
        #expect(server.takeAssembledMessage() == [3, 4])
        #expect(server.takeAssembledMessage() == [])
    }
}
