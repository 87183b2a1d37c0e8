internal import Crypto
internal import Primitives
internal import Wire

/// The handshake once more from its formulas, with every intermediate value; also the forge of first
/// messages that no honest initiator makes.
///
/// - SPEC: §5.3
package struct HandshakeTrace {
    /// Size and version of the outer block's own fields, which a forge may change.
    package struct Changes {
        /// Takes the place of the outer block.
        package var outer: ([UInt8]) -> [UInt8] = { $0 }
        /// Takes the place of the inner block.
        package var inner: ([UInt8]) -> [UInt8] = { $0 }
        /// Nothing changed.
        package init() {}
    }

    package let dh1: [UInt8]
    package let outerKey: [UInt8]
    package let dh2: [UInt8]
    package let dh3: [UInt8]
    package let kem: [UInt8]
    package let context: [UInt8]
    package let innerKey: [UInt8]
    package let innerBlock: [UInt8]
    package let prefix: [UInt8]
    package let sessionID: [UInt8]
    package let dh4: [UInt8]
    package let root: [UInt8]
    package let headerKeyI: [UInt8]
    package let headerKeyR: [UInt8]

    /// - Parameters:
    ///   - ephemeral: private half of `EK`.
    ///   - coin: its top bit becomes the one of `EKsent`.
    ///   - kemMessage: what the KEM's secret is made from.
    package init(
        from initiator: VectorPerson, to recipient: VectorPerson, type: UInt8, withOneTime: Bool,
        extensions: [UInt8], ephemeral: [UInt8], coin: UInt8, kemMessage: [UInt8],
        changes: Changes = Changes()
    ) throws {
        let signed = recipient.signedPreKey.publicKey.bytes.array
        let oneTime = recipient.oneTimePreKey.publicKey.bytes.array
        let kemPreKey = withOneTime ? recipient.oneTimeKEM : recipient.lastResortKEM
        let bound =
            recipient.account.publicKey.bytes.array + recipient.certificate.bytes[..<68]
            + Derive.big(recipient.signedPreKeyID) + signed
            + (withOneTime
                ? Derive.big(recipient.oneTimePreKeyID) + oneTime : Derive.zeros(36))
            + Derive.big(kemPreKey.id) + kemPreKey.key.bytes.array
        let encapsulation = try Derive.encapsulate(
            to: kemPreKey.key.bytes.array, message: kemMessage)
        kem = encapsulation.secret
        var sent = Derive.x25519Public(ephemeral)
        sent[31] |= coin & 0x80
        innerBlock = changes.inner(
            Self.inner(initiator, type: type, extensions: extensions))
        dh1 = try Derive.x25519(ephemeral, signed)
        outerKey = Derive.hkdf(
            Derive.zeros(32), dh1, Derive.ascii("postern/1 handshake outer") + sent + signed, 32)
        let outerBlock = changes.outer(
            Derive.big(withOneTime ? recipient.oneTimePreKeyID : UInt32(0))
                + Derive.big(kemPreKey.id) + Derive.big(UInt16(innerBlock.count))
                + encapsulation.ciphertext)
        let sentCiphertext = Array(outerBlock.dropFirst(10))
        let opening =
            [0] + sent + Derive.aead(outerKey, Derive.zeros(12), [0] + sent, outerBlock)
        dh2 = try Derive.x25519(ephemeral, recipient.identity.publicKey.bytes.array)
        dh3 = withOneTime ? try Derive.x25519(ephemeral, oneTime) : Derive.zeros(32)
        let agreed = dh1 + dh2 + dh3 + kem
        context = Derive.sha256(
            Derive.ascii("postern/1 handshake context") + opening + bound + sentCiphertext)
        innerKey = Derive.hkdf(
            Derive.zeros(32), agreed, Derive.ascii("postern/1 handshake inner") + context, 32)
        prefix = opening + Derive.aead(innerKey, Derive.zeros(12), opening, innerBlock)
        sessionID = Derive.sha256(
            Derive.ascii("postern/1 handshake transcript") + prefix + innerBlock + bound
                + sentCiphertext)
        dh4 = try Derive.x25519(initiator.identitySecret, signed)
        let secret = Derive.hkdf(
            Derive.zeros(32), agreed + dh4,
            Derive.ascii("postern/1 handshake session") + sessionID, 96)
        root = Array(secret[..<32])
        headerKeyI = Array(secret[32..<64])
        headerKeyR = Array(secret[64...])
    }

    /// Section 5.2's table.
    private static func inner(
        _ person: VectorPerson, type: UInt8, extensions: [UInt8]
    ) -> [UInt8] {
        let handle = type == 1 ? [] : Derive.ascii(person.name)
        let host = Derive.ascii(person.server.hostAndPort)
        var block = [type] + person.account.publicKey.bytes.array + person.certificate.bytes
        block += [UInt8(handle.count)] + handle + Derive.zeros(32 - handle.count)
        block += person.server.key.bytes.array + [UInt8(host.count)] + host
        block += Derive.zeros(64 - host.count)
        block += person.chatReadKey.publicKey.bytes.array
        block += person.chatWriteSeed
        return block + Derive.zeros(2 + 104) + Derive.big(UInt16(extensions.count)) + extensions
    }

    var json: JSONValue {
        [
            "dh1": .hex(dh1), "outer key": .hex(outerKey), "dh2": .hex(dh2), "dh3": .hex(dh3),
            "KEM secret": .hex(kem), "context": .hex(context), "inner key": .hex(innerKey),
            "inner block": .hex(innerBlock), "prefix": .hex(prefix), "session": .hex(sessionID),
            "dh4": .hex(dh4), "root key": .hex(root), "header key I": .hex(headerKeyI),
            "header key R": .hex(headerKeyR),
        ]
    }
}
