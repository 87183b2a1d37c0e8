import Primitives
import Testing
import Wire

@Suite("§2.1 codec")
struct CodecTests {
    @Test("WI-1 each integer is read big-endian, and one byte too few is refused in place")
    func integers() throws {
        let bytes: [UInt8] = Array(1...15)
        var reader = Reader(bytes.raw)
        #expect(try reader.u8() == 0x01)
        #expect(try reader.u16() == 0x0203)
        #expect(try reader.u32() == 0x0405_0607)
        #expect(try reader.u64() == 0x0809_0a0b_0c0d_0e0f)
        try reader.finish()
        for (size, available) in [(1, 0), (2, 1), (4, 3), (8, 7)] {
            let short = [UInt8](repeating: 0xff, count: available)
            var reader = Reader(short.raw)
            #expect(throws: WireError.truncated(needed: size, available: available)) {
                switch size {
                case 1: _ = try reader.u8()
                case 2: _ = try reader.u16()
                case 4: _ = try reader.u32()
                default: _ = try reader.u64()
                }
            }
            #expect(reader.offset == 0)
        }
    }

    @Test("WI-1 a length one above what is there, a negative and the largest one are refused")
    func lengths() throws {
        let bytes = [UInt8](repeating: 7, count: 10)
        for count in [11, Int.max, -1, Int.min] {
            var reader = Reader(bytes.raw)
            #expect(throws: WireError.truncated(needed: max(count, 0), available: 10)) {
                _ = try reader.array(count)
            }
            #expect(reader.offset == 0)
        }
        var reader = Reader(bytes.raw)
        _ = try reader.u8()
        #expect(throws: WireError.self) { _ = try reader.range(Int.max) }
        #expect(try reader.range(9) == 1..<10)

    }

    @Test("WI-2 a byte left over is refused")
    func trailing() throws {
        let bytes: [UInt8] = [1, 2]
        var reader = Reader(bytes.raw)
        _ = try reader.u8()
        #expect(throws: WireError.trailing(byteCount: 1)) { try reader.finish() }
        _ = try reader.u8()
        try reader.finish()
    }

    @Test("WI-3 padding with any bit set is refused, wherever it stands")
    func padding() throws {
        for index in 0..<16 {
            for bit in 0..<8 {
                let bytes = [UInt8](repeating: 0, count: 16).flipping(index, by: 1 << bit)
                var reader = Reader(bytes.raw)
                #expect(throws: WireError.notZero(offset: index)) { try reader.zeros(16) }
                #expect(reader.offset == 0)
            }
        }
    }

    @Test("WI-1 values in a range are taken at both ends and refused beyond")
    func ranges() throws {
        for (value, taken) in [(2, false), (3, true), (5, true), (6, false)] {
            let bytes = [UInt8(value)]
            var reader = Reader(bytes.raw)
            if taken {
                #expect(try reader.u8(in: 3...5) == UInt8(value))
            } else {
                #expect(
                    throws: WireError.outOfRange(value: UInt64(value), minimum: 3, maximum: 5)
                ) { _ = try reader.u8(in: 3...5) }
            }
        }
        let zeros = [UInt8](repeating: 0, count: 8)
        var reader = Reader(zeros.raw)
        #expect(throws: WireError.self) { _ = try reader.nonZeroU32() }
        var other = Reader(zeros.raw)
        #expect(throws: WireError.self) { _ = try other.nonZeroU64() }
    }

    @Test("WI-4 tagged fields come back as written; a tag twice or descending is refused")
    func taggedFields() throws {
        let fields = TaggedFields([
            TaggedFields.Field(tag: 9, value: []),
            TaggedFields.Field(tag: 2, value: [1, 2, 3]),
            TaggedFields.Field(tag: 0xffff, value: [UInt8](repeating: 5, count: 300)),
        ])
        var writer = Writer()
        fields.encode(into: &writer)
        #expect(writer.bytes.count == fields.byteCount)
        #expect(try TaggedFields(array: writer.bytes) == fields)
        #expect(fields[2] == [1, 2, 3])
        #expect(fields[3] == nil)
        for bad: [UInt8] in [[0, 2, 0, 0, 0, 2, 0, 0], [0, 2, 0, 0, 0, 1, 0, 0]] {
            #expect(throws: WireError.tagOrder(tag: UInt16(bad[5]))) {
                _ = try TaggedFields(array: bad)
            }
        }
    }

    @Test("WI-4 a list cut at any byte but between fields is refused")
    func taggedFieldsCut() throws {
        let fields = TaggedFields([
            TaggedFields.Field(tag: 1, value: [1]), TaggedFields.Field(tag: 2, value: [2, 2]),
        ])
        var writer = Writer()
        fields.encode(into: &writer)
        for count in 0..<writer.bytes.count {
            let cut = Array(writer.bytes[..<count])
            if count == 0 || count == 5 {
                _ = try TaggedFields(array: cut)
            } else {
                #expect(throws: WireError.self) { _ = try TaggedFields(array: cut) }
            }
        }
    }

    @Test("WI-5 an unknown tag is skipped, an unknown critical one is refused by its number")
    func critical() throws {
        let fields = TaggedFields([
            TaggedFields.Field(tag: 0x7fff, value: [1]),
            TaggedFields.Field(tag: 0x8001, value: [2]),
        ])
        #expect(throws: WireError.unknownCritical(tag: 0x8001)) {
            try fields.refuseUnknownCritical()
        }
        try fields.refuseUnknownCritical(known: [0x8001])
        try TaggedFields([TaggedFields.Field(tag: 0x7fff, value: [1])]).refuseUnknownCritical()
    }

    @Test("WI-1 the array writer and a buffer of fixed capacity hold the same bytes")
    func sinks() throws {
        func write<Sink: ByteSink & ~Copyable & ~Escapable>(_ sink: inout Sink) {
            sink.u8(1)
            sink.u16(0x0203)
            sink.u32(0x0405_0607)
            sink.u64(0x0809_0a0b_0c0d_0e0f)
            sink.array([16, 17])
            sink.zeros(3)
        }
        var writer = Writer()
        write(&writer)
        #expect(writer.bytes == Array(1...17) + [0, 0, 0])
        let direct = unsafe [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            // Safe: the span lives as long as the closure, and the count is what it has written.
            var output = unsafe OutputRawSpan(
                buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
            write(&output)
            count = unsafe output.finalize(for: UnsafeMutableRawBufferPointer(buffer))
        }
        #expect(direct == writer.bytes)
    }

    @Test("WI-6 A14 every second encoding of a key and every key of low order is refused")
    func keys() {
        for alias in Alias.x25519 {
            var reader = Reader(alias.raw)
            #expect(throws: WireError.badKey(offset: 0)) { _ = try reader.x25519Key() }
        }
        for y in 0...1 {
            var bytes = FixedBytes<32>()
            bytes[0] = UInt8(y)
            var reader = Reader(bytes.raw)
            #expect(throws: WireError.badKey(offset: 0)) { _ = try reader.x25519Key() }
            var other = Reader(bytes.raw)
            #expect(throws: WireError.badKey(offset: 0)) { _ = try other.ed25519Key() }
        }
    }
}
