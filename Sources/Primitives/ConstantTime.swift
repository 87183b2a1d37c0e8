internal import CSodium

/// Comparison whose time depends on lengths only.
///
/// - SPEC: §4.3, PR-10
package enum ConstantTime {
    /// True when both spans have the same length and the same bytes.
    ///
    /// Lengths are not hidden.
    package static func isEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        let count = left.byteCount
        // Safe: both pointers are good for `count` bytes during the call.
        return unsafe left.withPointer { a in
            unsafe right.withPointer { b in unsafe sodium_memcmp(a, b, count) == 0 }  // PR-10
        }
    }

    /// A copy of `first` when two spans of the same length are equal, else of `second`, in a time
    /// that does not tell which.
    static func choose(
        _ first: borrowing SecretBytes, over second: borrowing SecretBytes,
        ifEqual left: RawSpan, _ right: RawSpan
    ) -> SecretBytes {
        precondition(left.byteCount == right.byteCount && first.byteCount == second.byteCount)
        let count = left.byteCount
        // 0 when they are equal, else -1: all bits. Safe: both pointers are good for `count` bytes.
        let code = unsafe left.withPointer { a in
            unsafe right.withPointer { b in unsafe sodium_memcmp(a, b, count) }
        }
        let mask = UInt8(truncatingIfNeeded: code)
        let a = first.raw
        let b = second.raw
        return SecretBytes(byteCount: a.byteCount) { select(a, over: b, unless: mask, into: &$0) }
    }

    /// Writes `first` where the bits of `mask` are clear and `second` where they are set. A function
    /// of its own for scripts/check-constant-time.
    @inline(never)
    static func select(
        _ first: RawSpan, over second: RawSpan, unless mask: UInt8,
        into chosen: inout MutableRawSpan
    ) {
        for offset in 0..<first.byteCount {
            let byte = first.byte(at: offset)
            chosen.storeBytes(
                of: byte ^ mask & (byte ^ second.byte(at: offset)), toByteOffset: offset,
                as: UInt8.self)
        }
    }

    /// True when every byte is zero.
    package static func isZero(_ bytes: RawSpan) -> Bool {
        let count = bytes.byteCount
        // Safe: the pointer is good for `count` bytes during the call.
        return unsafe bytes.withPointer { unsafe sodium_is_zero($0, count) == 1 }
    }
}
