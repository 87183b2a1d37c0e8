/// Exactly `byteCount` public bytes, held in place: ids, digests, nonces, public keys, signatures.
///
/// Not for secrets: it can be copied, compared with `==` and printed. Printing shows the first four
/// bytes only, so that a log line never carries a whole id or key.
@usableFromInline package struct FixedBytes<let byteCount: Int>: Sendable {
    // The members' `@inlinable` has an effect only because the type is usable from inlined code.

    /// The bytes themselves.
    @usableFromInline package var storage: InlineArray<byteCount, UInt8>

    /// Wraps bytes that already have the right count.
    @inlinable
    package init(_ storage: InlineArray<byteCount, UInt8>) { self.storage = storage }

    /// All bytes zero.
    @inlinable
    package init() { storage = InlineArray(repeating: 0) }

    /// All bytes the same.
    package init(repeating byte: UInt8) { storage = InlineArray(repeating: byte) }

    /// All bytes zero.
    @inlinable
    package static var zero: Self { Self() }

    /// Copies a span, or returns nil unless it has exactly `byteCount` bytes.
    @inlinable
    package init?(copying source: RawSpan) {
        guard source.byteCount == byteCount else { return nil }
        // Safe: the count was just compared, and any bytes are bytes.
        storage = unsafe source.unsafeLoadUnaligned(
            fromByteOffset: 0, as: InlineArray<byteCount, UInt8>.self)
    }

    /// Reads strict lower-case hexadecimal, or returns nil for any other text or length.
    package init?(hex text: String) {
        guard let bytes = try? Hex.decode(text) else { return nil }
        self.init(copying: bytes.raw)
    }

    /// The number of bytes.
    @inlinable
    package var byteCount: Int { Self.byteCount }

    /// True when every byte is zero. Not for secrets: the time depends on the bytes.
    @inlinable
    package var isZero: Bool {
        for index in 0..<byteCount where storage[index] != 0 { return false }
        return true
    }

    /// The bytes, borrowed.
    @_transparent @usableFromInline
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get { storage.raw }
    }

    /// The bytes, borrowed for writing.
    @inlinable
    package var mutableRaw: MutableRawSpan {
        @_lifetime(&self)
        mutating get { storage.mutableRaw }
    }

    /// A copy of the bytes as an array.
    @inlinable
    package var array: [UInt8] { [UInt8](copying: raw) }

    /// All bytes as lower-case hexadecimal.
    package var hex: String { Hex.encode(raw) }

    /// The byte at `index`, which is in `0..<byteCount`.
    @inlinable
    package subscript(index: Int) -> UInt8 {
        get { storage[index] }
        set { storage[index] = newValue }
    }
}

extension FixedBytes: Hashable, Comparable {
    @inlinable
    package static func == (left: Self, right: Self) -> Bool {
        for index in 0..<byteCount where left.storage[index] != right.storage[index] {
            return false
        }
        return true
    }

    /// Orders by the first byte that differs.
    @inlinable
    package static func < (left: Self, right: Self) -> Bool {
        for index in 0..<byteCount where left.storage[index] != right.storage[index] {
            return left.storage[index] < right.storage[index]
        }
        return false
    }

    @inlinable
    package func hash(into hasher: inout Hasher) {
        // Safe: the buffer is read during the call only.
        unsafe raw.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension FixedBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The first four bytes in hexadecimal and an ellipsis.
    @usableFromInline package var description: String {
        guard byteCount > 4 else { return hex }
        return Hex.encode(raw.extracting(0..<4)) + "…"
    }

    @usableFromInline package var debugDescription: String { description }

    /// Empty, so that `dump` shows no more than `description`.
    @usableFromInline package var customMirror: Mirror { Mirror(self, children: []) }
}
