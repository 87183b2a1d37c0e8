internal import Primitives
internal import Wire

/// A value of a vault row: a format byte, then fields in order.
protocol VaultRecord {
    /// The format this version writes; the only one it reads.
    static var format: UInt8 { get }
    init(from reader: inout Reader) throws(WireError)
    func encode(into writer: inout Writer)
}

extension VaultRecord {
    /// The bytes of the row's value.
    var encoded: [UInt8] {
        var writer = Writer(capacity: 256)
        writer.u8(Self.format)
        encode(into: &writer)
        return writer.bytes
    }

    /// Reads a row's value back.
    ///
    /// - Throws: `ClientError.vaultCorrupt` for what this program did not write.
    static func decode(_ bytes: [UInt8]) throws(ClientError) -> Self {
        do throws(WireError) {
            var reader = Reader(bytes.raw)
            _ = try reader.u8(in: format...format)
            let record = try Self(from: &reader)
            try reader.finish()
            return record
        } catch {
            throw .vaultCorrupt
        }
    }
}

extension Writer {
    mutating func bool(_ value: Bool) { u8(value ? 1 : 0) }

    /// Bytes behind their count (4 B).
    mutating func counted(_ bytes: [UInt8]) {
        u32(UInt32(bytes.count))
        array(bytes)
    }

    mutating func text(_ text: String) { counted(Array(text.utf8)) }

    mutating func optional<let count: Int>(_ value: FixedBytes<count>?) {
        bool(value != nil)
        if let value { fixed(value) }
    }
}

extension Reader {
    mutating func bool() throws(WireError) -> Bool { try u8(in: 0...1) == 1 }

    mutating func counted() throws(WireError) -> [UInt8] { try array(Int(try u32())) }

    mutating func text() throws(WireError) -> String {
        String(decoding: try counted(), as: UTF8.self)
    }

    mutating func optional<let count: Int>(
        as type: FixedBytes<count>.Type = FixedBytes<count>.self
    ) throws(WireError) -> FixedBytes<count>? {
        try bool() ? try fixed() : nil
    }

    /// A value of an enumeration; a number without a case is damage.
    mutating func choice<Choice: RawRepresentable>(
        of type: Choice.Type
    ) throws(WireError) -> Choice where Choice.RawValue == UInt8 {
        let value = try u8()
        guard let choice = Choice(rawValue: value) else {
            throw .outOfRange(value: UInt64(value), minimum: 0, maximum: 255)
        }
        return choice
    }
}
