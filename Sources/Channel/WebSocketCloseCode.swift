/// A status code of the closing handshake (RFC 6455 section 7.4).
package struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16

    /// A code with any number; `isAllowed` says whether it may be sent.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The purpose of the connection is fulfilled.
    package static let normal = Self(rawValue: 1000)
    /// The endpoint goes away: a server that stops, a client that leaves.
    package static let goingAway = Self(rawValue: 1001)
    /// The peer violated the protocol.
    package static let protocolError = Self(rawValue: 1002)
    /// The peer sent a kind of data that is not taken here.
    package static let unsupportedData = Self(rawValue: 1003)
    /// A text message is not UTF-8.
    package static let invalidData = Self(rawValue: 1007)
    /// The peer violated a policy that no other code names.
    package static let policyViolation = Self(rawValue: 1008)
    /// A message is too big.
    package static let messageTooBig = Self(rawValue: 1009)
    /// The server met something that it did not expect.
    package static let internalError = Self(rawValue: 1011)
    /// The server is overloaded; the client may come again later.
    package static let tryAgainLater = Self(rawValue: 1013)

    /// Whether the code may stand in a Close frame: those of RFC 6455 that are meant for the wire,
    /// those registered since (1012 to 1014), and the ranges for libraries and applications.
    /// - SPEC: §11.1, CH-17
    package var isAllowed: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
