import Primitives

/// Finds the end of a head as its bytes come in, and refuses on the way every byte and line end
/// that no head may hold.
///
/// Each byte is looked at once however the network cuts the stream, and the verdict depends on the
/// bytes alone: a head cut anywhere ends, or fails, at the same offset as the whole.
/// - SPEC: §11.1, CH-1, CH-2
struct HTTPHeadScanner: Sendable {
    private let limits: HTTPLimits
    /// The bytes looked at so far.
    private var scannedByteCount = 0
    /// The bytes of the line that is being read.
    private var lineByteCount = 0
    /// The lines that have ended.
    private var lineCount = 0
    private var afterCarriageReturn = false

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Looks at what is new in `input`.
    ///
    /// - Parameter input: everything received from the head's first byte on.
    /// - Returns: the head's length with its empty line, or nil if its end has not come. A head of
    ///   nothing but its empty line is the parser's to refuse.
    /// - Throws: the first violation in the order of the stream.
    mutating func scan(_ input: RawSpan) throws(HTTPError) -> Int? {
        while scannedByteCount < input.byteCount {
            let offset = scannedByteCount
            // CH-2: the byte after the last that may belong to a head.
            guard offset < limits.headByteCountMax else {
                throw .headTooLong(byteCountMax: limits.headByteCountMax)
            }
            let byte = input.byte(at: offset)
            scannedByteCount += 1
            if afterCarriageReturn {
                // CH-1: a carriage return alone.
                guard byte == HTTPGrammar.lineFeed else {
                    throw .bareCarriageReturn(offset: offset - 1)
                }
                afterCarriageReturn = false
                if try endLine() { return scannedByteCount }
                continue
            }
            switch byte {
            case HTTPGrammar.carriageReturn:
                afterCarriageReturn = true
            case HTTPGrammar.lineFeed:
                throw .bareLineFeed(offset: offset)  // CH-1
            case HTTPGrammar.tab, 0x20...0x7E:
                lineByteCount += 1
            default:
                throw .forbiddenByte(offset: offset)  // CH-1
            }
        }
        return nil
    }

    /// Counts a line; true if it was the empty one that ends a head.
    private mutating func endLine() throws(HTTPError) -> Bool {
        if lineByteCount == 0 { return true }
        lineByteCount = 0
        lineCount += 1
        // CH-2: the first line is no field.
        guard lineCount - 1 <= limits.fieldCountMax else {
            throw .tooManyFields(countMax: limits.fieldCountMax)
        }
        return false
    }
}
