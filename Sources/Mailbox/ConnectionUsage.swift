import Wire

/// What one connection has under way, and whether it may ask for more.
///
/// - SPEC: §4.9, CH-46
struct ConnectionUsage {
    /// Bytes of deliveries that may wait for the client.
    static let deliveryByteCountMax = Limits.outputByteCountMax * 9 / 16
    /// Bytes of answers that may wait for the client, with what sealing has added to them.
    static let answerByteCountMax =
        Limits.outputByteCountMax - deliveryByteCountMax - noticeByteCountMax - sealingByteCountMax
    /// Room for what comes unasked: every read attach may be taken over, told in 35 bytes.
    private static let noticeByteCountMax = Limits.attachmentsMax * 35
    /// Room for what sealing adds to deliveries and notices, and for the last words. A message is
    /// sealed when nothing waits or when it is full, so that little more than half a message of
    /// the largest size stands behind each 275 bytes of it.
    private static let sealingByteCountMax = 5_120

    /// Unanswered requests.
    private(set) var requestCount = 0
    /// Attaches among them.
    private(set) var attachCount = 0
    /// Bytes that their answers may have.
    private var reservedByteCount = 0
    /// Bytes of all that waits besides deliveries: what was added since nothing waited, and never
    /// more than what waits.
    private var answeredByteCount = 0
    /// Bytes of delivery frames since the channel opened.
    private(set) var deliveredByteCount: UInt64 = 0

    /// Whether a request of this class may be taken now; else reading pauses.
    func mayTake(_ requestClass: RequestClass) -> Bool {
        if requestCount >= Limits.requestsInFlightMax { return false }
        if requestClass == .attach && attachCount >= Limits.attachesPendingMax { return false }
        return hasRoom(requestClass.answerByteCountMax)
    }

    /// Whether so many bytes may be added that nobody has asked for, or that will answer one more
    /// request. The largest answer always fits when nothing waits.
    func hasRoom(_ byteCount: Int) -> Bool {
        answeredByteCount + reservedByteCount + byteCount <= Self.answerByteCountMax
    }

    /// Notes that a request was taken.
    mutating func take(_ requestClass: RequestClass) {
        requestCount += 1
        if requestClass == .attach { attachCount += 1 }
        reservedByteCount += requestClass.answerByteCountMax
    }

    /// Notes a frame that was handed to the output, `byteCount` with its head.
    mutating func sent(_ frameClass: FrameClass, byteCount: Int) {
        switch frameClass {
        case .answer(let requestClass):
            requestCount -= 1
            if requestClass == .attach { attachCount -= 1 }
            reservedByteCount -= requestClass.answerByteCountMax
            answeredByteCount += byteCount
        case .delivery:
            deliveredByteCount += UInt64(byteCount)
        case .ephemeral, .notice:
            answeredByteCount += byteCount
        }
    }

    /// Whether attaches have no answer yet, which they will not get; said once.
    mutating func abandonAttaches() -> Bool {
        defer { attachCount = 0 }
        return attachCount > 0
    }

    /// Notes bytes that went to the output beside the frames: padding, tags, control frames.
    mutating func added(_ byteCount: Int) { answeredByteCount += byteCount }

    /// Notes that no more than so many bytes wait for the client.
    mutating func written(leaving byteCount: Int) {
        answeredByteCount = min(answeredByteCount, byteCount)
    }
}

extension RequestClass {
    /// The largest frame that answers such a request, with its head.
    var answerByteCountMax: Int {
        switch self {
        case .plain, .attach: 32
        case .blob: 3 + 4 + 2 + Limits.blobByteCountMax
        case .directory: 3 + 4 + 8_192 + 64
        }
    }
}
