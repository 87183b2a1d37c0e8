import Channel
import Primitives
import Wire

/// Handshakes of every pattern, and the channel's own, with somebody between the two sides who may
/// change what passes: both agree on a hash if nothing was changed, and only then.
enum NoiseTargets {
    static let all: [Target] = [
        Target("noise", byteCountMax: 1_024, seeds: seeds, run: run)
    ]

    /// Which inputs are a channel's handshake.
    private static let channelMark: UInt8 = 0xff

    @Sendable private static func seeds() -> [[UInt8]] {
        let passed: [UInt8] = [3, 1, 2, 3, 0]
        let lines: [UInt8] = [0, 2, 8, 9, 0, 1, 1, 7, 0, 0, 1, 5, 1, 1, 0, 3, 1, 0, 1, 5, 0]
        var all = NoisePattern.all.enumerated().map { place, pattern in
            [UInt8(place), 0] + Array(pattern.messages.map { _ in passed }.joined()) + lines
        }
        all += [
            [channelMark, 0, 0, 0] + lines, [channelMark, 0, 1, 1, 0, 40, 1] + lines,
            [channelMark, 0, 0, 1, 1, 0, 9, 0x80] + lines, [channelMark, 2, 0, 0] + lines,
            // In the tag of the first message, the ciphertext of the second, and its tag.
            [channelMark, 0, 1, 1, 4, 0xd8, 1] + lines,
            [channelMark, 0, 0, 1, 1, 1, 0xf4, 1] + lines,
            [channelMark, 0, 0, 1, 1, 4, 0x74, 1] + lines,
            [4, 1] + passed + passed, [4, 0] + passed + [0, 2, 0, 47],
        ]
        return all
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let place = choices.byte()
        if place == channelMark {
            channel(&choices)
        } else {
            handshake(NoisePattern.all[Int(place) % NoisePattern.all.count], &choices)
        }
    }

    /// What becomes of a message on its way.
    private static func passing(_ good: [UInt8], _ choices: inout Choices) -> [UInt8] {
        switch choices.byte() & 7 {
        case 1: choices.edit(good)
        case 2: Array(good.prefix(Int(choices.u16())))
        case 3: good + choices.take(Int(choices.byte()))
        case 4: choices.part()
        default: good
        }
    }

    // MARK: Patterns

    private static func handshake(_ pattern: NoisePattern, _ choices: inout Choices) {
        var isChanged = choices.flag()
        do throws(NoiseError) {
            try handshake(pattern, &choices, isChanged: &isChanged)
        } catch {
            precondition(isChanged, "an honest handshake fails")
        }
    }

    private static func handshake(
        _ pattern: NoisePattern, _ choices: inout Choices, isChanged: inout Bool
    ) throws(NoiseError) {
        var random = SeededRandom(71)
        let alice = Cast.alice.identity.duplicate()
        let bob = Cast.bob.identity.duplicate()
        var one = try NoiseHandshake(
            pattern, role: .initiator, prologue: [0].raw, staticKey: alice.duplicate(),
            remoteStaticKey: pattern.responderStaticIsKnown ? bob.publicKey : nil)
        var two = try NoiseHandshake(
            pattern, role: .responder, prologue: [isChanged ? 1 : 0].raw,
            staticKey: bob.duplicate(),
            remoteStaticKey: pattern.initiatorStaticIsKnown ? alice.publicKey : nil)
        for index in pattern.messages.indices {
            let payload = choices.take(Int(choices.byte() & 63))
            let isFirst = index.isMultiple(of: 2)
            let written =
                isFirst
                ? try one.write(payload: payload.raw, from: &random)
                : try two.write(payload: payload.raw, from: &random)
            let passed = passing(written, &choices)
            if passed != written { isChanged = true }
            let read: [UInt8]
            do throws(NoiseError) {
                read = isFirst ? try two.read(passed.raw) : try one.read(passed.raw)
            } catch {
                let again = isFirst ? try? two.read(written.raw) : try? one.read(written.raw)
                precondition(again == nil, "a handshake goes on after a failure")
                throw error
            }
            precondition(isChanged || read == payload, "another payload is read")
            let isLast = index == pattern.messages.count - 1
            precondition(!isLast || !isChanged, "a changed handshake ends well")
        }
        var a = try one.finish()
        var b = try two.finish()
        precondition(a.handshakeHash == b.handshakeHash, "two sides have two hashes")
        talk(&a, &b, &choices)
    }

    // MARK: The channel

    private static func channel(_ choices: inout Choices) {
        let versions = ChannelHandshake.Versions(
            offer: versionSubprotocol, choice: versionSubprotocol)
        let flags = choices.byte()
        var isChanged = flags & 3 != 0
        let other = ChannelHandshake.Versions(
            offer: flags & 1 == 0 ? versions.offer : versions.offer + ", b",
            choice: flags & 2 == 0 ? versions.choice : "")
        var random = SeededRandom(72)
        let serverKey = Cast.bob.identity.publicKey
        do throws(NoiseError) {
            let one = try ChannelHandshake.Initiator(
                serverKey: serverKey, versions: versions, from: &random)
            let first = passing(one.message, &choices)
            if first != one.message { isChanged = true }
            let response = try ChannelHandshake.respond(
                to: first.raw, staticKey: Cast.bob.identity, versions: other, from: &random)
            precondition(!isChanged, "a server takes a changed message")
            let second = passing(response.message, &choices)
            if second != response.message { isChanged = true }
            var a = try one.finish(reading: second.raw)
            precondition(!isChanged, "a client takes a changed message")
            var b = response.takeTransport()
            precondition(a.handshakeHash == b.handshakeHash, "two sides have two hashes")
            talk(&a, &b, &choices)
        } catch {
            precondition(isChanged, "an honest handshake fails")
        }
    }

    /// Messages in both directions. One that was changed ends its direction.
    private static func talk(
        _ one: inout NoiseTransport, _ two: inout NoiseTransport, _ choices: inout Choices
    ) {
        var isOver = [false, false]
        for _ in 0..<16 where !choices.isEmpty {
            let direction = Int(choices.byte() & 1)
            let plaintext = choices.take(Int(choices.byte()))
            guard
                let sealed = direction == 0
                    ? try? one.sending.seal(plaintext.raw) : try? two.sending.seal(plaintext.raw)
            else { preconditionFailure("a side that has not failed cannot seal") }
            let passed = passing(sealed, &choices)
            let opened =
                direction == 0
                ? try? two.receiving.open(passed.raw) : try? one.receiving.open(passed.raw)
            if passed != sealed { isOver[direction] = true }
            precondition(
                opened == (isOver[direction] ? nil : plaintext),
                "what was changed is read, or what was not is refused")
        }
    }
}
