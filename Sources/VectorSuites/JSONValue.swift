/// A JSON text (RFC 8259) as a value: enough to read vector files, with bounds, because the files
/// come from outside.
package enum JSONValue: Sendable, Equatable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits into 64 bits.
    case integer(Int64)
    /// Any other number, as it was written.
    case number(String)
    /// A string, its escapes resolved.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object, its members in the order of the file.
    case object([Member])

    /// A name and its value.
    package struct Member: Sendable, Equatable {
        /// The name.
        package let name: String
        /// The value.
        package let value: JSONValue

        /// A name with its value.
        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member of an object; nil for another kind of value or an unknown name.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text of a string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A whole number, also one written as a string of digits.
    package var int: Int64? {
        switch self {
        case .integer(let value): value
        case .string(let text): Int64(text)
        default: nil
        }
    }

    /// The elements of an array.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

/// Why a text is no JSON, with the offset in bytes.
package enum JSONError: Error, Equatable, Sendable {
    /// A byte that cannot stand there, or the text ends too early.
    case syntax(offset: Int)
    /// Arrays and objects are nested deeper than the limit.
    case tooDeep(limit: Int)
    /// The same name stands twice in one object.
    case repeatedName(offset: Int)
}

/// Parses JSON without recursion deeper than a small limit.
package struct JSONReader {
    /// Vector files nest five deep; more than this is an attack on the stack.
    package static let depthMax = 32

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Parses a whole text.
    ///
    /// - Throws: `JSONError`; trailing bytes other than white space are a syntax error.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw .syntax(offset: reader.position) }
        return value
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard next == byte else { throw .syntax(offset: position) }
        position += 1
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.depthMax else { throw .tooDeep(limit: Self.depthMax) }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(
        _ text: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        for byte in text.description.utf8 { try expect(byte) }
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if next == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipSpace()
            let start = position
            let name = try string()
            guard !members.contains(where: { $0.name == name }) else {
                throw .repeatedName(offset: start)
            }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            members.append(.init(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if next == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        return .object(members)
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        while let byte = next,
            (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
        {
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard Double(text) != nil else { throw .syntax(offset: start) }
        return Int64(text).map(JSONValue.integer) ?? .number(text)
    }

    private mutating func string() throws(JSONError) -> String {
        let start = position
        try expect(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while true {
            guard let byte = next, byte >= 0x20 else { throw .syntax(offset: position) }
            position += 1
            if byte == UInt8(ascii: "\"") { break }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            text += Array(String(try escape()).utf8)
        }
        guard let result = String(validating: text, as: UTF8.self) else {
            throw .syntax(offset: start)
        }
        return result
    }

    private mutating func escape() throws(JSONError) -> Character {
        let start = position
        guard let byte = next else { throw .syntax(offset: start) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            // Vector files are ASCII; a surrogate pair is refused rather than half understood.
            var value: UInt32 = 0
            for _ in 0..<4 {
                guard let digit = next.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue })
                else { throw .syntax(offset: position) }
                value = value << 4 | UInt32(digit)
                position += 1
            }
            guard let scalar = Unicode.Scalar(value) else { throw .syntax(offset: start) }
            return Character(scalar)
        default: throw .syntax(offset: start)
        }
    }
}
