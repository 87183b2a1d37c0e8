internal import CSodium

/// The one place that starts libsodium.
///
/// `sodium_malloc` aborts the process and `randombytes_buf` may use an unseeded source when
/// `sodium_init` has not run, so every entry into this module that reaches either touches `ready`.
package enum Sodium {
    /// True once libsodium is initialised; the first read initialises it, on any thread.
    ///
    /// The process stops if libsodium cannot start: nothing here is safe without it.
    package static let ready: Bool = {
        let code = sodium_init()
        precondition(code >= 0, "libsodium cannot be initialised")
        return true
    }()

    /// The version of the libsodium that is linked, such as "1.0.18".
    package static var version: String {
        unsafe String(cString: sodium_version_string())
    }

    /// Makes sure that libsodium runs. After the first call this is one load and one branch.
    @inline(__always)
    static func start() { _ = ready }
}

/// A byte to point at for empty input: libsodium's parameters are declared non-null, and an empty
/// span has no address.
private let placeholderAddress: UInt = {
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    unsafe byte.initialize(to: 0)
    return UInt(bitPattern: byte)
}()

private var placeholder: UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutablePointer(bitPattern: placeholderAddress).unsafelyUnwrapped
}

extension RawSpan {
    /// Calls `body` with the address of the first byte, or of a placeholder when there is none.
    ///
    /// The pointer is valid during the call only; `byteCount` says how much may be read.
    @inline(__always)
    func withPointer<Result: ~Copyable>(
        _ body: (UnsafePointer<UInt8>) -> Result
    ) -> Result {
        unsafe withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return unsafe body(placeholder) }
            return unsafe body(base.assumingMemoryBound(to: UInt8.self))
        }
    }
}

extension MutableRawSpan {
    /// Calls `body` with the address of the first byte, or of a placeholder when there is none.
    ///
    /// The pointer is valid during the call only; `byteCount` says how much may be written.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func withMutablePointer<Result: ~Copyable>(
        _ body: (UnsafeMutablePointer<UInt8>) -> Result
    ) -> Result {
        unsafe withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return unsafe body(placeholder) }
            return unsafe body(base.assumingMemoryBound(to: UInt8.self))
        }
    }
}
