/// The ratchet of both sides once more from its formulas. Chains alternate between the two sides, so
/// one list of root steps is the state of both: step k belongs to the initiator when k is even.
///
/// - SPEC: §6.2 … §6.4
package struct RatchetTrace {
    /// One root step and the chain it began.
    package struct Step {
        package let dh: [UInt8]
        package let root: [UInt8]
        package var chain: [UInt8]
        package let headerKey: [UInt8]
        package let nextHeaderKey: [UInt8]
        package let frameKey: [UInt8]
        package let privateKey: [UInt8]
        package let epoch: UInt32
        package let publicKey: [UInt8]
        let kem: KEMTrace.Secret?
        package var count: UInt32 = 0
    }

    /// What a forge may change in a message.
    package struct Changes {
        package var header: ([UInt8]) -> [UInt8] = { $0 }
        package var block: ([UInt8]) -> [UInt8] = { $0 }
        package init() {}
    }

    /// A sealed message and what it was made with.
    package struct Sealed {
        package let envelope: [UInt8]
        package let json: JSONValue
    }

    package let sessionID: [UInt8]
    package private(set) var steps: [Step]
    private let prefix: [UInt8]
    private let headerKeys: [[UInt8]]
    // By side: the number, link and tag of the last message.
    private var numbers: [UInt64] = [0, 0]
    private var links: [[UInt8]]
    private var tags = [Derive.zeros(16), Derive.zeros(16)]
    // By side: the KEM step, and whether the last chain still goes on.
    private var kem = [KEMTrace(side: 0, epoch: 0), KEMTrace(side: 1, epoch: 0)]
    private var hasChain = [true, false]

    /// H6: the initiator's first chain.
    package init(_ handshake: HandshakeTrace, signedPreKey: [UInt8], ratchetKey: [UInt8]) throws {
        sessionID = handshake.sessionID
        prefix = handshake.prefix
        headerKeys = [handshake.headerKeyI, handshake.headerKeyR]
        links = [sessionID, sessionID]
        steps = []
        try turn(root: handshake.root, privateKey: ratchetKey, peer: signedPreKey, epoch: 0, nil)
    }

    private mutating func turn(
        root: [UInt8], privateKey: [UInt8], peer: [UInt8], epoch: UInt32, _ kem: KEMTrace.Secret?
    ) throws {
        let dh = try Derive.x25519(privateKey, peer)
        let input = dh + (kem.map { $0.secret + $0.binding } ?? [])
        let out = Derive.hkdf(
            root, input, Derive.ascii("postern/1 ratchet root") + Derive.big(epoch), 128)
        let index = steps.count
        steps.append(
            Step(
                dh: dh, root: Array(out[..<32]), chain: Array(out[32..<64]),
                headerKey: index < 2 ? headerKeys[index] : steps[index - 2].nextHeaderKey,
                nextHeaderKey: Array(out[64..<96]), frameKey: Array(out[96...]),
                privateKey: privateKey, epoch: epoch,
                publicKey: Derive.x25519Public(privateKey), kem: kem))
    }

    /// What the next message of a side draws besides its nonce: a ratchet key, and for the KEM.
    package func draws(by side: Int) -> (key: Bool, kem: KEMTrace.Draw) {
        let begins = !hasChain[side]
        return (begins, begins && kem[side].decapsulated() != nil ? .none : kem[side].draw)
    }

    /// Secrets of the KEM in a side's root key.
    package func epoch(of side: Int) -> UInt32 { kem[side].epoch }

    /// What a side learns from the header of a message that has opened: the chunk, and which chain
    /// it is in.
    package mutating func opened(_ envelope: [UInt8], by side: Int) throws {
        let start = envelope.starts(with: prefix) ? prefix.count : 1
        let nonce = Array(envelope[start..<start + 24])
        let box = Array(envelope[start + 24..<start + 326])
        for index in steps.indices.reversed() where index % 2 != side {
            guard
                let header = Derive.xaeadOpen(
                    steps[index].headerKey, nonce, sessionID + [UInt8(1 - side)], box)
            else { continue }
            kem[side].take(Array(header[44...]), epoch: steps[index].epoch)
            guard !steps.indices.contains(where: { $0 > index && $0 % 2 == side }) else { return }
            hasChain[side] = false
            if steps[index].epoch != kem[side].epoch {
                kem[side] = KEMTrace(side: side, epoch: steps[index].epoch)
            }
            return
        }
        throw VectorProblem.disagreement("which chain it is")
    }

    /// Seals as a side does.
    ///
    /// - Parameters:
    ///   - newKey: the private ratchet key with which a chain begins, nil in the same chain.
    ///   - random: 64 bytes that an ML-KEM key is made from, or with 32 of them a ciphertext.
    ///   - isFirst: behind the prefix of a first message.
    package mutating func seal(
        _ content: [UInt8], by side: Int, newKey: [UInt8]?, nonce: [UInt8],
        random: [UInt8], isFirst: Bool, changes: Changes = Changes()
    ) throws -> Sealed {
        if let newKey {
            guard let last = steps.last, steps.count % 2 == side else {
                throw VectorProblem.disagreement("whose turn it is")
            }
            let secret = kem[side].decapsulated()
            let epoch = kem[side].epoch + (secret == nil ? 0 : 1)
            try turn(
                root: last.root, privateKey: newKey, peer: last.publicKey, epoch: epoch, secret)
            if secret != nil { kem[side] = KEMTrace(side: side, epoch: epoch) }
            hasChain[side] = true
        }
        guard let index = steps.indices.last(where: { $0 % 2 == side }) else {
            throw VectorProblem.disagreement("a chain")
        }
        let data = sessionID + [UInt8(side)]
        let messageKey = Derive.hmac(steps[index].chain, [1])
        let previous = index < 2 ? 0 : steps[index - 2].count
        let draw = kem[side].draw
        let field = try kem[side].field(random: random)
        let header = changes.header(
            steps[index].publicKey + Derive.big(previous) + Derive.big(steps[index].count)
                + Derive.big(steps[index].epoch) + field)
        steps[index].chain = Derive.hmac(steps[index].chain, [2])
        steps[index].count += 1
        let sealedHeader = Derive.xaead(steps[index].headerKey, nonce, data, header)
        numbers[side] += 1
        links[side] = Derive.sha256(links[side] + Derive.big(numbers[side]) + tags[side])
        let block = Derive.big(numbers[side]) + links[side] + content + [0x80]
        let head = isFirst ? prefix : [0]
        let fixed = head.count + 24 + 302 + 16
        guard
            let size = isFirst
                ? 4096 : [1024, 4096, 16384].first(where: { $0 >= fixed + block.count }),
            size >= fixed + block.count
        else { throw VectorProblem.disagreement("size") }
        let padded = changes.block(block + Derive.zeros(size - fixed - block.count))
        let body = Derive.aead(
            messageKey, Array(nonce[..<12]), data + nonce + sealedHeader, padded)
        tags[side] = Array(body.suffix(16))
        var json: JSONValue = [
            "header key": .hex(steps[index].headerKey), "header block": .hex(header),
            "message key": .hex(messageKey), "link": .hex(links[side]),
        ]
        if newKey != nil {
            json = json.with("root step", Self.json(steps[index], messageKey: messageKey))
        }
        if draw == .encapsulation, let made = kem[side].encapsulated {
            json = json.with("encapsulation", Self.json(made))
        }
        return Sealed(envelope: head + nonce + sealedHeader + body, json: json)
    }

    /// What the root step gave; the chain key is shown as it is behind the first message.
    private static func json(_ step: Step, messageKey: [UInt8]) -> JSONValue {
        let json: JSONValue = [
            "ratchet key": .hex(step.publicKey), "dh": .hex(step.dh), "root key": .hex(step.root),
            "chain key'": .hex(step.chain), "next header key": .hex(step.nextHeaderKey),
            "frame key": .hex(step.frameKey), "epoch": .whole(step.epoch),
        ]
        return step.kem.map { json.with("kem", Self.json($0)) } ?? json
    }

    private static func json(_ kem: KEMTrace.Secret) -> JSONValue {
        ["secret": .hex(kem.secret), "binding": .hex(kem.binding)]
    }

    /// The frame keys of the other side's chains, newest first: a side seals frames under the one of
    /// the last ratchet key that it has received.
    package func frameKeys(forSealingBy side: Int) -> [[UInt8]] {
        steps.indices.reversed().filter { $0 % 2 != side }.map { steps[$0].frameKey }
    }
}
