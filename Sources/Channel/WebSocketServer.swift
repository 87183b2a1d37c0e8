import Primitives

/// The server's end of a WebSocket.
/// - SPEC: §11.1, CH-12 to CH-18
package struct WebSocketServer: WebSocketEndpoint {
    package var core: WebSocketCore

    /// The end of a connection whose upgrade was just answered.
    package init(limits: WebSocketLimits, acceptance: WebSocketAcceptance = .binaryOnly) {
        core = WebSocketCore(role: .server, acceptance: acceptance, limits: limits)
    }

    /// The header of a message of one frame, whose payload the caller writes after it.
    /// - Returns: nil if no message can be sent any more.
    package func messageHeader(
        _ kind: WebSocketMessageKind = .binary, payloadByteCount: Int
    ) -> WebSocketFrameHeader? {
        guard isOpen else { return nil }
        return WebSocketFrameHeader(
            opcode: kind.opcode, payloadByteCount: payloadByteCount, mask: nil)
    }

    /// Appends a message of one frame.
    /// - Returns: false, and appends nothing, if no message can be sent any more.
    @discardableResult
    package func appendMessage(
        _ payload: RawSpan, _ kind: WebSocketMessageKind = .binary, to output: inout [UInt8]
    ) -> Bool {
        guard let header = messageHeader(kind, payloadByteCount: payload.byteCount) else {
            return false
        }
        header.append(with: payload, to: &output)
        return true
    }

    /// Appends a ping with at most 125 bytes.
    /// - Returns: false, and appends nothing, if no ping can be sent any more.
    @discardableResult
    package func appendPing(_ payload: RawSpan, to output: inout [UInt8]) -> Bool {
        guard isOpen else { return false }
        WebSocketFrameHeader(opcode: .ping, payloadByteCount: payload.byteCount, mask: nil)
            .append(with: payload, to: &output)
        return true
    }

    /// Appends the pong and the Close frame that are due.
    package mutating func appendControlFrames(to output: inout [UInt8]) {
        core.appendControlFrames(to: &output) { nil }
    }
}
