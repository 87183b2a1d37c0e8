import Channel
import Primitives

let headLimits = HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64)

/// What a server makes of the bytes of a connection, in one piece or cut at `cuts`.
func read(
    _ bytes: [UInt8], limits: HTTPLimits = headLimits, cuts: [Int] = []
) -> Result<HTTPRequestHead?, HTTPError> {
    var reader = HTTPRequestReader(limits: limits)
    var head: HTTPRequestHead?
    for end in cuts + [bytes.count] where head == nil {
        do throws(HTTPError) {
            head = try reader.receive(bytes.raw.extracting(first: end))
        } catch {
            return .failure(error)
        }
    }
    return .success(head)
}

/// Why a server refuses a request; nil if it does not.
func refusal(_ text: String, limits: HTTPLimits = headLimits) -> HTTPError? {
    refusal(Array(text.utf8), limits: limits)
}

/// As above, for bytes that are no text.
func refusal(_ bytes: [UInt8], limits: HTTPLimits = headLimits) -> HTTPError? {
    if case .failure(let error) = read(bytes, limits: limits) { error } else { nil }
}

/// The request of RFC 6455 section 1.3 without its Origin, in lines that a test may change.
let upgradeLines = [
    "GET / HTTP/1.1", "Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: postern.v1",
    "Sec-WebSocket-Version: 13",
]

/// A head of these lines.
func head(_ lines: [String]) -> String { lines.joined(separator: "\r\n") + "\r\n\r\n" }

/// `upgradeLines` with the line of field `name` replaced by `lines`.
func upgradeHead(replacing name: String, by lines: [String]) -> String {
    head(upgradeLines.flatMap { $0.hasPrefix(name + ":") ? lines : [$0] })
}

/// What the server answers to a whole request: the upgrade, or why not.
func upgrade(
    _ text: String,
    policy: WebSocketUpgradePolicy = WebSocketUpgradePolicy(
        allowedOrigins: ["https://app.example"], subprotocols: ["postern.v1"])
) -> Result<WebSocketUpgrade, HTTPError> {
    do throws(HTTPError) {
        var reader = HTTPRequestReader(limits: headLimits)
        let bytes = Array(text.utf8)
        guard let head = try reader.receive(bytes.raw) else { return .failure(.badRequestLine) }
        return .success(try WebSocketUpgrade(answering: head, policy: policy))
    } catch {
        return .failure(error)
    }
}
