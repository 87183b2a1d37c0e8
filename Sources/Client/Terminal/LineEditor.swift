/// What a person types in `chat`, byte by byte, with nothing but printable characters and
/// backspace: it works in a dumb terminal and under a screen reader as well as in any other.
///
/// A pure value: bytes in; what to echo and what was typed out. The terminal is in a mode without
/// line editing and echo of its own (`RawTerminal` of Platform).
public struct LineEditor: Sendable {
    /// Something the person did.
    public enum Action: Equatable, Sendable {
        /// Show this where the cursor is.
        case echo(SafeText)
        /// The text changed: they are typing.
        case typed
        /// They ended a line.
        case line(String)
        /// They closed the input (control-D on an empty line).
        case end
    }

    /// A line may have this many bytes; further ones are dropped with a bell-less refusal, so that
    /// a stuck key or a pasted file cannot fill the memory.
    public static let lineByteCountMax = 16_384

    private var typed: [UInt8] = []
    private var character: [UInt8] = []
    private var sequence = EscapeSequence.none
    private let width: @Sendable (Unicode.Scalar) -> Int

    private enum EscapeSequence { case none, started, inside }

    /// Starts with an empty line.
    ///
    /// - Parameter width: Columns that a scalar takes on the terminal.
    public init(width: @escaping @Sendable (Unicode.Scalar) -> Int) {
        self.width = width
    }

    /// What has been typed of the present line, to show it again below an event.
    public var pending: SafeText { SafeText(untrusted: String(decoding: typed, as: UTF8.self)) }

    /// Whether something has been typed of the present line.
    public var isEmpty: Bool { typed.isEmpty }

    /// Takes bytes from the terminal.
    public mutating func feed(_ bytes: some Sequence<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes { feed(byte, into: &actions) }
        return actions
    }

    private mutating func feed(_ byte: UInt8, into actions: inout [Action]) {
        switch sequence {
        case .started:
            // Cursor keys and the like come as ESC [ … letter or ESC O letter: not used here.
            sequence = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") ? .inside : .none
            return
        case .inside:
            if (0x40...0x7E).contains(byte) { sequence = .none }
            return
        case .none: break
        }
        switch byte {
        case 0x1B: sequence = .started
        case 0x0A, 0x0D: end(into: &actions)
        case 0x7F, 0x08: eraseCharacter(into: &actions)
        case 0x15: while !typed.isEmpty { eraseCharacter(into: &actions) }
        case 0x04: if typed.isEmpty { actions.append(.end) }
        case 0x09: insert([UInt8(ascii: " ")], into: &actions)
        case ..<0x20: break
        case ..<0x80: insert([byte], into: &actions)
        default: collect(byte, into: &actions)
        }
    }

    private mutating func end(into actions: inout [Action]) {
        character = []
        let line = String(decoding: typed, as: UTF8.self)
        typed = []
        actions.append(.echo("\n"))
        actions.append(.line(line))
    }

    /// Collects the bytes of one UTF-8 scalar; a broken one is dropped whole, and so is a control
    /// character. Joiners and marks of direction belong to the text; only the echo is without them.
    private mutating func collect(_ byte: UInt8, into actions: inout [Action]) {
        if byte & 0xC0 != 0x80 { character = [] }
        character.append(byte)
        if let text = String(validating: character, as: UTF8.self) {
            let bytes = character
            character = []
            let isControl = text.unicodeScalars.contains {
                $0.properties.generalCategory == .control
            }
            if !isControl { insert(bytes, into: &actions) }
        } else if character.count >= 4 {
            character = []
        }
    }

    private mutating func insert(_ bytes: [UInt8], into actions: inout [Action]) {
        guard typed.count + bytes.count <= Self.lineByteCountMax else { return }
        typed += bytes
        actions.append(.echo(SafeText(untrusted: String(decoding: bytes, as: UTF8.self))))
        actions.append(.typed)
    }

    private mutating func eraseCharacter(into actions: inout [Action]) {
        var text = String(decoding: typed, as: UTF8.self)
        guard let last = text.popLast() else { return }
        typed = Array(text.utf8)
        let columns = last.unicodeScalars.reduce(0) { $0 + echoedColumns($1) }
        for _ in 0..<columns { actions.append(.echo("\u{8} \u{8}")) }
        actions.append(.typed)
    }

    /// Columns that the echo of a scalar took: none for one that was not shown.
    private func echoedColumns(_ scalar: Unicode.Scalar) -> Int {
        SafeText(untrusted: String(scalar)).description.unicodeScalars
            .reduce(0) { $0 + max(0, width($1)) }
    }
}
