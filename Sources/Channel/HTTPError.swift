/// Why a head was refused. The connection is closed after every one of them.
/// - SPEC: §11.1, CH-1 to CH-9
package enum HTTPError: Error, Equatable, Sendable {
    // CH-1: the form of a head.

    /// A byte that no head may hold: NUL, another control character, or one above 0x7E.
    case forbiddenByte(offset: Int)
    /// A carriage return without its line feed.
    case bareCarriageReturn(offset: Int)
    /// A line feed without its carriage return.
    case bareLineFeed(offset: Int)
    /// An empty line where the first line should be.
    case emptyFirstLine
    /// The request line is not `METHOD SP target SP version`.
    case badRequestLine
    /// The status line is not `version SP code SP reason`.
    case badStatusLine
    /// The target is not an absolute path with an optional query.
    case badTarget
    /// A field line without a colon, or with a name that is no token. Counted from 0.
    case badField(index: Int)
    /// A field line that begins with white space (obs-fold). Counted from 0.
    case foldedField(index: Int)
    /// A field that may stand once stands more than once.
    case repeatedField(HTTPFieldName)
    /// A request without Host.
    case missingHost
    /// A Host that is no host name or address with an optional port.
    case badHost
    /// The message announces content: a length other than 0 or not canonical.
    case contentLength
    /// The message has a Transfer-Encoding, whatever it says.
    case transferEncoding

    // CH-2: limits.

    /// The head does not end within the limit.
    case headTooLong(byteCountMax: Int)
    /// The head has more field lines than the limit.
    case tooManyFields(countMax: Int)

    // CH-3: method and version.

    /// A method of RFC 9110 or RFC 5789 other than GET.
    case methodNotAllowed
    /// A method that no standard names.
    case unknownMethod
    /// A well-formed HTTP version other than 1.1.
    case unsupportedVersion

    // CH-5 to CH-9: the upgrade.

    /// No such path.
    case notFound
    /// An Origin that is not on the list.
    case originNotAllowed
    /// No upgrade to `websocket` is asked for.
    case upgradeRequired
    /// A `Sec-WebSocket-Version` other than 13.
    case unsupportedWebSocketVersion
    /// No `Sec-WebSocket-Version`.
    case missingWebSocketVersion
    /// No `Sec-WebSocket-Key`.
    case missingWebSocketKey
    /// A `Sec-WebSocket-Key` that is not the canonical base64 of 16 bytes.
    case badWebSocketKey
    /// The offer of subprotocols is no list of different tokens.
    case badSubprotocolOffer
    /// The offer holds no subprotocol that the server speaks.
    case noCommonSubprotocol

    /// The status that the server answers with.
    package var status: HTTPStatus {
        switch self {
        case .forbiddenByte, .bareCarriageReturn, .bareLineFeed, .emptyFirstLine,
            .badRequestLine, .badStatusLine, .badTarget, .badField, .foldedField, .repeatedField,
            .missingHost, .badHost, .contentLength, .transferEncoding,
            .missingWebSocketVersion, .missingWebSocketKey, .badWebSocketKey,
            .badSubprotocolOffer, .noCommonSubprotocol:
            .badRequest
        case .headTooLong, .tooManyFields: .headTooLarge
        case .methodNotAllowed: .methodNotAllowed
        case .unknownMethod: .notImplemented
        case .unsupportedVersion: .versionNotSupported
        case .notFound: .notFound
        case .originNotAllowed: .forbidden
        case .upgradeRequired, .unsupportedWebSocketVersion: .upgradeRequired
        }
    }

    /// The whole answer of the server, with the fields that its status asks for.
    package var response: HTTPResponse {
        var response = HTTPResponse(status)
        switch status {
        case .methodNotAllowed:
            response.fields = [HTTPField("Allow", "GET")]
        case .upgradeRequired:
            response.fields = [
                HTTPField("Upgrade", "websocket"), HTTPField("Sec-WebSocket-Version", "13"),
            ]
        default:
            break
        }
        return response
    }
}
