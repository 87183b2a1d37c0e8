/// What a peer did wrong. The connection fails: one Close frame with `closeCode`, then the end.
/// - SPEC: §11.1, CH-10, CH-12 to CH-17
package enum WebSocketError: Error, Equatable, Sendable {
    // CH-10, CH-13: the frame header.

    /// A reserved bit is set, and no extension was negotiated.
    case reservedBits
    /// An opcode that RFC 6455 reserves.
    case reservedOpcode(UInt8)
    /// A length that fits a shorter form.
    case lengthNotMinimal
    /// A 64-bit length with its highest bit set.
    case lengthOverflow
    /// A control frame with FIN clear.
    case fragmentedControlFrame
    /// A control frame with more than 125 bytes.
    case controlFrameTooLong

    // CH-12: the mask.

    /// A frame from a client without a mask.
    case unmaskedFrame
    /// A frame from a server with a mask.
    case maskedFrame

    // CH-14: limits.

    /// A frame that declares more than the limit.
    case frameTooLong(byteCount: Int, byteCountMax: Int)
    /// A fragment that makes its message longer than the limit.
    case messageTooLong(byteCountMax: Int)
    /// A message of more fragments than the limit.
    case tooManyFragments(countMax: Int)

    // CH-15: the order of fragments.

    /// A continuation frame with nothing to continue.
    case unexpectedContinuation
    /// A new message while another one is unfinished.
    case unfinishedMessage

    // CH-16, CH-17: payloads.

    /// A text message where only binary ones are taken.
    case textNotAccepted
    /// A text message or the reason of a Close frame is not UTF-8.
    case invalidText
    /// A Close frame with one byte.
    case closePayloadTooShort
    /// A Close frame with a code that may not stand there.
    case closeCodeNotAllowed(UInt16)

    /// The code for the Close frame that answers it.
    package var closeCode: WebSocketCloseCode {
        switch self {
        case .reservedBits, .reservedOpcode, .lengthNotMinimal, .lengthOverflow,
            .fragmentedControlFrame, .controlFrameTooLong, .unmaskedFrame, .maskedFrame,
            .unexpectedContinuation, .unfinishedMessage, .closePayloadTooShort,
            .closeCodeNotAllowed:
            .protocolError
        case .frameTooLong, .messageTooLong, .tooManyFragments: .messageTooBig
        case .textNotAccepted: .unsupportedData
        case .invalidText: .invalidData
        }
    }
}
