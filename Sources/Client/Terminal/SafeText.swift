/// Text that may be written to a terminal: nothing in it moves the cursor, hides, reorders or
/// forges what a person reads.
///
/// Everything that came from the network, a file or another person goes through this type before
/// it is shown; `Output` takes no other. A literal is ours and trusted; an interpolated `String` is
/// cleaned as one line. Removed or replaced are control characters (C0, DEL, C1, so also every
/// escape sequence), line and paragraph separators, bidirectional and other invisible format
/// characters, noncharacters, and all but the first few of a pile of combining marks.
///
/// - SPEC: §10.7, CL-1
public struct SafeText: Sendable, Hashable, CustomStringConvertible {
    /// The cleaned text, free of control and invisible format characters but for `\n` in blocks.
    public let description: String

    /// More marks than this on one character are dropped: no script stacks as many, and a longer
    /// pile paints over its neighbours' lines.
    static let combiningMarksMax = 6

    /// What happens to a line break or tab in untrusted text.
    public enum Shape: Sendable {
        /// One logical line: breaks and tabs become one space each.
        case line
        /// Several lines: `\n` stays, a tab becomes one space.
        case block
    }

    /// Cleans `text`.
    ///
    /// - Parameters:
    ///   - text: Untrusted text of any length.
    ///   - shape: Whether line breaks stay.
    public init(untrusted text: String, shape: Shape = .line) {
        var clean = String.UnicodeScalarView()
        var marks = 0
        var previous: Unicode.Scalar?
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            // A carriage return with its line feed is one break, not two.
            if scalar == "\r", scalars.first == "\n" { continue }
            let kept = Self.replacement(
                for: scalar, after: previous, before: scalars.first, shape: shape)
            guard let kept else { continue }
            marks = Self.isMark(kept) ? marks + 1 : 0
            if marks > Self.combiningMarksMax { continue }
            clean.append(kept)
            previous = kept
        }
        description = String(clean)
    }

    /// Trusts `literal`, which stands in our source.
    init(trusted literal: String) {
        description = literal
    }

    /// Joins two cleaned texts.
    public static func + (first: SafeText, second: SafeText) -> SafeText {
        SafeText(trusted: first.description + second.description)
    }

    /// The texts, joined by `separator`.
    public static func joined(_ parts: [SafeText], separator: SafeText) -> SafeText {
        SafeText(trusted: parts.map(\.description).joined(separator: separator.description))
    }

    /// Whether nothing visible is left.
    public var isEmpty: Bool { description.isEmpty }

    /// True for the scalars that a terminal may act on or that hide from the reader.
    static func isHostile(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: scalar.properties.isNoncharacterCodePoint
        }
    }

    private static func replacement(
        for scalar: Unicode.Scalar, after previous: Unicode.Scalar?,
        before next: Unicode.Scalar?, shape: Shape
    ) -> Unicode.Scalar? {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": return shape == .block ? "\n" : " "
        case "\t": return " "
        case "\u{200D}":
            // The joiner stays only where it makes one emoji of two.
            guard let previous, let next, isPictograph(previous), isPictograph(next) else {
                return nil
            }
            return scalar
        default: return isHostile(scalar) ? nil : scalar
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: true
        default: false
        }
    }

    private static func isPictograph(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\u{FE0F}" || (scalar.value > 0xFF && scalar.properties.isEmoji)
    }
}

extension SafeText: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// A literal of our own source.
    public init(stringLiteral value: String) {
        self.init(trusted: value)
    }

    /// Literal parts are trusted, interpolated strings cleaned.
    public init(stringInterpolation: Interpolation) {
        self.init(trusted: stringInterpolation.text)
    }

    /// Collects an interpolated text; every value of type `String` is cleaned on its way in.
    public struct Interpolation: StringInterpolationProtocol {
        var text = ""

        /// Starts an empty text.
        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity)
        }

        /// Adds a part of our own source.
        public mutating func appendLiteral(_ literal: String) { text += literal }

        /// Adds untrusted text as one line.
        public mutating func appendInterpolation(_ untrusted: String) {
            text += SafeText(untrusted: untrusted).description
        }

        /// Adds text that is clean already.
        public mutating func appendInterpolation(_ clean: SafeText) { text += clean.description }

        /// Adds a number.
        public mutating func appendInterpolation(_ number: some BinaryInteger) {
            text += String(number)
        }
    }
}
