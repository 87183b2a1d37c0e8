import CLinux
import Glibc

/// How many columns a terminal uses for text.
package enum DisplayWidth {
    /// A UTF-8 locale for `wcwidth`, whatever the user's is; nil when the C library has none.
    private static let locale: LocaleHandle? = unsafe LocaleHandle(
        newlocale(1 << LC_CTYPE, "C.UTF-8", nil))

    /// Columns of one scalar: 0 for combining marks and controls, 2 for wide characters.
    package static func of(_ scalar: Unicode.Scalar) -> Int {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value < 0x7F ? 1 : 0 }
        guard let locale else { return 1 }
        // The locale is the thread's, only for this call: nothing else in the program notices.
        let before = unsafe uselocale(locale.handle)
        defer { _ = unsafe uselocale(before) }
        return max(0, Int(cl_wcwidth(scalar.value)))
    }

    /// Columns of a text that holds no line breaks.
    ///
    /// A sequence that terminals draw as one picture (joined emoji) counts as its widest part,
    /// because that is what most of them show.
    package static func of(_ text: some StringProtocol) -> Int {
        var total = 0
        for character in text {
            var widest = 0
            for scalar in character.unicodeScalars { widest = max(widest, of(scalar)) }
            total += widest
        }
        return total
    }
}

/// The C library's locale object, never freed and never changed after it was made.
@safe private struct LocaleHandle: @unchecked Sendable {  // read-only after newlocale
    let handle: locale_t

    init?(_ handle: locale_t?) {
        guard let handle = unsafe handle else { return nil }
        unsafe self.handle = handle
    }
}
