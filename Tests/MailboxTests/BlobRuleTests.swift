import Mailbox
import Primitives
import Testing
import Wire

@Suite("§10.4 Blobs")
struct BlobRuleTests {
    let server = TestServer()
    let id = FixedBytes<32>(copying: [UInt8](repeating: 7, count: 32).raw) ?? .zero
    let eraseKey = FixedBytes<32>(copying: [UInt8](repeating: 9, count: 32).raw) ?? .zero

    private func expiry(hours: Int64) -> Hours {
        Hours(secondsSince1970: server.wallSeconds + hours * 3_600)
    }

    @Test("MB-21 a blob is given to whoever names its id and erased by whoever names its erase key")
    func thread() {
        let client = server.open()
        let bytes = [UInt8](repeating: 3, count: Limits.blobByteCountMax)
        let put = client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 24), bytes)
        #expect(server.exchange(client) == [.done(put)])
        let other = server.open()
        let get = other.add { .getBlob(GetBlobFrame(request: $0, id: id)) }
        #expect(server.exchange(other) == [.blob(get, bytes)])
        let erase = other.add {
            .eraseBlob(
                EraseBlobFrame(request: $0, idHash: SHA256.hash(id.raw), eraseKey: eraseKey))
        }
        #expect(server.exchange(other) == [.done(erase)])
        other.add { .getBlob(GetBlobFrame(request: $0, id: id)) }
        #expect(server.exchange(other).errorCode == .notFound)
        // An erased id is free again.
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 24), [1])
        #expect(server.exchange(client).errorCode == nil)
    }

    @Test(
        "MB-21 an unknown id, its hash instead of it, a wrong erase key and an expired blob are all notFound"
    )
    func notFound() {
        let client = server.open()
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 2), [1, 2, 3])
        _ = server.exchange(client)
        client.add { .getBlob(GetBlobFrame(request: $0, id: .zero)) }
        #expect(server.exchange(client).errorCode == .notFound)
        client.add { .getBlob(GetBlobFrame(request: $0, id: SHA256.hash(id.raw))) }
        #expect(server.exchange(client).errorCode == .notFound)
        client.add {
            .eraseBlob(EraseBlobFrame(request: $0, idHash: SHA256.hash(id.raw), eraseKey: id))
        }
        #expect(server.exchange(client).errorCode == .notFound)
        server.advance(seconds: 3 * 3_600)
        let later = server.open()
        later.add { .getBlob(GetBlobFrame(request: $0, id: id)) }
        #expect(server.exchange(later).errorCode == .notFound)
    }

    @Test("MB-20 an id that exists is refused with exists")
    func exists() {
        let client = server.open()
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 24), [1])
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 24), [1])
        #expect(server.exchange(client).errorCode == .exists)
    }

    @Test(
        "MB-20 one byte more than blobByteCountMax, or none, is wrongSize and the connection goes on",
        arguments: [0, Limits.blobByteCountMax + 1])
    func wrongSize(_ size: Int) {
        let client = server.open()
        var body = Writer()
        body.u32(3)
        body.fixed(id)
        body.fixed(eraseKey)
        body.u32(expiry(hours: 24).count)
        body.u8(0)
        body.u16(0)
        body.u16(UInt16(size))
        body.zeros(size)
        client.addRaw(ClientFrameType.putBlob.rawValue, body.bytes)
        #expect(
            server.exchange(client) == [.error(ErrorFrame(request: 3, code: .wrongSize))])
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: 24), [1])
        #expect(server.exchange(client).errorCode == nil)
    }

    @Test(
        "MB-20 an expiry in the past or more than blobDaysMax ahead is malformed; at the limits it is not",
        arguments: [(-1, false), (0, false), (1, true), (30 * 24, true), (30 * 24 + 1, false)])
    func expiry(hours: Int, isTaken: Bool) {
        let client = server.open()
        client.putBlob(id: id, eraseKey: eraseKey, expiry: expiry(hours: Int64(hours)), [1])
        let events = server.exchange(client)
        #expect(events.errorCode == (isTaken ? nil : .malformed))
        #expect(events.contains(.closed(1002)) == !isTaken)
    }
}
