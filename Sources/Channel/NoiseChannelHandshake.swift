package import Primitives

/// The handshake of the channel: the server proves the key that the address pins, the client stays
/// anonymous, and both prove that they saw the same offer and choice of versions.
///
/// What is recorded stays closed to whoever later learns the server's key, or can undo X25519, or
/// ML-KEM, but not both of the latter.
///
/// - SPEC: §11.2, CH-20, CH-21, CH-28
package enum ChannelHandshake {
    /// Bytes of the first message, from the client: ephemeral key 32, encapsulation key 1,184 and
    /// its tag 16, tag 16.
    package static let firstMessageByteCount = 1_248
    /// Bytes of the second message, from the server: ephemeral key 32, ciphertext of the KEM 1,088
    /// and its tag 16, tag 16.
    package static let secondMessageByteCount = 1_152

    /// The pattern; its name is part of what both sides hash.
    static let pattern = NoisePattern.nkHFS

    /// What the two sides must agree on before they speak: the subprotocols that the client offered,
    /// exactly as the field's value was sent, and the server's choice.
    package struct Versions: Hashable, Sendable {
        /// The value of Sec-WebSocket-Protocol in the request, without white space around it.
        package let offer: String
        /// The value of Sec-WebSocket-Protocol in the answer.
        package let choice: String

        /// What stood in request and answer.
        package init(offer: String, choice: String) {
            self.offer = offer
            self.choice = choice
        }

        /// The Noise prologue: label, offer and choice, each after its length in two bytes.
        ///
        /// CH-21
        var prologue: [UInt8] {
            var bytes: [UInt8] = []
            for text in ["postern/1 channel", offer, choice] {
                let utf8 = [UInt8](text.utf8)
                // A head holds at most 8,192 bytes, so no value comes near the limit.
                precondition(utf8.count <= Int(UInt16.max), "a subprotocol offer beyond any head")
                bytes.append(bigEndian: UInt16(utf8.count))
                bytes.append(contentsOf: utf8)
            }
            return bytes
        }
    }

    /// The server's answer and what it leads to.
    package struct Response: ~Copyable, Sendable {
        /// The second message, `secondMessageByteCount` bytes, to be sent as it is.
        package let message: [UInt8]
        /// The channel, ready for the server's first frame.
        package var transport: NoiseTransport

        fileprivate init(message: [UInt8], transport: consuming NoiseTransport) {
            self.message = message
            self.transport = transport
        }

        /// Gives up the message for the channel.
        package consuming func takeTransport() -> NoiseTransport { transport }
    }

    /// The server's whole part: reads the first message and makes the second. Nothing is kept of a
    /// handshake that fails, and the server holds no state between its two messages.
    ///
    /// Three multiplications and an encapsulation, about 210 µs; a message that was not made for
    /// this key costs one multiplication. Draws 32 bytes of `random` for the ephemeral key, then 32
    /// for the encapsulation, and none of them for a message that it refuses.
    ///
    /// - Throws: `messageLength`, `publicKey`, `encapsulationKey`, `zeroSharedSecret` or
    ///   `authentication`; the connection is to be closed without an answer (CH-23).
    package static func respond(
        to firstMessage: RawSpan, staticKey: borrowing X25519KeyPair, versions: Versions,
        from random: inout some RandomSource
    ) throws(NoiseError) -> Response {
        guard firstMessage.byteCount == firstMessageByteCount else {
            throw .messageLength(byteCount: firstMessage.byteCount)  // CH-20
        }
        let prologue = versions.prologue
        var handshake = try NoiseHandshake(
            pattern, role: .responder, prologue: prologue.raw, staticKey: staticKey.duplicate())
        let payload = try handshake.read(firstMessage)
        guard payload.isEmpty else { throw .unexpectedPayload(byteCount: payload.count) }
        let message = try handshake.write(payload: RawSpan(), from: &random)
        return Response(message: message, transport: try handshake.finish())
    }

    /// The client's part, between its message and the server's.
    package struct Initiator: ~Copyable, Sendable {
        /// The first message, `firstMessageByteCount` bytes, to be sent as it is.
        package let message: [UInt8]
        private var handshake: NoiseHandshake

        /// Makes the first message. Draws 32 bytes of `random` for the ephemeral key, then 64 for
        /// the key pair of the KEM, whose private half dies with this value.
        ///
        /// - Throws: `zeroSharedSecret`, which a parsed server key does not lead to.
        package init(
            serverKey: X25519PublicKey, versions: Versions, from random: inout some RandomSource
        ) throws(NoiseError) {
            let prologue = versions.prologue
            var handshake = try NoiseHandshake(
                pattern, role: .initiator, prologue: prologue.raw, remoteStaticKey: serverKey)
            message = try handshake.write(payload: RawSpan(), from: &random)
            self.handshake = handshake
        }

        /// Reads the second message and gives the channel.
        ///
        /// - Throws: `messageLength`, `publicKey`, `zeroSharedSecret`, or `authentication`: the
        ///   server does not hold the pinned key, saw another offer or choice, or its ciphertext
        ///   was not made for our key.
        package consuming func finish(
            reading secondMessage: RawSpan
        ) throws(NoiseError) -> NoiseTransport {
            guard secondMessage.byteCount == secondMessageByteCount else {
                throw .messageLength(byteCount: secondMessage.byteCount)  // CH-20
            }
            let payload = try handshake.read(secondMessage)
            guard payload.isEmpty else { throw .unexpectedPayload(byteCount: payload.count) }
            return try handshake.finish()
        }
    }
}
