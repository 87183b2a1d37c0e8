/// One line of `--json` output: an object with `"v":1`, a type, and fields in the order given.
///
/// The one path on which text from the network leaves unstripped; so everything a terminal might
/// act on, or that would break the line, is written as a `\u` escape and the line is safe to show.
///
/// - SPEC: §10.7, CL-2
public struct JSONLine: Sendable {
    private var text: String

    /// A value of a field.
    public indirect enum Value: Sendable {
        /// `null`.
        case null
        /// `true` or `false`.
        case bool(Bool)
        /// A whole number.
        case integer(Int64)
        /// Any text; escaped when written.
        case string(String)
        /// A list.
        case list([Value])
        /// An object, fields in order.
        case object([(String, Value)])
    }

    /// Starts a line.
    ///
    /// - Parameter type: What the line tells, for example `"message"`.
    public init(type: StaticString) {
        text = "{\"v\":1,\"type\":"
        Self.append(.string("\(type)"), to: &text)
    }

    /// Adds a field.
    public mutating func add(_ name: StaticString, _ value: Value) {
        text += ","
        Self.append(.string("\(name)"), to: &text)
        text += ":"
        Self.append(value, to: &text)
    }

    /// Adds a text field, or `null`.
    public mutating func add(_ name: StaticString, _ string: String?) {
        add(name, string.map { .string($0) } ?? .null)
    }

    /// Adds a number field.
    public mutating func add(_ name: StaticString, _ number: some BinaryInteger) {
        add(name, .integer(Int64(clamping: number)))
    }

    /// Adds a truth value.
    public mutating func add(_ name: StaticString, _ flag: Bool) {
        add(name, .bool(flag))
    }

    /// The whole object, without a line break at its end.
    public var line: SafeText { SafeText(trusted: text + "}") }

    private static func append(_ value: Value, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .string(let string): appendEscaped(string, to: &text)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                append(value, to: &text)
            }
            text += "]"
        case .object(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += "," }
                appendEscaped(field.0, to: &text)
                text += ":"
                append(field.1, to: &text)
            }
            text += "}"
        }
    }

    private static func appendEscaped(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case _ where SafeText.isHostile(scalar):
                for unit in Character(scalar).utf16 { text += escape(unit) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
