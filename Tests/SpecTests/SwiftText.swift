/// A Swift file taken apart into code, comments and string literals, so that a check of the code is
/// not misled by what a comment or a text says.
struct SwiftText: Sendable {
    /// A comment and the line it begins in, counted from 1.
    struct Comment: Sendable {
        let line: Int
        let text: String
    }

    /// A string literal. Every interpolation stands in `text` as U+FFFC.
    struct Literal: Sendable {
        /// The line it begins in, counted from 1.
        let line: Int
        let text: String
        let isInterpolated: Bool
        /// Where it lies in `code`, delimiters included.
        let range: Range<Int>
    }

    /// The code as bytes. Comments and the insides of literals are blanks, code inside of
    /// interpolations is kept.
    let code: [UInt8]
    /// The same line by line.
    let lines: [String]
    let comments: [Comment]
    let literals: [Literal]

    init(_ text: String) {
        var scanner = SwiftScanner(text)
        scanner.scan()
        code = scanner.code
        lines = String(decoding: scanner.code, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        comments = scanner.comments
        literals = scanner.literals
    }
}
