import Testing

@testable import Platform

@Suite("Byte buffer")
struct ByteBufferTests {
    static func bytes(_ buffer: borrowing ByteBuffer) -> [UInt8] {
        let span = buffer.readable
        return (0..<span.byteCount).map { span.unsafeLoadByte($0) }
    }

    @Test("What goes in comes out in order, over any mix of appends and consumes")
    func behavesLikeAQueue() {
        var generator = SeededGenerator(seed: 1)
        var buffer = ByteBuffer()
        var model: [UInt8] = []
        var next: UInt8 = 0
        for _ in 0..<3_000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<4:
                let added = (0..<Int.random(in: 0..<700, using: &generator)).map { _ in
                    next &+= 1
                    return next
                }
                buffer.append(added.span.rawBytes)
                model += added
            case 4..<8:
                let count = Int.random(in: 0...model.count, using: &generator)
                buffer.consume(count)
                model.removeFirst(count)
            case 8:
                let count = Int.random(in: 0...model.count, using: &generator)
                buffer.truncate(to: count)
                model.removeLast(model.count - count)
            default:
                buffer.append(upTo: 9) { output in
                    next &+= 1
                    output.append(next)
                }
                model.append(next)
            }
            #expect(buffer.count == model.count)
        }
        #expect(Self.bytes(buffer) == model)
        // Bounded: what was held at once at most, doubled, and not the sum of what went through.
        #expect(buffer.allocatedByteCount < 64 * 1_024)
    }

    @Test("An emptied buffer keeps its memory until it is trimmed, then it has none")
    func trims() {
        var buffer = ByteBuffer()
        #expect(buffer.allocatedByteCount == 0)
        buffer.append([1, 2, 3].span.rawBytes)
        buffer.trim()
        #expect(buffer.count == 3)
        buffer.consume(3)
        #expect(buffer.allocatedByteCount > 0)
        buffer.trim()
        #expect(buffer.allocatedByteCount == 0)
        #expect(buffer.readable.byteCount == 0)
        buffer.append([9].span.rawBytes)
        #expect(Self.bytes(buffer) == [9])
    }

    struct Stop: Error {}

    @Test("Bytes written by an append that throws are dropped")
    func throwingAppend() {
        var buffer = ByteBuffer()
        buffer.append([1].span.rawBytes)
        var stopped = false
        do {
            try buffer.append(upTo: 4) { (output: inout OutputRawSpan) throws(Stop) in
                output.append(7)
                throw Stop()
            }
        } catch {
            stopped = true
        }
        #expect(stopped)
        #expect(Self.bytes(buffer) == [1])
    }

    @Test("Bytes can be changed where they lie")
    func writable() {
        var buffer = ByteBuffer()
        buffer.append([9, 1, 2].span.rawBytes)
        buffer.consume(1)
        var span = buffer.writable
        span.storeBytes(of: 5, toByteOffset: 1, as: UInt8.self)
        #expect(Self.bytes(buffer) == [1, 5])
    }
}

extension RawSpan {
    func unsafeLoadByte(_ index: Int) -> UInt8 {
        precondition(index < byteCount)
        return unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
