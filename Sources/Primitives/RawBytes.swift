// The currency of this package is `RawSpan` in and fixed-size values or `[UInt8]` out. The
// standard library marks `Span.bytes` unsafe because it would show the padding of arbitrary types;
// for `UInt8` there is none, so these accessors are safe. They are the only such accessors.
//
// An accessor that lends a value's own bytes is transparent, here and in every type around such a
// value: as a function of its own the optimiser passes it the value in registers, and its span is
// left pointing at a copy that is gone.

extension Span where Element == UInt8 {
    /// The same bytes as a raw span.
    @inlinable
    package var raw: RawSpan {
        @_lifetime(copy self)
        get {
            // Safe: UInt8 has no padding.
            unsafe bytes
        }
    }
}

extension MutableSpan where Element == UInt8 {
    /// The same bytes as a raw span that may be written.
    @inlinable
    package var mutableRaw: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // Safe: UInt8 has no padding and every bit pattern is a value.
            unsafe mutableBytes
        }
    }
}

extension MutableRawSpan {
    /// Copies bytes to a place in this span; a range outside is a programming error.
    package mutating func copy(_ source: RawSpan, at offset: Int) {
        precondition(offset >= 0 && source.byteCount <= byteCount - offset, "room for the bytes")
        // Safe: the room was just checked, and a span that is written shares no byte with another.
        unsafe withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, let place = target.baseAddress else { return }
                unsafe (place + offset).copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }
}

extension Array where Element == UInt8 {
    /// The bytes of the array, borrowed.
    @_transparent @usableFromInline
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: UInt8 has no padding.
            unsafe span.bytes
        }
    }

    /// The bytes of the array, borrowed for writing.
    @inlinable
    package var mutableRaw: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // Safe: UInt8 has no padding, every bit pattern is a value, and the span borrows `self`.
            var span = mutableSpan
            let buffer = unsafe span.withUnsafeMutableBytes { unsafe $0 }
            let bytes = unsafe MutableRawSpan(_unsafeBytes: buffer)
            return unsafe _overrideLifetime(bytes, mutating: &self)
        }
    }

    /// Copies the bytes of a span into a new array.
    @inlinable
    package init(copying source: RawSpan) {
        // Safe: the buffer is read during the call only.
        self = unsafe source.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// Appends the bytes of a span.
    @inlinable
    package mutating func append(copying source: RawSpan) {
        // Safe: the buffer is read during the call only.
        unsafe source.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}

extension ArraySlice where Element == UInt8 {
    /// The bytes of the slice, borrowed.
    @_transparent @usableFromInline
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: UInt8 has no padding.
            unsafe span.bytes
        }
    }
}

extension InlineArray where Element == UInt8 {
    /// The bytes of the array, borrowed.
    @_transparent @usableFromInline
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: UInt8 has no padding.
            unsafe span.bytes
        }
    }

    /// The bytes of the array, borrowed for writing.
    @inlinable
    package var mutableRaw: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // Safe: UInt8 has no padding, every bit pattern is a value, and the span borrows `self`.
            var span = mutableSpan
            let buffer = unsafe span.withUnsafeMutableBytes { unsafe $0 }
            let bytes = unsafe MutableRawSpan(_unsafeBytes: buffer)
            return unsafe _overrideLifetime(bytes, mutating: &self)
        }
    }
}

extension StaticString {
    /// The UTF-8 bytes of the literal, without a terminator; for labels of derivations.
    @inlinable
    package var raw: RawSpan {
        @_lifetime(immortal)
        get {
            precondition(hasPointerRepresentation, "a label is longer than one scalar")
            // Safe: a literal's bytes lie in the program's constants and live as long as it.
            let span = unsafe RawSpan(_unsafeStart: utf8Start, byteCount: utf8CodeUnitCount)
            return unsafe _overrideLifetime(span, copying: ())
        }
    }
}
