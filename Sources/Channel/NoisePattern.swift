/// One step of a message pattern (Noise section 7.1; the two of the KEM: hfs extension section 4).
package enum NoiseToken: String, Sendable {
    /// Sends the ephemeral key.
    case e
    /// Sends the static key, encrypted once there is a key.
    case s
    /// Agrees with both ephemeral keys.
    case ee
    /// Agrees with the initiator's ephemeral and the responder's static key.
    case es
    /// Agrees with the initiator's static and the responder's ephemeral key.
    case se
    /// Agrees with both static keys.
    case ss
    /// Sends a public key of the KEM, encrypted once there is a key.
    case e1
    /// Encapsulates for the other side's key of the KEM and sends the ciphertext, encrypted once
    /// there is a key; its secret is mixed in after that.
    case ekem1
}

/// A handshake pattern without pre-shared keys (Noise revision 34, sections 7.4, 7.5 and 18.1), or
/// one of them with hybrid forward secrecy (hfs extension, revision 1, section 5).
package struct NoisePattern: Sendable {
    /// The name as it stands in a protocol name, such as "NK".
    package let name: String
    /// The initiator's static key is known to the responder beforehand.
    package let initiatorStaticIsKnown: Bool
    /// The responder's static key is known to the initiator beforehand.
    package let responderStaticIsKnown: Bool
    /// The messages in turn, the initiator's first.
    package let messages: [[NoiseToken]]

    /// The whole protocol name (Noise section 8). The KEM stands behind the DH function's name.
    package var protocolName: String {
        "Noise_\(name)_25519\(isHybrid ? "+MLKEM768" : "")_ChaChaPoly_SHA256"
    }

    /// Whether a KEM takes part.
    package var isHybrid: Bool { messages.contains { $0.contains(.e1) } }

    /// The classical pattern of a name, or nil.
    package static func named(_ name: String) -> NoisePattern? {
        classical.first { $0.name == name }
    }

    /// The client is anonymous and knows the server's key; a KEM beside the agreements keeps what
    /// was recorded closed to whoever can undo them later. The pattern of the channel.
    ///
    /// - SPEC: §11.2, CH-20
    package static let nkHFS = NoisePattern("NKhfs", known: "r", "e es e1, e ee ekem1")

    /// The same without the KEM.
    package static let nk = NoisePattern("NK", known: "r", "e es, e ee")

    /// Every pattern that the engine is run with.
    package static let all: [NoisePattern] = classical + [nkHFS]

    /// One-way, interactive and deferred patterns without a KEM.
    package static let classical: [NoisePattern] = [
        NoisePattern("N", known: "r", "e es"),
        NoisePattern("K", known: "ir", "e es ss"),
        NoisePattern("X", known: "r", "e es s ss"),

        NoisePattern("NN", known: "", "e, e ee"),
        nk,
        NoisePattern("NX", known: "", "e, e ee s es"),
        NoisePattern("KN", known: "i", "e, e ee se"),
        NoisePattern("KK", known: "ir", "e es ss, e ee se"),
        NoisePattern("KX", known: "i", "e, e ee se s es"),
        NoisePattern("XN", known: "", "e, e ee, s se"),
        NoisePattern("XK", known: "r", "e es, e ee, s se"),
        NoisePattern("XX", known: "", "e, e ee s es, s se"),
        NoisePattern("IN", known: "", "e s, e ee se"),
        NoisePattern("IK", known: "r", "e es s ss, e ee se"),
        NoisePattern("IX", known: "", "e s, e ee se s es"),

        NoisePattern("NK1", known: "r", "e, e ee es"),
        NoisePattern("NX1", known: "", "e, e ee s, es"),
        NoisePattern("X1N", known: "", "e, e ee, s, se"),
        NoisePattern("X1K", known: "r", "e es, e ee, s, se"),
        NoisePattern("XK1", known: "r", "e, e ee es, s se"),
        NoisePattern("X1K1", known: "r", "e, e ee es, s, se"),
        NoisePattern("X1X", known: "", "e, e ee s es, s, se"),
        NoisePattern("XX1", known: "", "e, e ee s, es s se"),
        NoisePattern("X1X1", known: "", "e, e ee s, es s, se"),
        NoisePattern("K1N", known: "i", "e, e ee, se"),
        NoisePattern("K1K", known: "ir", "e es, e ee, se"),
        NoisePattern("KK1", known: "ir", "e, e ee se es"),
        NoisePattern("K1K1", known: "ir", "e, e ee es, se"),
        NoisePattern("K1X", known: "i", "e, e ee s es, se"),
        NoisePattern("KX1", known: "i", "e, e ee se s, es"),
        NoisePattern("K1X1", known: "i", "e, e ee s, se es"),
        NoisePattern("I1N", known: "", "e s, e ee, se"),
        NoisePattern("I1K", known: "r", "e es s, e ee, se"),
        NoisePattern("IK1", known: "r", "e s, e ee se es"),
        NoisePattern("I1K1", known: "r", "e s, e ee es, se"),
        NoisePattern("I1X", known: "", "e s, e ee s es, se"),
        NoisePattern("IX1", known: "", "e s, e ee se s, es"),
        NoisePattern("I1X1", known: "", "e s, e ee s, se es"),
    ]

    /// `known` has the letters of the sides whose static key is a pre-message; messages are parted
    /// by commas, tokens by spaces.
    private init(_ name: String, known: String, _ messages: String) {
        self.name = name
        initiatorStaticIsKnown = known.contains("i")
        responderStaticIsKnown = known.contains("r")
        self.messages = messages.split(separator: ",").map { message in
            message.split(separator: " ").map { text in
                guard let token = NoiseToken(rawValue: String(text)) else {
                    preconditionFailure("a pattern of this table has an unknown token")
                }
                return token
            }
        }
    }

    /// One-way patterns have one message; only the initiator may write afterwards.
    package var isOneWay: Bool { messages.count == 1 }
}
