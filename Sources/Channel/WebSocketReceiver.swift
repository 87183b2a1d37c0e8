import Primitives

/// The receiving half of a WebSocket: turns bytes into messages and control frames.
///
/// It allocates nothing for a message in one frame, whose payload is unmasked in the caller's
/// buffer and handed out as a range. Only fragments are copied together here, as they come; a
/// declared length reserves nothing (H2).
/// - SPEC: §11.1, CH-10, CH-12 to CH-17
struct WebSocketReceiver: Sendable {
    private let sender: WebSocketRole
    private let acceptance: WebSocketAcceptance
    var limits: WebSocketLimits

    /// The header of the frame that is being received.
    private var header: WebSocketFrameHeader?
    /// How much of that frame's payload is unmasked, and checked if it is text.
    private var decodedByteCount = 0

    /// The kind of the message that fragments are being collected for.
    private var assemblyKind: WebSocketMessageKind?
    private var assembly: [UInt8] = []
    private var fragmentCount = 0
    private var validator = UTF8Validator()

    /// A Close frame came or the peer violated the protocol: all further input is dropped.
    private(set) var hasEnded = false

    /// - Parameter sender: the peer's role.
    init(from sender: WebSocketRole, acceptance: WebSocketAcceptance, limits: WebSocketLimits) {
        self.sender = sender
        self.acceptance = acceptance
        self.limits = limits
    }

    /// Whether a frame or a message has begun and not ended.
    var isMidMessage: Bool { header != nil || assemblyKind != nil }

    /// Advances to the next event.
    ///
    /// - Parameters:
    ///   - input: the bytes received and not yet used up. Payload bytes of an unfinished frame are
    ///     unmasked in place and must be shown again as they were left.
    ///   - position: where to begin; moved past what is used up.
    /// - Throws: what the peer did wrong; `hasEnded` is then true and all input used up.
    mutating func next(
        _ input: inout MutableRawSpan, position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        do {
            while !hasEnded {
                if let event = try step(&input, position: &position) { return event }
            }
        } catch {
            end()
            position = input.byteCount
            throw error
        }
        position = input.byteCount
        return .incomplete
    }

    /// Hands out the message that `.assembledMessage` told of, and lets go of its memory.
    mutating func takeAssembledMessage() -> [UInt8] {
        var message: [UInt8] = []
        swap(&message, &assembly)
        return message
    }

    private mutating func end() {
        hasEnded = true
        header = nil
        assemblyKind = nil
        assembly = []
    }

    /// Goes on with one frame; nil if it ended and was only a part of a message.
    private mutating func step(
        _ input: inout MutableRawSpan, position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent? {
        let header: WebSocketFrameHeader
        if let current = self.header {
            header = current
        } else {
            guard
                let parsed = try WebSocketFrameHeader.parse(
                    input.bytes, at: position, from: sender)
            else { return .incomplete }
            try begin(parsed)
            self.header = parsed
            header = parsed
        }

        let start = position + header.byteCount
        let available = min(input.byteCount - start, header.payloadByteCount)
        if available > decodedByteCount {
            try decode(&input, header, start + decodedByteCount..<start + available)
        }
        guard decodedByteCount == header.payloadByteCount else { return .incomplete }

        let payload = start..<start + header.payloadByteCount
        self.header = nil
        decodedByteCount = 0
        position = payload.upperBound
        return try finish(header, payload, in: input.bytes)
    }

    /// Checks a frame that begins against what came before it and against the limits.
    private mutating func begin(_ header: WebSocketFrameHeader) throws(WebSocketError) {
        guard !header.opcode.isControl else { return }
        // CH-14: what the header declares is compared before a byte of it is awaited.
        guard header.payloadByteCount <= limits.frameByteCountMax else {
            throw .frameTooLong(
                byteCount: header.payloadByteCount, byteCountMax: limits.frameByteCountMax)
        }
        switch header.opcode {
        case .continuation:
            guard assemblyKind != nil else { throw .unexpectedContinuation }  // CH-15
            fragmentCount += 1
        case .text:
            guard assemblyKind == nil else { throw .unfinishedMessage }  // CH-15
            guard acceptance == .textAndBinary else { throw .textNotAccepted }  // CH-16
            validator = UTF8Validator()
            startMessage()
        default:
            guard assemblyKind == nil else { throw .unfinishedMessage }  // CH-15
            startMessage()
        }
        // CH-14
        guard fragmentCount <= limits.fragmentCountMax else {
            throw .tooManyFragments(countMax: limits.fragmentCountMax)
        }
        guard header.payloadByteCount <= limits.messageByteCountMax - assembly.count else {
            throw .messageTooLong(byteCountMax: limits.messageByteCountMax)
        }
    }

    private mutating func startMessage() {
        fragmentCount = 1
        // A message that the caller did not take is gone.
        if !assembly.isEmpty { assembly = [] }
    }

    /// Unmasks payload bytes that have come, and checks them at once if they are text.
    private mutating func decode(
        _ input: inout MutableRawSpan, _ header: WebSocketFrameHeader, _ range: Range<Int>
    ) throws(WebSocketError) {
        header.mask?.apply(to: &input, range: range, payloadOffset: decodedByteCount)
        decodedByteCount += range.count
        let isText =
            header.opcode == .text || header.opcode == .continuation && assemblyKind == .text
        guard isText else { return }
        // CH-16: the first wrong byte fails the connection; the rest is not waited for.
        let bytes = input.bytes
        for offset in range where !validator.accept(bytes.byte(at: offset)) {
            throw .invalidText
        }
    }

    /// Handles a frame that has come whole.
    private mutating func finish(
        _ header: WebSocketFrameHeader, _ payload: Range<Int>, in input: RawSpan
    ) throws(WebSocketError) -> WebSocketEvent? {
        switch header.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        case .close: return try close(payload, in: input)
        case .text: return try data(.text, header, payload, in: input)
        case .binary: return try data(.binary, header, payload, in: input)
        case .continuation:
            guard let kind = assemblyKind else { throw .unexpectedContinuation }
            return try data(kind, header, payload, in: input)
        }
    }

    private mutating func data(
        _ kind: WebSocketMessageKind, _ header: WebSocketFrameHeader, _ payload: Range<Int>,
        in input: RawSpan
    ) throws(WebSocketError) -> WebSocketEvent? {
        if header.isFinal, kind == .text, !validator.isComplete { throw .invalidText }  // CH-16
        if header.isFinal, header.opcode != .continuation { return .message(kind, payload) }
        assembly.append(copying: input.extracting(payload))
        assemblyKind = header.isFinal ? nil : kind
        return header.isFinal ? .assembledMessage(kind) : nil
    }

    private mutating func close(
        _ payload: Range<Int>, in input: RawSpan
    ) throws(WebSocketError) -> WebSocketEvent {
        guard !payload.isEmpty else {
            end()
            return .close(nil, reason: payload)
        }
        // CH-17
        guard let number = input.extracting(payload).bigEndian(at: 0, as: UInt16.self) else {
            throw .closePayloadTooShort
        }
        let code = WebSocketCloseCode(rawValue: number)
        guard code.isAllowed else { throw .closeCodeNotAllowed(number) }
        let reason = payload.lowerBound + 2..<payload.upperBound
        var reasonValidator = UTF8Validator()
        for offset in reason where !reasonValidator.accept(input.byte(at: offset)) {
            throw .invalidText
        }
        guard reasonValidator.isComplete else { throw .invalidText }
        end()
        return .close(code, reason: reason)
    }
}
