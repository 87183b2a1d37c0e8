package import Primitives

/// The client's end of a WebSocket. Every frame that it sends has a fresh mask (CH-19).
/// - SPEC: §11.1, CH-12 to CH-19
package struct WebSocketClient: WebSocketEndpoint {
    package var core: WebSocketCore
    private var masks = WebSocketMaskSource()

    /// The end of a connection whose upgrade was just accepted.
    package init(limits: WebSocketLimits, acceptance: WebSocketAcceptance = .binaryOnly) {
        core = WebSocketCore(role: .client, acceptance: acceptance, limits: limits)
    }

    /// The header of a message of one frame. The caller writes the payload after it and then
    /// applies the header's mask to it.
    /// - Returns: nil if no message can be sent any more.
    package mutating func messageHeader(
        _ kind: WebSocketMessageKind = .binary, payloadByteCount: Int,
        random: inout some RandomSource
    ) -> WebSocketFrameHeader? {
        guard isOpen else { return nil }
        return WebSocketFrameHeader(
            opcode: kind.opcode, payloadByteCount: payloadByteCount,
            mask: masks.next(from: &random))  // CH-19
    }

    /// Appends a message of one frame.
    /// - Returns: false, and appends nothing, if no message can be sent any more.
    @discardableResult
    package mutating func appendMessage(
        _ payload: RawSpan, _ kind: WebSocketMessageKind = .binary, to output: inout [UInt8],
        random: inout some RandomSource
    ) -> Bool {
        guard
            let header = messageHeader(
                kind, payloadByteCount: payload.byteCount, random: &random)
        else { return false }
        header.append(with: payload, to: &output)
        return true
    }

    /// Appends a ping with at most 125 bytes.
    /// - Returns: false, and appends nothing, if no ping can be sent any more.
    @discardableResult
    package mutating func appendPing(
        _ payload: RawSpan, to output: inout [UInt8], random: inout some RandomSource
    ) -> Bool {
        guard isOpen else { return false }
        WebSocketFrameHeader(
            opcode: .ping, payloadByteCount: payload.byteCount, mask: masks.next(from: &random)
        ).append(with: payload, to: &output)
        return true
    }

    /// Appends the pong and the Close frame that are due.
    package mutating func appendControlFrames(
        to output: inout [UInt8], random: inout some RandomSource
    ) {
        var masks = masks
        core.appendControlFrames(to: &output) { masks.next(from: &random) }
        self.masks = masks
    }
}
