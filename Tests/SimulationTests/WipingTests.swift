import Channel
import Foundation
import Glibc
import Testing

@testable import Client
@testable import Primitives

/// A key that is looked for in the memory of the whole process, kept masked itself.
private struct KnownKey {
    private let masked: [UInt8]

    init(_ bytes: ArraySlice<UInt8>) { masked = bytes.map { $0 ^ 0xa5 } }

    /// How often the key lies in memory that can be written.
    func countInMemory() throws -> Int {
        let memory = unsafe open("/proc/self/mem", O_RDONLY)
        defer { close(memory) }
        try #require(memory >= 0)
        let blockByteCount = 1 << 20
        // Safe: it is read and written within its bounds, and freed at the end.
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: blockByteCount, alignment: 1)
        defer {
            unsafe block.initializeMemory(as: UInt8.self, repeating: 0)
            unsafe block.deallocate()
        }
        let own = UInt(bitPattern: block.baseAddress)
        var places: Set<UInt> = []
        for area in try Self.writableAreas() {
            var at = area.lowerBound
            while at < area.upperBound {
                let wanted = min(blockByteCount, Int(area.upperBound - at))
                let count = unsafe pread(memory, block.baseAddress, wanted, off_t(at))
                guard count > 0 else {
                    // Another thread has given this page back meanwhile.
                    at = (at | 4_095) + 1
                    continue
                }
                for offset in unsafe found(in: UnsafeRawBufferPointer(rebasing: block[..<count])) {
                    places.insert(at + UInt(offset))
                }
                // Overlapping, so that a key across two blocks is seen.
                at += UInt(count > 64 && at + UInt(count) < area.upperBound ? count - 32 : count)
            }
        }
        return places.filter { !(own..<own + UInt(blockByteCount)).contains($0) }.count
    }

    private func found(in block: UnsafeRawBufferPointer) -> [Int] {
        var found: [Int] = []
        guard let start = block.baseAddress else { return [] }
        var offset = 0
        // Safe: every access lies below the count.
        while offset + masked.count <= block.count,
            let next = unsafe memchr(
                start + offset, Int32(masked[0] ^ 0xa5), block.count - offset - masked.count + 1)
        {
            offset = unsafe UnsafeRawPointer(next) - start
            if masked.indices.allSatisfy({ unsafe block[offset + $0] ^ 0xa5 == masked[$0] }) {
                found.append(offset)
            }
            offset += 1
        }
        return found
    }

    private static func writableAreas() throws -> [Range<UInt>] {
        // Read to its end by hand: Foundation takes the first part of a long list for all of it.
        let list = unsafe open("/proc/self/maps", O_RDONLY)
        defer { close(list) }
        try #require(list >= 0)
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            // Safe: at most as much as there is room for.
            let count = unsafe part.withUnsafeMutableBytes { room in
                unsafe read(list, room.baseAddress, room.count)
            }
            try #require(count >= 0)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        let maps = String(decoding: bytes, as: UTF8.self)
        return maps.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, words[1].hasPrefix("rw") else { return nil }
            return ends[0]..<ends[1]
        }
    }
}

extension SimulatedClient {
    /// The chain key under which the only session writes next; the bytes read are wiped.
    fileprivate func sendingChainKey() throws -> KnownKey {
        let infos = try vault.rows(
            .session, group: SessionRecord.infoGroup, page: VaultPage())
        let id = try SessionRecord.decode(try #require(infos.first).value).id
        var state = try #require(try vault.value(.session, key: SessionRecord.stateKey(id)))
        defer { state.wipeBytes() }
        // Version, role, id and root key, then the flag of the sending chain and its key.
        try #require(state[66] == 1)
        return KnownKey(state[67..<99])
    }
}

extension SimulatedClient {
    /// The private prekeys of the vault; what was read is wiped.
    fileprivate func privatePreKeys() throws -> [[KnownKey]] {
        var rows = try vault.rows(.prekey)
        defer { for index in rows.indices { rows[index].wipe() } }
        // At the end of a row an X25519 key, the two halves of a KEM's seed, or all three.
        return rows.map { row in
            let count = PreKeyRecord.Kind(rawValue: row.value[1])?.secretByteCount ?? 0
            return stride(from: row.value.count - count, to: row.value.count, by: 32).map {
                KnownKey(row.value[$0..<$0 + 32])
            }
        }
    }
}

@Suite("§10.7 what is left in memory", .serialized)
struct WipingTests {
    @Test("B13 CL-38 a chain key that the ratchet has left is nowhere in memory")
    func chainKey() throws {
        // No other test has this seed: beside this one it would have the same keys in its memory.
        let world = try World(seed: 9_031, isInFiles: true)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        try alice.start()
        try bob.start()
        try bob.accept(try alice.invite(name: "bob"), name: "alice")
        try world.advance(milliseconds: 10_000)
        let key = try bob.sendingChainKey()
        for number in 0..<3 { try bob.send("text \(number)", to: "alice") }
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts.count == 3)
        #expect(try key.countInMemory() == 0)
    }

    @Test("B13 CL-38 private prekeys that a start has read are nowhere in memory")
    func preKeys() throws {
        let world = try World(seed: 9_032, isInFiles: true)
        let alice = try world.addClient("alice")
        try alice.start()
        try alice.register("alice")
        try world.advance(milliseconds: 5_000)
        alice.kill()
        let keys = try alice.privatePreKeys()
        #expect(
            keys.map(\.count).sorted() == Array(repeating: 1, count: 20)
                + Array(repeating: 2, count: 20) + [3])
        let before = try keys.map { try $0.map { try $0.countInMemory() } }
        try alice.start()
        // Of the row that libsodium decrypted last something may still lie on its part of the stack.
        let left = try zip(keys, before).filter { keys, counts in
            try zip(keys, counts).contains { key, count in try key.countInMemory() > count }
        }
        #expect(left.count <= 1)
    }

    @Test("B13 CL-38 writes are wiped, those replaced in the step too, also when a commit fails")
    func writes() throws {
        let vault = FullVault()
        var random = SeededRandom(99)
        let secrets = [1, 2].map { _ in SecretBox(SecretBytes(byteCount: 32, from: &random)) }
        let keys = secrets.map { secret in
            var bytes = secret.value.exposeForStorage()
            defer { bytes.wipeBytes() }
            return KnownKey(bytes[...])
        }
        let before = try keys.map { try $0.countInMemory() }
        // The secret itself, which shows that the search finds what is there.
        #expect(before.allSatisfy { $0 >= 1 })
        var transaction = VaultTransaction(over: vault)
        for secret in secrets {
            transaction.put(.session, key: [1], value: secret.value.exposeForStorage())
        }
        #expect(try keys[1].countInMemory() > before[1])
        var writes = transaction.take()
        // Not in a closure, which would hold a copy of the writes.
        var failure: ClientError?
        do throws(ClientError) { try vault.commit(wiping: &writes) } catch { failure = error }
        #expect(failure == .diskFull)
        #expect(try keys.map { try $0.countInMemory() } == before)
        withExtendedLifetime(secrets) {}
    }

    @Test("CH-20 A17 the channel's private key of the KEM dies with the handshake, in memory too")
    func encapsulation() throws {
        let versions = ChannelHandshake.Versions(offer: "postern.v0", choice: "postern.v0")
        for isForged in [false, true] {
            var random = SeededRandom(isForged ? 34 : 33)
            let keys = Self.kemKeys(random)
            let server = X25519KeyPair.generate(from: &random)
            let client = try ChannelHandshake.Initiator(
                serverKey: server.publicKey, versions: versions, from: &random)
            #expect(try keys[0].countInMemory() == 1)
            let first = client.message
            let response = try ChannelHandshake.respond(
                to: first.raw, staticKey: server, versions: versions, from: &random)
            var second = response.message
            if isForged { second[100] ^= 1 }
            let isOpen = (try? client.finish(reading: second.raw).handshakeHash) != nil
            #expect(isOpen != isForged)
            for key in keys { #expect(try key.countInMemory() == 0) }
        }
    }

    /// The beginning of the private vector of the KEM that a client draws next but one, behind the
    /// server's key and its own ephemeral one: as it is encoded, and as coefficients.
    private static func kemKeys(_ random: SeededRandom) -> [KnownKey] {
        var random = random
        _ = random.bytes(count: 64)
        let pair = MLKEM768KeyPair.generate(from: &random)
        var bytes = pair.expandedBytes()
        var coefficients = (0..<16).flatMap { index -> [UInt8] in
            let place = index / 2 * 3
            let value =
                index.isMultiple(of: 2)
                ? UInt16(bytes[place]) | UInt16(bytes[place + 1] & 15) << 8
                : UInt16(bytes[place + 1]) >> 4 | UInt16(bytes[place + 2]) << 4
            return [UInt8(value & 255), UInt8(value >> 8)]
        }
        let keys = [KnownKey(bytes[..<32]), KnownKey(coefficients[...])]
        bytes.wipeBytes()
        coefficients.wipeBytes()
        return keys
    }
}

private final class SecretBox {
    let value: SecretBytes
    init(_ value: consuming SecretBytes) { self.value = value }
}

/// A vault on a full disk.
private final class FullVault: VaultStore {
    func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]? { nil }
    func rows(
        _ table: VaultTable, group: [UInt8]?, page: VaultPage
    ) throws(ClientError) -> [VaultRow] { [] }
    func commit(_ writes: [VaultWrite]) throws(ClientError) { throw .diskFull }
}
