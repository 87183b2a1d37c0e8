import Primitives

/// Takes decisions from the front of an input; where the input has ended they are all 0.
struct Choices {
    private let bytes: [UInt8]
    private var position = 0

    init(_ input: RawSpan) { bytes = [UInt8](copying: input) }

    var isEmpty: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    mutating func u16() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

    mutating func u32() -> UInt32 { UInt32(u16()) << 16 | UInt32(u16()) }

    mutating func u64() -> UInt64 { UInt64(u32()) << 32 | UInt64(u32()) }

    /// At most so many bytes.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(position + count, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
    }

    /// Bytes behind their length, a u16.
    mutating func part() -> [UInt8] { take(Int(u16())) }

    /// Exactly so many bytes; zeros stand for those that are not there.
    mutating func exactly(_ count: Int) -> [UInt8] {
        let taken = take(count)
        return taken + [UInt8](repeating: 0, count: count - taken.count)
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }

    /// Changes bytes of a good encoding: a count, then places and what is laid over each.
    mutating func edit(_ good: [UInt8]) -> [UInt8] {
        var bytes = good
        for _ in 0..<byte() & 7 {
            let place = Int(u16())
            let mask = byte()
            if !bytes.isEmpty { bytes[place % bytes.count] ^= mask }
        }
        return bytes
    }
}

/// A value that the harness itself must be able to make.
func made<Value: ~Copyable>(_ what: StaticString, _ body: () throws -> Value) -> Value {
    do { return try body() } catch { preconditionFailure("\(what): \(error)") }
}

extension Array where Element == UInt8 {
    /// Zeros behind, up to a size; or cut to it.
    func sized(_ byteCount: Int) -> [UInt8] {
        count >= byteCount
            ? Array(prefix(byteCount)) : self + [UInt8](repeating: 0, count: byteCount - count)
    }

    /// The bytes behind their length, as `Choices.part()` reads them.
    var asPart: [UInt8] {
        [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)] + self
    }
}
