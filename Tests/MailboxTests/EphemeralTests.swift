import Mailbox
import Primitives
import Testing
import Wire

@Suite("§10.3 Ephemeral frames")
struct EphemeralTests {
    let server = TestServer()
    let box = TestMailbox(seed: 1)

    @Test("MB-19 a frame is relayed to the attached reader and answered by nothing")
    func relayed() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        writer.ephemeral(box.id, envelope(1))
        #expect(server.exchange(writer).isEmpty)
        #expect(reader.take() == [.ephemeral(box.id, envelope(1))])
    }

    @Test(
        "MB-19 with nobody there, without a right to it, with no such mailbox: nothing tells the difference"
    )
    func dropped() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let present = writer.messageSizes.count
        server.disconnect(reader)
        writer.ephemeral(box.id, envelope(1))
        #expect(server.exchange(writer).isEmpty)
        let stranger = server.open()
        stranger.ephemeral(box.id, envelope(1))
        #expect(server.exchange(stranger).isEmpty)
        stranger.ephemeral(TestMailbox(seed: 2).id, envelope(1))
        #expect(server.exchange(stranger).isEmpty)
        #expect(writer.messageSizes.count == present)
    }

    @Test("MB-19 a frame never reaches the store, and a reader that comes later finds none")
    func neverStored() throws {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        for number in 0..<50 { writer.ephemeral(box.id, envelope(number)) }
        _ = server.exchange(writer)
        #expect(reader.take().count == 50)
        server.disconnect(reader)
        for number in 0..<50 { writer.ephemeral(box.id, envelope(number)) }
        _ = server.exchange(writer)
        #expect(try server.store.counts().envelopes == 0)
        let later = server.open()
        later.attach(box, .read)
        let events = server.exchange(later)
        #expect(events.count == 1)
        #expect(events.attached?.waiting == 0)
    }

    @Test(
        "MB-19 a reader that does not read gets ephemeralBacklogByteCountMax and no more; the rest is dropped"
    )
    func backlog() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let count = 400
        for number in 0..<count {
            writer.ephemeral(box.id, envelope(number))
            writer.send()
            server.run(stalled: [reader])
        }
        let waiting = server.outputByteCount(reader)
        #expect(waiting >= Limits.ephemeralBacklogByteCountMax)
        // One frame may lie across the mark, each in a message of its own.
        #expect(waiting <= Limits.ephemeralBacklogByteCountMax + 1_024 + 512)
        server.run()
        let got = reader.take().count
        #expect(got < count)
        writer.ephemeral(box.id, envelope(7))
        _ = server.exchange(writer)
        #expect(reader.take() == [.ephemeral(box.id, envelope(7))])
    }

    @Test("MB-7 a reader relays nothing with its read attach")
    func readerCannotWrite() {
        let reader = server.reader(of: box)
        reader.ephemeral(box.id, envelope(1))
        #expect(server.exchange(reader).isEmpty)
    }
}
