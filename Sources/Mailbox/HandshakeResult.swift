package import Channel
package import Primitives

/// The server's half of a channel handshake, computed on the crypto thread.
///
/// Moves to the connection's loop by way of a `OneShot`, so that the keys have one owner.
package struct HandshakeResult: ~Copyable, Sendable {
    /// The answer to the client.
    package let answer: [UInt8]
    /// What attaches on this channel sign.
    package let handshakeHash: FixedBytes<32>
    /// The channel.
    package let channel: NoiseTransport

    /// Takes the parts of a response.
    init(_ response: consuming ChannelHandshake.Response) {
        answer = response.message
        handshakeHash = response.transport.handshakeHash
        channel = response.takeTransport()
    }
}
