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

    /// True when every byte is zero.
    package static func isZero(_ bytes: RawSpan) -> Bool {
        let count = bytes.byteCount
        // Safe: the pointer is good for `count` bytes during the call.
        return unsafe bytes.withPointer { unsafe sodium_is_zero($0, count) == 1 }
    }
}
