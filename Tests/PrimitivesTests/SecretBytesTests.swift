import Testing

@testable import Primitives

/// How a keyed store holds secrets that an array cannot: one box an entry.
private final class Box {
    let secret: SecretBytes
    init(_ secret: consuming SecretBytes) { self.secret = secret }
}

/// A key type of one purpose, as other modules write them: no `deinit` of its own.
private struct MessageKey: ~Copyable {
    let secret: SecretBytes

    consuming func seal(_ text: [UInt8]) -> [UInt8] {
        ChaChaPoly.seal(text.raw, key: secret, nonce: .zero)
    }
}

@Suite("STYLE §7: secrets")
struct SecretBytesTests {
    // Pools must live as long as the process; a test that looks into freed slots needs its own, so
    // that no other test takes them meanwhile.
    private static let wipePool = SecretSlab(slotByteCount: 32)
    private static let growPool = SecretSlab(slotByteCount: 32)
    private static let threadPool = SecretSlab(slotByteCount: 64)

    @Test("both homes hold, lend, compare, duplicate and cut alike", arguments: [true, false])
    func face(guarded: Bool) {
        let home: SecretBytes.Home = guarded ? .guarded : .slab
        for count in [0, 1, 31, 32, 33, 64, 65, 128, 129, 256, 257, 5000] {
            let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
            let secret = SecretBytes(copying: plain.raw, home: home)
            #expect(secret.byteCount == count)
            #expect(secret.exposeForStorage() == plain)
            let lent = secret.withBytes { [UInt8](copying: $0) }
            #expect(lent == plain)
            let twin = secret.duplicate()
            let equal = secret.isEqual(to: twin)
            #expect(equal)
            #expect(twin.home == secret.home)
            let equalBytes = secret.isEqual(to: plain.raw)
            #expect(equalBytes)
            let longer = SecretBytes(copying: (plain + [0]).raw, home: home)
            let equalLonger = secret.isEqual(to: longer)
            #expect(!equalLonger)
            for index in plain.indices.prefix(300) {
                var other = plain
                other[index] ^= 0x80
                let equalOther = secret.isEqual(to: other.raw)
                #expect(!equalOther)
            }
            let half = secret.part(count / 2..<count)
            #expect(half.exposeForStorage() == [UInt8](plain[(count / 2)...]))
        }
    }

    @Test("a secret is 24 bytes beside its slot")
    func size() {
        #expect(MemoryLayout<SecretBytes>.size <= 24)
        #expect(MemoryLayout<SecretBytes?>.stride <= 24)
    }

    @Test("short secrets lie in slabs, long ones and those asked for in pages of their own")
    func homes() {
        let short = SecretBytes(copying: [UInt8](repeating: 1, count: 256).raw)
        #expect(short.home == .slab)
        let long = SecretBytes(copying: [UInt8](repeating: 1, count: 257).raw)
        #expect(long.home == .guarded)
        let asked = SecretBytes(copying: [1, 2, 3].raw, home: .guarded)
        #expect(asked.home == .guarded)
    }

    @Test("B13 a slot is all zero once its owner is gone, and zero when it is taken again")
    func wiped() {
        var address = UInt(0)
        do {
            let key = MessageKey(
                secret: SecretBytes(zeros: 32, pool: Self.wipePool) { span in
                    for index in 0..<32 {
                        span.storeBytes(of: 0x5a, toByteOffset: index, as: UInt8.self)
                    }
                })
            key.secret.withBytes {
                unsafe $0.withUnsafeBytes { buffer in
                    address = UInt(bitPattern: buffer.baseAddress)
                }
                #expect($0.byte(at: 31) == 0x5a)
            }
            #expect(Self.contents(at: address) == [UInt8](repeating: 0x5a, count: 32))
            // Consumes the key.
            #expect(key.seal([1, 2, 3]).count == 19)
        }
        #expect(Self.contents(at: address) == [UInt8](repeating: 0, count: 32))
        // The lowest free slot is taken first, so this is the same one.
        let next = SecretBytes(zeros: 32, pool: Self.wipePool)
        #expect(next.exposeForStorage() == [UInt8](repeating: 0, count: 32))
    }

    /// What lies at an address inside a pool, whose memory is never unmapped.
    private static func contents(at address: UInt) -> [UInt8] {
        let pointer = unsafe UnsafeRawPointer(bitPattern: address)
        return (0..<32).map {
            unsafe pointer?.load(fromByteOffset: $0, as: UInt8.self) ?? 0xff
        }
    }

    @Test("a failing fill releases its slot")
    func failingFill() {
        struct Failure: Error {}
        for _ in 0..<10_000 {
            #expect(throws: Failure.self) {
                _ = try SecretBytes(byteCount: 32) { _ throws(Failure) in throw Failure() }
                    .byteCount
            }
        }
        // Ten thousand leaked slots would have needed more than this; the pool is shared with the
        // other tests, so the bound is loose.
        #expect((SecretSlab.pool(holding: 32)?.slabCount ?? 99) < 8)
    }

    @Test("10,000 skipped keys over 20 sessions: every allocation works and no two share memory")
    func skippedKeys() {
        var random = SeededRandom(13)
        var sessions: [[UInt32: Box]] = Array(repeating: [:], count: 20)
        var expected: [[UInt32: FixedBytes<32>]] = Array(repeating: [:], count: 20)
        func add(_ session: Int, _ number: UInt32) {
            let bytes: FixedBytes<32> = random.bytes()
            expected[session][number] = bytes
            sessions[session][number] = Box(SecretBytes(copying: bytes.raw))
        }
        for number in 0..<500 as Range<UInt32> {
            for session in 0..<20 { add(session, number) }
        }
        // Keys expire and new ones come, in another order.
        for number in stride(from: UInt32(0), to: 500, by: 3) {
            for session in 0..<20 {
                sessions[session][number] = nil
                expected[session][number] = nil
            }
        }
        for number in 500..<700 as Range<UInt32> {
            for session in 0..<20 { add(session, number) }
        }
        for session in 0..<20 {
            #expect(sessions[session].count == expected[session].count)
            for (number, bytes) in expected[session] {
                let equal = sessions[session][number]?.secret.isEqual(to: bytes.raw) ?? false
                #expect(equal)
            }
        }
    }

    @Test("a pool grows by few, doubling slabs and uses freed slots before it grows again")
    func growth() {
        let pool = Self.growPool
        #expect(pool.slabCount == 0)
        var boxes: [Box] = []
        for _ in 0..<512 { boxes.append(Box(SecretBytes(zeros: 32, pool: pool))) }
        #expect(pool.slabCount == 1)
        boxes.append(Box(SecretBytes(zeros: 32, pool: pool)))
        #expect(pool.slabCount == 2)
        for _ in 513..<100_000 { boxes.append(Box(SecretBytes(zeros: 32, pool: pool))) }
        // 512 + 1,024 + … + 16,384 = 32,256, then 16,384 each.
        #expect(pool.slabCount == 11)
        boxes.removeAll()
        for _ in 0..<100_000 { boxes.append(Box(SecretBytes(zeros: 32, pool: pool))) }
        #expect(pool.slabCount == 11)
    }

    @Test("threads that take and release together never hold one slot twice")
    func threads() async {
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var random = SeededRandom(UInt64(task))
                    var held: [(Box, FixedBytes<64>)] = []
                    for round in 0..<5000 {
                        let bytes: FixedBytes<64> = random.bytes()
                        let secret = SecretBytes(zeros: 64, pool: Self.threadPool) { span in
                            for index in 0..<64 {
                                span.storeBytes(
                                    of: bytes[index], toByteOffset: index, as: UInt8.self)
                            }
                        }
                        held.append((Box(secret), bytes))
                        if round % 3 == 2 {
                            let index = Int(random.integer(below: UInt64(held.count)))
                            let (box, expected) = held.swapRemove(at: index)
                            if !box.secret.isEqual(to: expected.raw) { return false }
                        }
                    }
                    return held.allSatisfy { $0.0.secret.isEqual(to: $0.1.raw) }
                }
            }
            for await intact in group { #expect(intact) }
        }
    }

    @Test("PR-10 constant-time comparison is equality, and different lengths are different")
    func constantTime() {
        func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
            ConstantTime.isEqual(left.raw, right.raw)
        }
        #expect(equal([], []))
        #expect(equal([1, 2, 3], [1, 2, 3]))
        #expect(!equal([1, 2, 3], [1, 2, 4]))
        #expect(!equal([1, 2, 3], [0, 2, 3]))
        #expect(!equal([1, 2, 3], [1, 2]))
        #expect(!equal([], [0]))
        let zeros = [UInt8](repeating: 0, count: 40)
        let allZero = ConstantTime.isZero(zeros.raw)
        #expect(allZero)
        for index in zeros.indices {
            var other = zeros
            other[index] = 1
            let otherZero = ConstantTime.isZero(other.raw)
            #expect(!otherZero)
        }
    }
}

extension Array {
    fileprivate mutating func swapRemove(at index: Int) -> Element {
        swapAt(index, count - 1)
        return removeLast()
    }
}
