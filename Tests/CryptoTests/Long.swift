import Glibc

/// The long setting of the tests, `POSTERN_LONG=1`.
enum Long {
    // Safe: the pointer is compared, not read.
    static let isSet = unsafe getenv("POSTERN_LONG") != nil
}
