/// 256 coefficients modulo q = 3329, or the same after the number-theoretic transform.
///
/// Between operations a coefficient may stand for its class by any value of small size; the bounds
/// are said where they matter. Nothing here branches on a coefficient or divides by one, and only
/// public numbers are indices. Arithmetic wraps where its bound is said, so that no check for
/// overflow depends on a secret.
///
/// It cannot be copied: most hold a secret, and a copy on the stack is wiped by nobody. For the same
/// reason every method takes what it reads `inout` and reads it by `lent`: the compiler copies the
/// whole array of a value that is only borrowed, for a span of it once and for an element of it each
/// time.
///
/// FIPS 203 sections 2.4.4 and 4.3.
struct Polynomial: ~Copyable {
    /// q.
    static let modulus: Int16 = 3_329

    var coefficients = InlineArray<256, Int16>(repeating: 0)

    /// The coefficients where they lie, to be read.
    var lent: Span<Int16> {
        @_lifetime(&self)
        @inline(__always)
        mutating get {
            // Safe: the span borrows `self`, in whose place the coefficients lie.
            var own = coefficients.mutableSpan
            let buffer = unsafe own.withUnsafeMutableBufferPointer {
                UnsafeBufferPointer($0)
            }
            let span = unsafe Span(_unsafeElements: buffer)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    // MARK: Reduction

    /// a · 2^-16 modulo q, between -q and q, for |a| < q · 2^15 (Montgomery).
    @inline(__always)
    static func montgomery(_ a: Int32) -> Int16 {
        // -3327 is the inverse of q modulo 2^16.
        let multiple = Int16(truncatingIfNeeded: a) &* -3_327
        return Int16(truncatingIfNeeded: (a &- Int32(multiple) &* 3_329) &>> 16)
    }

    /// a · b · 2^-16 modulo q, between -q and q, for |a · b| < q · 2^15.
    @inline(__always)
    static func product(_ a: Int16, _ b: Int16) -> Int16 { montgomery(Int32(a) &* Int32(b)) }

    /// The representative of a between -1664 and 1664 (Barrett).
    @inline(__always)
    static func barrett(_ a: Int16) -> Int16 {
        // 20159 is 2^26 / q, rounded.
        let quotient = Int16(truncatingIfNeeded: (Int32(a) &* 20_159 &+ (1 &<< 25)) &>> 26)
        return a &- quotient &* modulus
    }

    /// The representative from 0 to q - 1 of a value between -q and q - 1.
    @inline(__always)
    static func positive(_ a: Int16) -> Int32 { Int32(a &+ (a &>> 15 & modulus)) }

    /// Brings every coefficient between -1664 and 1664.
    mutating func reduce() {
        var own = coefficients.mutableSpan
        for index in 0..<256 { own[index] = Self.barrett(own[index]) }
    }

    // MARK: Sums

    /// Makes every coefficient zero.
    mutating func clear() {
        var own = coefficients.mutableSpan
        for index in 0..<256 { own[index] = 0 }
    }

    mutating func add(_ other: inout Polynomial) {
        let other = other.lent
        var own = coefficients.mutableSpan
        for index in 0..<256 { own[index] = own[index] &+ other[index] }
    }

    /// Replaces each coefficient c by `other` - c.
    mutating func subtract(from other: inout Polynomial) {
        let other = other.lent
        var own = coefficients.mutableSpan
        for index in 0..<256 { own[index] = other[index] &- own[index] }
    }

    // MARK: Transform

    /// NTT, algorithm 9, for coefficients between -q and q; the result is reduced.
    mutating func transform() {
        let zetas = Self.zetas
        var own = coefficients.mutableSpan
        var next = 1
        var length = 128
        // Seven layers, each adding less than q: below 2^15.
        while length >= 2 {
            var start = 0
            while start < 256 {
                let zeta = zetas[next]
                next += 1
                for index in start..<(start + length) {
                    let t = Self.product(zeta, own[index &+ length])
                    own[index &+ length] = own[index] &- t
                    own[index] = own[index] &+ t
                }
                start += 2 * length
            }
            length /= 2
        }
        reduce()
    }

    /// NTT^-1, algorithm 10, times 2^16: it takes away the 2^-16 of `addProduct`. The coefficients
    /// of the result are between -q and q.
    mutating func transformBack() {
        reduce()
        let zetas = Self.zetas
        var own = coefficients.mutableSpan
        var next = 127
        var length = 2
        while length <= 128 {
            var start = 0
            while start < 256 {
                let zeta = zetas[next]
                next -= 1
                for index in start..<(start + length) {
                    let low = own[index]
                    let high = own[index &+ length]
                    own[index] = Self.barrett(low &+ high)
                    own[index &+ length] = Self.product(zeta, high &- low)
                }
                start += 2 * length
            }
            length *= 2
        }
        // 2^32 / 128 modulo q.
        for index in 0..<256 { own[index] = Self.product(own[index], 1_441) }
    }

    /// Adds a · b · 2^-16, both transformed (MultiplyNTTs, algorithms 11 and 12), where the
    /// coefficients of b are between -q and q and those of a below 2^12 in size. Each call adds
    /// less than 2q to a coefficient, so three need no reduction between them.
    mutating func addProduct(_ a: inout Polynomial, _ b: inout Polynomial) {
        let zetas = Self.zetas
        let a = a.lent
        let b = b.lent
        var own = coefficients.mutableSpan
        for pair in 0..<128 {
            let even = 2 &* pair
            let a0 = a[even], a1 = a[even &+ 1]
            let b0 = b[even], b1 = b[even &+ 1]
            // Pairs share a zeta of the last layer, the second with its sign turned.
            let zeta = zetas[64 &+ pair &>> 1]
            let high = Self.product(Self.product(a1, b1), pair & 1 == 0 ? zeta : 0 &- zeta)
            own[even] = own[even] &+ Self.product(a0, b0) &+ high
            own[even &+ 1] = own[even &+ 1] &+ Self.product(a0, b1) &+ Self.product(a1, b0)
        }
    }

    /// Multiplies by 2^16, to take away the 2^-16 of `addProduct` where no `transformBack` comes.
    mutating func leaveMontgomery() {
        // 2^32 modulo q.
        var own = coefficients.mutableSpan
        for index in 0..<256 { own[index] = Self.product(own[index], 1_353) }
    }

    /// 17^BitRev7(i) · 2^16 modulo q, i from 0 to 127 (FIPS 203 appendix A).
    private static let zetas: InlineArray<128, Int16> = [
        -1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182, 962, -1202, -1474,
        1468, 573, -1325, 264, 383, -829, 1458, -1602, -130, -681, 1017, 732, 608, -1542, 411,
        -205, -1571, 1223, 652, -552, 1015, -1293, 1491, -282, -1544, 516, -8, -320, -666, -1618,
        -1162, 126, 1469, -853, -90, -271, 830, 107, -1421, -247, -951, -398, 961, -1508, -725,
        448, -1065, 677, -1275, -1103, 430, 555, 843, -1251, 871, 1550, 105, 422, 587, 177, -235,
        -291, -460, 1574, 1653, -246, 778, 1159, -147, -777, 1483, -602, 1119, -1590, 644, -872,
        349, 418, 329, -156, -75, 817, 1097, 603, 610, 1322, -1285, -1465, 384, -1215, -136, 1218,
        -1335, -874, 220, -1187, -1659, -1185, -1530, -1278, 794, -1510, -854, -870, 478, -108,
        -308, 996, 991, 958, -1460, 1522, 1628,
    ]
}
