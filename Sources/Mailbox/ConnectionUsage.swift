import Wire

/// What one connection has under way, and whether it may ask for more.
///
/// - SPEC: §4.9, CH-46
struct ConnectionUsage {
    /// Bytes of answers that may wait for the client beside its deliveries, which have the rest of
    /// `Limits.outputByteCountMax`.
    static let answerByteCountMax = Limits.outputByteCountMax - deliveryByteCountMax
    /// Bytes of deliveries that may wait for the client.
    static let deliveryByteCountMax = Limits.outputByteCountMax * 3 / 4

    /// Unanswered requests.
    private(set) var requestCount = 0
    /// Attaches among them.
    private(set) var attachCount = 0
    /// Bytes that their answers may have.
    private var reservedByteCount = 0
    /// Bytes of answers and notices since the client last had read everything.
    private var answeredByteCount = 0
    /// Bytes of delivery frames since the channel opened.
    private(set) var deliveredByteCount: UInt64 = 0

    /// Whether a request of this class may be taken now; else reading pauses.
    func mayTake(_ requestClass: RequestClass) -> Bool {
        if requestCount >= Limits.requestsInFlightMax { return false }
        if requestClass == .attach && attachCount >= Limits.attachesPendingMax { return false }
        // One request is always taken, however large its answer.
        if requestCount == 0 && answeredByteCount == 0 { return true }
        let wanted = answeredByteCount + reservedByteCount + requestClass.answerByteCountMax
        return wanted <= Self.answerByteCountMax
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

    /// Notes that the client's socket has taken everything.
    mutating func outputDrained() { answeredByteCount = 0 }
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
