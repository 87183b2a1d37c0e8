import Foundation
import Platform
import Primitives
import Testing

@testable import Client

@Suite("§10.7 recovery phrase and passphrase")
struct RecoveryPhraseTests {
    @Test("CL-34 a phrase has 14 groups of four and is read back, however it is spaced")
    func roundTrip() throws {
        var random = SeededRandom(7)
        let phrase = RecoveryPhrase(from: &random)
        let text = phrase.withText { $0 }
        let groups = text.split(separator: " ")
        #expect(groups.count == 14 && groups.allSatisfy { $0.count == 4 })
        for typed in [
            text, groups.joined(), groups.joined(separator: "-"), groups.joined(separator: "\n"),
        ] {
            let again = try RecoveryPhrase(typed: typed)
            let isSame = again.seed.isEqual(to: phrase.seed)
            #expect(isSame)
        }
    }

    @Test("CL-34 one wrong, missing or further character is refused")
    func refused() throws {
        var random = SeededRandom(8)
        let text = RecoveryPhrase(from: &random).withText { $0.filter { $0 != " " } }
        for index in text.indices {
            var wrong = text
            wrong.replaceSubrange(index...index, with: text[index] == "a" ? "b" : "a")
            #expect(throws: ClientError.recoveryPhraseInvalid) {
                _ = try RecoveryPhrase(typed: wrong)
            }
        }
        for wrong in ["", String(text.dropLast()), text + "a", text.uppercased(), text + "ü"] {
            #expect(throws: ClientError.recoveryPhraseInvalid) {
                _ = try RecoveryPhrase(typed: wrong)
            }
        }
    }

    @Test("a passphrase has 1 to 1,024 bytes without its line break, and the array is wiped")
    func passphrase() throws {
        var bytes = Array("secret words\r\n".utf8)
        let passphrase = try Passphrase(&bytes)
        #expect(bytes.allSatisfy { $0 == 0 })
        let expected = Array("secret words".utf8)
        let isSame = passphrase.secret.isEqual(to: expected.raw)
        #expect(isSame)
        for count in [0, 1_025] {
            var bytes = [UInt8](repeating: 0x61, count: count)
            #expect(throws: ClientError.passphraseUnusable) { _ = try Passphrase(&bytes) }
        }
        var longest = [UInt8](repeating: 0x61, count: 1_024)
        _ = try Passphrase(&longest)
    }

    @Test("a home is chosen by option, then POSTERN_HOME, then XDG_DATA_HOME, then HOME")
    func homes() {
        let environment = ["POSTERN_HOME": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"]
        #expect(ClientHome.choose(option: "/x", environment: environment)?.path == "/x")
        #expect(ClientHome.choose(option: nil, environment: environment)?.path == "/a")
        #expect(
            ClientHome.choose(option: nil, environment: ["XDG_DATA_HOME": "/b"])?.path
                == "/b/postern")
        #expect(
            ClientHome.choose(option: nil, environment: ["HOME": "/c", "POSTERN_HOME": ""])?.path
                == "/c/.local/share/postern")
        #expect(ClientHome.choose(option: nil, environment: [:]) == nil)
    }
}

@Suite("§10.7 home folder")
struct ClientHomeTests {
    @Test("CL-24 CL-25 a home is made private, refused when it is not, and locked once")
    func safety() throws {
        let folder = try TemporaryFolder()
        let home = ClientHome(path: folder.path + "/a/b")
        #expect(try home.hasVault() == false)
        try home.makeFolder()
        #expect(try home.hasVault() == false)
        do {
            let lock = try home.lock()
            #expect(throws: ClientError.vaultInUse) { _ = try home.lock() }
            let clock = SystemClock()
            let start = clock.monotonicMilliseconds
            #expect(throws: ClientError.vaultInUse) {
                _ = try home.lock(patienceMilliseconds: 60, clock: clock)
            }
            #expect(clock.monotonicMilliseconds - start >= 60)
            _ = lock
        }
        _ = try home.lock()
        try setMode(home.path, 0o750)
        #expect(throws: ClientError.unsafeMode(.home, mode: 0o750)) { try home.hasVault() }
        #expect(throws: ClientError.unsafeMode(.home, mode: 0o750)) { try home.makeFolder() }
        try setMode(home.path, 0o700)
        try Data([1]).write(to: URL(fileURLWithPath: home.vaultPath))
        try setMode(home.vaultPath, 0o644)
        #expect(throws: ClientError.unsafeMode(.vault, mode: 0o644)) { try home.hasVault() }
        try setMode(home.vaultPath, 0o600)
        #expect(try home.hasVault())
        try FileManager.default.removeItem(atPath: home.vaultPath)
        try FileManager.default.createSymbolicLink(
            atPath: home.vaultPath, withDestinationPath: "/etc/passwd")
        #expect(throws: ClientError.unsafeOwnerOrKind(.vault)) { try home.hasVault() }
    }

    private func setMode(_ path: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
}
