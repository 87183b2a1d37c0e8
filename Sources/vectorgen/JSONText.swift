import Primitives

/// JSON text being written: objects and arrays of strings, whole numbers and truth values.
///
/// Strings are hexadecimal, names and digits; nothing needs an escape.
struct JSONText {
    private(set) var text: String

    init(_ text: String) { self.text = "\"\(text)\"" }
    init(_ value: Int) { text = String(value) }
    init(_ value: UInt64) { text = String(value) }
    init(_ value: UInt32) { text = String(value) }
    init(_ value: Bool) { text = value ? "true" : "false" }
    init(_ bytes: [UInt8]) { self.init(Hex.encode(bytes.raw)) }
    init(_ elements: [JSONText]) {
        text = "[" + elements.map(\.text).joined(separator: ",") + "]"
    }
    init(_ members: KeyValuePairs<String, JSONText>) {
        text = "{" + members.map { "\"\($0.key)\":\($0.value.text)" }.joined(separator: ",") + "}"
    }
}
