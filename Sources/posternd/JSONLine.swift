/// One JSON object on one line, for scripts: `{"v":1,"type":…}`.
struct JSONLine {
    /// The line so far, without its last brace.
    private var text: String

    init(_ type: StaticString) { text = "{\"v\":1,\"type\":\"\(type)\"" }

    mutating func add(_ name: StaticString, _ value: Int64) { text += ",\"\(name)\":\(value)" }

    mutating func add(_ name: StaticString, _ value: Bool) { text += ",\"\(name)\":\(value)" }

    mutating func add(_ name: StaticString, _ value: String) {
        text += ",\"\(name)\":\"\(Self.escaped(value))\""
    }

    /// The whole line.
    var line: String { text + "}" }

    /// ASCII only: everything else, and what JSON has no place for, as `\u`.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for unit in value.utf16 {
            switch unit {
            case 0x22: escaped += "\\\""
            case 0x5c: escaped += "\\\\"
            case 0x20...0x7e: escaped.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return escaped
    }
}
