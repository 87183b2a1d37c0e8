// What scripts/check-constant-time must find, each kind once, and what it must let pass. Compiled by
// that script and linked into nothing.

/// Leaves at the first byte that differs: a branch on a secret.
@inline(never)
public func leakyEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
    guard left.byteCount == right.byteCount else { return false }
    for offset in 0..<left.byteCount {
        let a = unsafe left.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        let b = unsafe right.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        if a != b { return false }
    }
    return true
}

/// Divides a secret.
@inline(never)
public func leakyRemainder(_ secrets: RawSpan, modulus: Int32) -> Int32 {
    guard modulus > 0, secrets.byteCount >= 4 else { return 0 }
    let secret = unsafe secrets.unsafeLoadUnaligned(fromByteOffset: 0, as: Int32.self)
    return secret % modulus
}

/// Looks up a secret in a table: the address depends on it.
@inline(never)
public func leakyLookup(_ secrets: RawSpan, table: RawSpan) -> UInt8 {
    guard table.byteCount >= 256, secrets.byteCount >= 1 else { return 0 }
    let secret = unsafe secrets.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
    return unsafe table.unsafeLoad(
        fromUncheckedByteOffset: Int(secret), as: UInt8.self)
}

/// Looks at every byte, whatever the ones before it were. Its branches are on lengths and counters.
@inline(never)
public func soundEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
    guard left.byteCount == right.byteCount else { return false }
    var difference: UInt8 = 0
    for offset in 0..<left.byteCount {
        let a = unsafe left.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        let b = unsafe right.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        difference |= a ^ b
    }
    return difference == 0
}
