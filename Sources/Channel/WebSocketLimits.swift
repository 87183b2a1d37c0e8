/// How much a peer may send. What is more fails the connection with 1009 before it is held.
/// - SPEC: §11.1, CH-14
package struct WebSocketLimits: Equatable, Sendable {
    /// The largest payload of one frame, in bytes.
    package var frameByteCountMax: Int
    /// The largest message, in bytes, however it is cut.
    package var messageByteCountMax: Int
    /// The largest number of frames of one message. Without it, empty fragments would keep a
    /// message open for ever (H2).
    package var fragmentCountMax: Int

    /// The fragments that a message may have by default: proxies that cut messages do it at
    /// kilobytes, so 64 KiB come in far fewer.
    package static let fragmentCountMaxDefault = 256

    /// Limits in which one frame may hold a whole message.
    package init(
        messageByteCountMax: Int, frameByteCountMax: Int? = nil,
        fragmentCountMax: Int = Self.fragmentCountMaxDefault
    ) {
        self.messageByteCountMax = messageByteCountMax
        self.frameByteCountMax = frameByteCountMax ?? messageByteCountMax
        self.fragmentCountMax = fragmentCountMax
    }
}
