import Primitives
import Testing
import Wire

@testable import Crypto

/// A file, sealed.
private struct SealedFile {
    static let piece = AttachmentSize.messageByteCount
    let plaintext: [UInt8]
    let key: [UInt8]
    let blobs: [[UInt8]]

    init(byteCount: Int, seed: UInt64 = 1) throws {
        var random = SeededRandom(seed)
        let plaintext = random.bytes(count: byteCount)
        let key = random.bytes(count: 32)
        blobs = try Self.seal(plaintext, key, digest: SHA256.hash(plaintext.raw))
        self.plaintext = plaintext
        self.key = key
    }

    static func seal(
        _ plaintext: [UInt8], _ key: [UInt8], digest: SHA256.Digest
    ) throws(AttachmentError) -> [[UInt8]] {
        let size = try AttachmentSize(UInt64(plaintext.count))
        var sealer = AttachmentSealer(
            key: SecretBytes(copying: key.raw), digest: digest, size: size)
        var blobs: [[UInt8]] = []
        while !sealer.isComplete {
            let start = blobs.count * piece
            let next = plaintext[start..<start + sealer.nextByteCount]
            var blob = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
            var span = blob.mutableRaw
            try sealer.seal(next.raw, into: &span)
            blobs.append(blob)
        }
        return blobs
    }

    func reference() throws -> AttachmentReference {
        AttachmentReference(
            key: SecretBytes(copying: key.raw), digest: SHA256.hash(plaintext.raw),
            size: try AttachmentSize(UInt64(plaintext.count)),
            server: try Person("alice", seed: 8).server,
            expiry: Hours(500_000))
    }

    /// What opens, only when all of it did.
    static func open(
        _ blobs: [[UInt8]], _ reference: borrowing AttachmentReference
    ) throws(AttachmentError) -> [UInt8] {
        var opener = try AttachmentOpener(reference)
        var plaintext: [UInt8] = []
        for blob in blobs { plaintext += try opener.open(blob) }
        _ = try opener.finish()
        return plaintext
    }

    func failure(_ blobs: [[UInt8]]) throws -> AttachmentError? {
        let reference = try reference()
        do throws(AttachmentError) {
            _ = try Self.open(blobs, reference)
            return nil
        } catch {
            return error
        }
    }
}

extension AttachmentOpener {
    fileprivate mutating func open(_ blob: [UInt8]) throws(AttachmentError) -> [UInt8] {
        var message = [UInt8](repeating: 0, count: AttachmentSize.messageByteCount)
        var span = message.mutableRaw
        let count = try open(blob.raw, into: &span)
        return Array(message[..<count])
    }
}

@Suite("Attachments (SPEC §7.7)")
struct AttachmentTests {
    private static let piece = AttachmentSize.messageByteCount

    @Test(
        "EN-34 a file of any size becomes blobs of 32,768 bytes and is read again",
        arguments: [0, 1, 16, 32_750, 32_751, 32_752, 65_501, 65_502, 65_503, 100_000])
    func roundTrip(byteCount: Int) throws {
        let file = try SealedFile(byteCount: byteCount)
        #expect(file.blobs.count == max(1, (byteCount + 32_750) / 32_751))
        #expect(file.blobs.allSatisfy { $0.count == 32_768 })
        #expect(try SealedFile.open(file.blobs, file.reference()) == file.plaintext)
    }

    @Test(
        "C4 EN-36 what is dropped, swapped, repeated, added, cut or of another file opens nothing")
    func rearranged() throws {
        let file = try SealedFile(byteCount: 3 * Self.piece + 5)
        let other = try SealedFile(byteCount: 3 * Self.piece + 5, seed: 2)
        let all = file.blobs
        #expect(try file.failure(all) == nil)
        // Dropped at the end, and everything.
        #expect(try file.failure(Array(all.dropLast())) == .incomplete(missing: 1))
        #expect(try file.failure([]) == .incomplete(missing: 4))
        #expect(try file.failure(Array(all.dropFirst())) == .authentication(index: 0))
        #expect(try file.failure([all[0], all[2], all[3]]) == .authentication(index: 1))
        #expect(try file.failure([all[0], all[2], all[1], all[3]]) == .authentication(index: 1))
        #expect(try file.failure([all[0], all[0], all[1], all[2]]) == .authentication(index: 1))
        #expect(try file.failure([all[3]]) == .authentication(index: 0))
        #expect(try file.failure(all + [all[3]]) == .complete)
        #expect(try file.failure(all + [all[0]]) == .complete)
        for index in all.indices {
            var mixed = all
            mixed[index] = other.blobs[index]
            #expect(try file.failure(mixed) == .authentication(index: index))
            var cut = all
            cut[index].removeLast()
            #expect(try file.failure(cut) == .blobSize(byteCount: 32_767))
            cut[index] += [0, 0]
            #expect(try file.failure(cut) == .blobSize(byteCount: 32_769))
            for place in [0, 1, 16_000, 32_751, 32_752, 32_767] {
                var changed = all
                changed[index][place] ^= 1
                #expect(try file.failure(changed) == .authentication(index: index))
            }
        }
    }

    @Test("EN-36 after a blob that does not open, the right one still does")
    func anotherCopy() throws {
        let file = try SealedFile(byteCount: 2 * Self.piece)
        var opener = try AttachmentOpener(file.reference())
        #expect(throws: AttachmentError.authentication(index: 0)) {
            try opener.open(file.blobs[1])
        }
        let piece = try opener.open(file.blobs[0])
        #expect(piece == Array(file.plaintext[..<Self.piece]))
    }

    @Test("EN-31 a reference whose key, hash, size or commitment was changed opens nothing")
    func commitment() throws {
        let file = try SealedFile(byteCount: 40_000)
        let bytes = try file.reference().exposeForStorage()
        for place in [0, 31, 32, 63, 64, 95, 103] {
            var changed = bytes
            changed[place] ^= 1
            var reader = Reader(changed.raw)
            let reference = try AttachmentReference(from: &reader)
            #expect(throws: AttachmentError.commitment) { _ = try AttachmentOpener(reference) }
        }
    }

    @Test("EN-30 a reference has 205 bytes, one encoding, and a size up to 16 GiB")
    func reference() throws {
        let file = try SealedFile(byteCount: 7)
        let bytes = try file.reference().exposeForStorage()
        #expect(bytes.count == AttachmentReference.byteCount && bytes.count == 205)
        let content = Content.attachment(
            try file.reference(), id: .zero, milliseconds: 5)
        let parsed = try Content(parsing: content.encoded.raw)
        let again = parsed.attachment?.exposeForStorage()
        #expect(again == bytes)
        #expect(parsed.type.handling == .showAsUnknown)

        func isContent(_ value: [UInt8]) -> Bool {
            let content = Content(
                type: .attachment, id: .zero, milliseconds: 5,
                fields: ContentFields([.init(tag: ContentTag.attachment, value: value)]))
            return (try? Content(parsing: content.encoded.raw)) != nil
        }
        #expect(isContent(bytes))
        #expect(!isContent(Array(bytes.dropLast())) && !isContent(bytes + [0]))
        #expect(!isContent([]))
        for (size, isTaken) in [
            (AttachmentSize.byteCountMax, true), (AttachmentSize.byteCountMax + 1, false),
            (.max, false), (0, true),
        ] {
            var other = bytes
            for index in 0..<8 {
                other[96 + index] = UInt8(truncatingIfNeeded: size >> UInt64(56 - 8 * index))
            }
            #expect(isContent(other) == isTaken)
        }
        // A server field that no address has.
        var other = bytes
        other[136] = 0
        #expect(!isContent(other))
        // EN-7: without the field it is no attachment.
        let bare = Content(type: .attachment, id: .zero, milliseconds: 5, fields: .none).encoded
        #expect(throws: ContentError.missingField(tag: 1)) { try Content(parsing: bare.raw) }
    }

    @Test("EN-30 sizes and numbers of blobs at the limits")
    func sizes() throws {
        #expect(throws: AttachmentError.tooLarge(byteCount: 1 << 34 + 1, limit: 1 << 34)) {
            try AttachmentSize(1 << 34 + 1)
        }
        let largest = try AttachmentSize(1 << 34)
        #expect(largest.blobCount == 524_561)
        #expect(largest.messageByteCount(at: 0) == 32_751)
        let last = UInt64(largest.messageByteCount(at: 524_560))
        #expect(last == (1 << 34) - 524_560 * 32_751)
        #expect(try AttachmentSize(1 << 32).byteCount == 4_294_967_296)
    }

    @Test("EN-35 a last mark in the middle, none at the end, and padding are refused for good")
    func marks() throws {
        // Sealed by somebody who has the key and keeps no rule.
        let file = try SealedFile(byteCount: 2 * Self.piece)
        let keys = try file.reference().keys()
        func blobs(_ tags: [SecretStreamTag], _ pieces: [[UInt8]]) -> [[UInt8]] {
            let stream = keys.stream()
            var result: [[UInt8]] = []
            for (tag, piece) in zip(tags, pieces) {
                var pusher = SecretStreamPusher(key: stream.key, header: stream.header)
                // A writer stops at its last mark, so each blob begins anew.
                for before in pieces[..<result.count] {
                    _ = pusher.push(before.raw, tag: .message)
                }
                result.append(pusher.push(piece.raw, tag: tag))
            }
            return result
        }
        let halves = [
            Array(file.plaintext[..<Self.piece]), Array(file.plaintext[Self.piece...]),
        ]
        #expect(blobs([.message, .final], halves) == file.blobs)
        #expect(try file.failure(blobs([.final, .final], halves)) == .mark(index: 0))
        #expect(try file.failure(blobs([.message, .message], halves)) == .mark(index: 1))

        // One byte of the file, and one that is not zero behind it.
        let short = try SealedFile(byteCount: 1)
        let shortKeys = try short.reference().keys()
        let stream = shortKeys.stream()
        for place in [1, 32_750] {
            var pusher = SecretStreamPusher(key: stream.key, header: stream.header)
            var message = short.plaintext + [UInt8](repeating: 0, count: Self.piece - 1)
            message[place] = 1
            let blob = pusher.push(message.raw, tag: .final)
            #expect(try short.failure([blob]) == .padding)
        }
        #expect(try short.failure(short.blobs) == nil)
    }

    @Test("EN-36 a file that does not have the hash of its reference is refused with its last blob")
    func digest() throws {
        let file = try SealedFile(byteCount: Self.piece + 9)
        let keys = try file.reference().keys()
        let stream = keys.stream()
        var pusher = SecretStreamPusher(key: stream.key, header: stream.header)
        var plaintext = file.plaintext
        plaintext[3] ^= 1
        let padded = plaintext + [UInt8](repeating: 0, count: Self.piece - 9)
        let (first, second) = (padded[..<Self.piece], padded[Self.piece...])
        var blobs = [pusher.push(first.raw, tag: .message)]
        blobs.append(pusher.push(second.raw, tag: .final))
        #expect(try file.failure(blobs) == .digest)
        // Nothing follows a refusal for good.
        var opener = try AttachmentOpener(file.reference())
        _ = try opener.open(blobs[0])
        #expect(throws: AttachmentError.digest) { try opener.open(blobs[1]) }
        #expect(throws: AttachmentError.ended) { try opener.open(blobs[1]) }
        var end: AttachmentError?
        do { _ = try opener.finish() } catch { end = error }
        #expect(end == .ended)
    }

    @Test("EN-32 a file that changed while it was sealed never gives its last blob")
    func changed() throws {
        let file = try SealedFile(byteCount: Self.piece + 9)
        var other = file.plaintext
        other[0] ^= 1
        #expect(throws: AttachmentError.digest) {
            try SealedFile.seal(other, file.key, digest: SHA256.hash(file.plaintext.raw))
        }
        // Under the same key another file has another stream from its first byte on.
        let blobs = try SealedFile.seal(other, file.key, digest: SHA256.hash(other.raw))
        let mixed = zip(blobs[1], file.blobs[1]).map { $0 ^ $1 }
        #expect(mixed[10..<32_752].contains { $0 != 0 })
        #expect(try file.failure(blobs) == .authentication(index: 0))
    }

    @Test("EN-32 sealed again in a later run a file gives the same blobs")
    func again() throws {
        let file = try SealedFile(byteCount: 70_000)
        let digest = SHA256.hash(file.plaintext.raw)
        #expect(try SealedFile.seal(file.plaintext, file.key, digest: digest) == file.blobs)
    }

    @Test("EN-37 an opener is resumed with what was kept, at every blob", arguments: 0...3)
    func resume(kept: Int) throws {
        let file = try SealedFile(byteCount: 3 * Self.piece + 1)
        func resumed(_ plaintext: [UInt8]) throws -> [UInt8] {
            var opener = try AttachmentOpener(file.reference())
            for index in 0..<kept {
                let piece = plaintext[index * Self.piece..<(index + 1) * Self.piece]
                try opener.resume(piece.raw)
            }
            var result = Array(plaintext[..<(kept * Self.piece)])
            for blob in file.blobs[kept...] { result += try opener.open(blob) }
            _ = try opener.finish()
            return result
        }
        #expect(try resumed(file.plaintext) == file.plaintext)
        guard kept > 0 else { return }
        // What was kept has been changed meanwhile: nothing opens any more.
        var other = file.plaintext
        other[kept * Self.piece - 1] ^= 1
        #expect(throws: AttachmentError.authentication(index: kept)) { try resumed(other) }
    }

    @Test("EN-37 the last blob is opened, never resumed")
    func resumeLast() throws {
        let file = try SealedFile(byteCount: Self.piece)
        var opener = try AttachmentOpener(file.reference())
        #expect(throws: AttachmentError.complete) { try opener.resume(file.plaintext.raw) }
    }

    @Test("EN-33 each blob has an id and an erase key of its own; the key shows no erase key")
    func identifiers() throws {
        let file = try SealedFile(byteCount: 5)
        let other = try SealedFile(byteCount: 5, seed: 2)
        let keys = try file.reference().keys()
        let otherKeys = try other.reference().keys()
        let ids = (0..<4).map { keys.blobID(at: $0) } + (0..<4).map { otherKeys.blobID(at: $0) }
        #expect(Set(ids).count == 8)
        let secret = SecretBytes(copying: [UInt8](repeating: 1, count: 32).raw)
        let second = SecretBytes(copying: [UInt8](repeating: 2, count: 32).raw)
        let erase = ids.map { AttachmentKeys.eraseKey(ofBlob: $0, eraseSecret: secret) }
        #expect(Set(erase + ids).count == 16)
        #expect(AttachmentKeys.eraseKey(ofBlob: ids[0], eraseSecret: second) != erase[0])
    }
}
