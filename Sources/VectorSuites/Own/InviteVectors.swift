internal import Primitives
internal import Wire

/// Invites: what goes onto the server and into the link.
///
/// - SPEC: §9.6
enum InviteVectors {
    static let suite = OwnSuite(
        name: "invite", rules: "KD-12 KD-13 KD-14 KD-10", operations: ["seal": seal, "open": open])

    @Sendable private static func seal(_ input: VectorInput) throws -> JSONValue {
        let unverified = (record: try input.record("record"), bundle: try input.bundle("bundle"))
        let record = try unverified.record.verify()
        let bundle = try unverified.bundle.verify()
        let issued = try input.issued("issued")
        let issuedKEM = try input.issuedKEM("issued KEM")
        let preKeys = FetchedPreKeys(bundle: bundle.value, oneTime: issued, oneTimeKEM: issuedKEM)
        guard bundle.value.matches(record.value), preKeys.isWhole else {
            throw VectorProblem.member("parts that do not belong together")
        }
        let random: FixedBytes<32> = try input.fixed("random")
        let invite = Invite(
            random: random, record: record, oneTime: issued, oneTimeKEM: issuedKEM,
            bundle: bundle)
        let sealed = invite.seal()
        // The same from the formulas of the specification.
        let plaintext = invite.encoded
        let linkKey = Derive.sha256(Derive.ascii("postern/1 invite") + plaintext)
        let blobKey = Derive.hkdf([], linkKey, Derive.ascii("postern/1 link blob key"), 32)
        let blob = Derive.aead(blobKey, Derive.zeros(12), [], plaintext)
        guard sealed.blob == blob, sealed.linkKey.bytes.array == linkKey else {
            throw VectorProblem.disagreement("blob")
        }
        return [
            "link key": .hex(linkKey), "blob id": .hex(sealed.blobID), "blob key": .hex(blobKey),
            "blob": .hex(blob),
        ]
    }

    @Sendable private static func open(_ input: VectorInput) throws -> JSONValue {
        let blob = try input.bytes("blob")
        let linkKey = LinkKey(try input.fixed("link key"))
        let now = try input.moment("now")
        let invite = try Invite.open(blob.raw, with: linkKey)
        let found = try invite.verify(secondsSince1970: now)
        return [
            "random": .hex(invite.random), "handle": .string(found.record.value.handle?.text ?? ""),
            "account": .hex(found.record.value.account.bytes),
            "mailbox": .hex(invite.bundle.contents.contact.mailbox),
            "signed prekey": .hex(invite.bundle.contents.signedPreKey.bytes),
            "one-time prekey id": .whole(invite.oneTime?.preKey.id ?? 0),
            "KEM prekey id": .whole(found.preKeys.value.kemPreKey.id),
        ]
    }
}
