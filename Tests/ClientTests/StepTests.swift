import Foundation
import Primitives
import Testing
import Wire

@testable import Client

/// A home with a new vault that opens without a passphrase, as `init` leaves it.
private struct Home {
    let folder: TemporaryFolder
    let home: ClientHome

    init() throws {
        folder = try TemporaryFolder()
        home = ClientHome(path: folder.path + "/home")
        try home.makeFolder()
        try make()
    }

    func make() throws {
        var random = SystemRandom()
        let server = try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, host: try Host("127.0.0.1"))
        var writes = Engine.firstWrites(
            server: server, signingKey: Ed25519KeyPair.generate(from: &random).publicKey,
            recoverySeed: SecretBytes(byteCount: 32, from: &random), random: &random,
            now: Moment(wall: 1_800_000_000_000, monotonic: 0))
        _ = try home.makeVault(passphrase: nil, wiping: &writes)
        #expect(writes.isEmpty)
    }

    func open() throws -> PosternClient {
        try PosternClient.open(home: home, access: .write, passphrase: nil)
    }

    /// The names of all files.
    func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: home.path).sorted()
    }

    func move(_ path: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: path, toPath: other)
    }
}

@Suite("§10.7 steps of a client")
struct StepTests {
    private static let row: [UInt8] = [0xFE]

    @Test("CL-3 a step that ends in the middle commits nothing, then or later")
    func half() throws {
        for error in [ClientError.vaultCorrupt, .unknownContact] {
            let home = try Home()
            do {
                let client = try home.open()
                #expect(throws: error) {
                    try client.step { engine throws(ClientError) in
                        engine.transaction.put(.state, key: Self.row, value: [1])
                        throw error
                    }
                }
                // The client is of no further use; nothing of it reaches the vault.
                #expect(throws: error) { try client.setSetting("receipts", to: "off") }
                #expect(throws: error) { _ = try client.settings() }
            }
            let client = try home.open()
            try client.step { engine throws(ClientError) in
                guard try engine.transaction.value(.state, key: Self.row) == nil else {
                    throw .internalFault(line: #line)
                }
            }
        }
    }

    @Test("A refusal leaves the client as it was")
    func refusal() throws {
        let client = try Home().open()
        #expect(throws: ClientError.unknownContact) {
            _ = try client.send("to nobody", to: ["me", "nobody"])
        }
        #expect(throws: ClientError.unknownContact) { _ = try client.send("x", to: []) }
        #expect(try client.send("a note", to: ["me"]).count == 1)
        #expect(try client.history(of: "me", limit: 9, before: nil).count == 1)
    }
}

@Suite("§10.7 making a vault")
struct MakingTests {
    private static let whole = ["vault.db", "vault.key"]

    @Test("CL-44 a vault is made anew over what an earlier program has left unfinished")
    func leftovers() throws {
        // Nothing but the names; the names with something in them; a whole one with its key moved.
        for contents in [Data(), Data([1, 2, 3])] {
            let made = try Home()
            for name in Self.whole {
                try FileManager.default.removeItem(atPath: made.home.path + "/\(name)")
            }
            for ending in ["", "-wal", "-shm", "-journal"] {
                try contents.write(to: URL(filePath: made.home.newVaultPath + ending))
            }
            try contents.write(to: URL(filePath: made.home.newKeyPath))
            #expect(try made.home.hasVault() == false)
            try made.make()
            #expect(try made.files().filter { $0 != "lock" } == Self.whole)
            _ = try made.open()
        }
        let made = try Home()
        try made.move(made.home.vaultPath, to: made.home.newVaultPath)
        try made.make()
        #expect(try made.files().filter { $0 != "lock" } == Self.whole)
        _ = try made.open()
    }

    @Test("CL-44 the key of a vault that was put elsewhere is neither removed nor written over")
    func foreignKey() throws {
        let made = try Home()
        let key = try Data(contentsOf: URL(filePath: made.home.keyPath))
        let elsewhere = made.folder.path + "/elsewhere"
        try made.move(made.home.vaultPath, to: elsewhere)
        #expect(throws: ClientError.vaultExists) { try made.make() }
        try Data([1]).write(to: URL(filePath: made.home.newVaultPath))
        #expect(throws: ClientError.vaultExists) { try made.make() }
        made.home.removeVault()
        #expect(try Data(contentsOf: URL(filePath: made.home.keyPath)) == key)
        try made.move(elsewhere, to: made.home.vaultPath)
        _ = try made.open()
    }
}
