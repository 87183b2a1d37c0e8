import Client
import Glibc
import Platform

/// Standard input as text.
enum Input {
    /// More than this is no message, link or number of ours, and is refused before it fills the
    /// memory.
    static let byteCountMax = 1 << 20

    /// All of standard input, which must be UTF-8; asks for it when a person sits there.
    ///
    /// - Throws: `ClientError.textNotUTF8`, `.textTooLong`.
    static func all() throws -> String {
        if Terminal.isTerminal(STDIN_FILENO) {
            Output.note("Type the text; control-D on an empty line ends it.")
        }
        var bytes: [UInt8] = []
        while let more = try read() {
            bytes += more
            if bytes.count > byteCountMax {
                throw ClientError.textTooLong(
                    byteCount: bytes.count, byteCountMax: Engine.textByteCountMax)
            }
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ClientError.textNotUTF8
        }
        return text
    }

    /// The first line of standard input without blanks around it.
    static func firstLine() throws -> String {
        let line = try all().split(separator: "\n", maxSplits: 1).first ?? ""
        return String(line.drop { $0 == " " || $0 == "\r" }.prefix { $0 != " " && $0 != "\r" })
    }

    /// Some bytes; nil at the end.
    private static func read() throws -> [UInt8]? {
        do {
            let bytes = try readSome(from: STDIN_FILENO, byteCountMax: 65_536)
            return bytes.isEmpty ? nil : bytes
        } catch {
            throw ClientError.diskFailed(errorNumber: error.code)
        }
    }
}
