import Testing

@testable import Primitives

@Suite("SPEC §4: self-test at start-up")
struct SelfTestTests {
    @Test("PR-9 the known-answer tests pass on this machine")
    func passes() throws {
        try SelfTest.run()
    }

    @Test("PR-9 every wrong answer is noticed and names its function")
    func noticesEachAnswer() {
        func check(
            _ field: WritableKeyPath<KnownAnswers, String>, _ failure: SelfTestError,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            var table = KnownAnswers()
            let last = table[keyPath: field].removeLast()
            table[keyPath: field].append(last == "0" ? "1" : "0")
            #expect(throws: failure, sourceLocation: sourceLocation) {
                try SelfTest.run(table: table)
            }
        }
        check(\.sha256, .sha256)
        check(\.sha512, .sha512)
        check(\.hmac, .hmac)
        check(\.hkdf, .hkdf)
        check(\.chaChaPoly, .chaChaPoly)
        check(\.xChaChaPoly, .xChaChaPoly)
        check(\.secretStream, .secretStream)
        check(\.x25519Peer, .x25519)
        check(\.x25519Shared, .x25519)
        check(\.ed25519Seed, .ed25519)
        check(\.ed25519Signature, .ed25519)
        check(\.mlKEM, .mlKEM)
        check(\.argon2id, .argon2id)
    }
}
