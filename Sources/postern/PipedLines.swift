import Client

/// What comes through a pipe, cut into numbered lines. A line that is too long for a message is
/// counted to its end and not kept.
struct PipedLines {
    /// A line without its line break.
    struct Line {
        /// The first line has 1.
        let number: Int
        fileprivate let bytes: [UInt8]
        /// All bytes of the line, also those that were not kept.
        fileprivate let byteCount: Int

        /// The line as text.
        ///
        /// - Throws: `ClientError.textTooLong`, `.textNotUTF8`.
        func text() throws(ClientError) -> String {
            guard byteCount == bytes.count else {
                throw .textTooLong(byteCount: byteCount, byteCountMax: Engine.textByteCountMax)
            }
            guard let text = String(validating: bytes, as: UTF8.self) else { throw .textNotUTF8 }
            return text
        }
    }

    /// The longest text and the slash that stands before one that begins with a slash.
    private static let keptByteCountMax = Engine.textByteCountMax + 1

    private var kept: [UInt8] = []
    private var byteCount = 0
    private var number = 0

    /// Takes bytes, none at the end; returns the lines that they end.
    mutating func feed(_ bytes: [UInt8]) -> [Line] {
        var lines: [Line] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(next())
                continue
            }
            byteCount += 1
            if kept.count < Self.keptByteCountMax { kept.append(byte) }
        }
        if bytes.isEmpty, byteCount > 0 { lines.append(next()) }
        return lines
    }

    private mutating func next() -> Line {
        number += 1
        defer {
            kept = []
            byteCount = 0
        }
        return Line(number: number, bytes: kept, byteCount: byteCount)
    }
}
