/// How large a head may be. What does not fit is answered 431.
/// - SPEC: §11.1, CH-2
package struct HTTPLimits: Equatable, Sendable {
    /// The longest head, in bytes, from its first byte to the empty line's line feed.
    package var headByteCountMax: Int
    /// The largest number of field lines.
    package var fieldCountMax: Int

    /// Limits of a listener or of a client.
    package init(headByteCountMax: Int, fieldCountMax: Int) {
        self.headByteCountMax = headByteCountMax
        self.fieldCountMax = fieldCountMax
    }
}
