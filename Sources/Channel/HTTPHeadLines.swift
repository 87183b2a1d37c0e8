import Primitives

/// Takes a scanned head apart line by line: what requests and responses have in common.
///
/// It runs only over bytes that `HTTPHeadScanner` passed, so every line ends with CR LF, holds
/// nothing but visible ASCII, spaces and tabs, and the last line is empty.
struct HTTPHeadLines: ~Escapable {
    private let bytes: RawSpan
    private var position = 0

    /// - Parameter bytes: one whole head.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// The next line without its end; nil at the empty line.
    mutating func next() -> Range<Int>? {
        let start = position
        var end = start
        while end < bytes.byteCount, bytes.byte(at: end) != HTTPGrammar.carriageReturn { end += 1 }
        guard end > start else { return nil }
        position = end + 2
        return start..<end
    }

    /// Reads the field lines that are left.
    /// - Throws: `badField`, `foldedField`.
    mutating func fields() throws(HTTPError) -> HTTPFields {
        var fields = HTTPFields()
        while let line = next() {
            fields.lines.append(try field(in: line, index: fields.lines.count))
        }
        return fields
    }

    private func field(in line: Range<Int>, index: Int) throws(HTTPError) -> HTTPField {
        let first = bytes.byte(at: line.lowerBound)
        // CH-1: obs-fold, which readers join in different ways.
        guard first != HTTPGrammar.space, first != HTTPGrammar.tab else {
            throw .foldedField(index: index)
        }
        var colon = line.lowerBound
        while colon < line.upperBound, HTTPGrammar.isTokenByte(bytes.byte(at: colon)) { colon += 1 }
        // CH-1: also refuses white space before the colon.
        guard colon > line.lowerBound, colon < line.upperBound,
            bytes.byte(at: colon) == HTTPGrammar.colon
        else { throw .badField(index: index) }

        var start = colon + 1
        var end = line.upperBound
        while start < end, isBlank(bytes.byte(at: start)) { start += 1 }
        while end > start, isBlank(bytes.byte(at: end - 1)) { end -= 1 }
        return HTTPField(
            text(line.lowerBound..<colon, lowerCased: true), text(start..<end, lowerCased: false))
    }

    /// The bytes of `range` as a string.
    func text(_ range: Range<Int>, lowerCased: Bool) -> String {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        for index in range {
            copy.append(
                lowerCased ? HTTPGrammar.lowerCase(bytes.byte(at: index)) : bytes.byte(at: index))
        }
        return String(decoding: copy, as: UTF8.self)
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == HTTPGrammar.space || byte == HTTPGrammar.tab
    }
}
