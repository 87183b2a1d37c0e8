package import Primitives

/// Making JSON: literals, and the one spelling in which vectors are written.
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }

    /// Bytes, in hexadecimal.
    package static func hex(_ bytes: [UInt8]) -> JSONValue { .string(Hex.encode(bytes.raw)) }

    /// Bytes, in hexadecimal.
    package static func hex<let count: Int>(_ bytes: FixedBytes<count>) -> JSONValue {
        .string(bytes.hex)
    }

    /// A whole number; one above 2^63 keeps its digits.
    package static func whole(_ value: some FixedWidthInteger) -> JSONValue {
        Int64(exactly: value).map(JSONValue.integer) ?? .number(String(value))
    }

    /// The same object with one member more, or with another value for it.
    package func with(_ name: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        guard members.contains(where: { $0.name == name }) else {
            return .object(members + [Member(name: name, value: value)])
        }
        return .object(members.map { $0.name == name ? Member(name: name, value: value) : $0 })
    }

    /// The text without white space. Strings of vectors are printable ASCII and line breaks.
    package var json: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let elements): "[" + elements.map(\.json).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.name) + ":" + $0.value.json }.joined(separator: ",")
                + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result + "\""
    }
}
