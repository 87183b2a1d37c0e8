import Platform
import Primitives
import Wire

/// The connections of one event loop. A class box each, so that a connection stays in its place
/// while the table grows.
final class ConnectionBox {
    var connection: ServerConnection

    init(_ connection: consuming ServerConnection) { self.connection = connection }
}

/// Connections by slot; slots are used again with the next generation.
struct ConnectionTable {
    private var boxes: [ConnectionBox?] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []
    private let loop: UInt16
    private(set) var count = 0

    init(loop: UInt16) { self.loop = loop }

    /// One past the highest slot that was ever in use.
    var slotEnd: Int { boxes.count }

    mutating func add(now: Int64) -> ConnectionID {
        count += 1
        if let slot = free.popLast() {
            let place = Int(slot)
            generations[place] &+= 1
            let id = ConnectionID(loop: loop, slot: slot, generation: generations[place])
            boxes[place] = ConnectionBox(ServerConnection(id, now: now))
            return id
        }
        let id = ConnectionID(loop: loop, slot: UInt32(boxes.count), generation: 1)
        boxes.append(ConnectionBox(ServerConnection(id, now: now)))
        generations.append(1)
        return id
    }

    mutating func remove(_ id: ConnectionID) {
        guard self[id] != nil else { return }
        boxes[Int(id.slot)] = nil
        free.append(id.slot)
        count -= 1
    }

    /// The connection of that name; nil when it is gone.
    subscript(id: ConnectionID) -> ConnectionBox? {
        let slot = Int(id.slot)
        guard id.loop == loop, slot < boxes.count, generations[slot] == id.generation else {
            return nil
        }
        return boxes[slot]
    }

    /// Whatever connection lies in a slot.
    func box(slot: Int) -> ConnectionBox? { boxes[slot] }
}

/// Frames of the router for connections of another loop, with all their bytes in one array.
package struct FrameBatch: Sendable {
    /// One frame, or the end of a connection.
    package enum Item: Sendable {
        /// A frame to send.
        case frame(ConnectionID, FrameClass, Range<Int>)
        /// A connection to close.
        case close(ConnectionID)
    }

    /// In the order in which they were made.
    package var items: [Item] = []
    /// The frames.
    package var bytes: [UInt8] = []

    mutating func append(
        _ frameClass: FrameClass, to connection: ConnectionID, _ frame: RawSpan
    ) {
        let start = bytes.count
        bytes.append(copying: frame)
        items.append(.frame(connection, frameClass, start..<bytes.count))
    }
}

/// Where the frames of one loop's turn go: into the outputs of its own connections, and into
/// batches for the other loops.
struct LoopOutlet: Outlet, ~Copyable {
    var table: ConnectionTable
    /// Connections that have something to write at the turn's end.
    var dirty: [ConnectionID] = []
    /// Connections that may be able to take the frames they hold.
    var resumable: [ConnectionID] = []
    /// Connections that a frame of theirs brought to an end.
    var condemned: [ConnectionID] = []
    /// Frames for other loops, by loop.
    var remote: [FrameBatch]
    private let loop: UInt16
    private var scratch = ByteBuffer()

    init(loop: UInt16, loopCount: Int) {
        table = ConnectionTable(loop: loop)
        remote = Array(repeating: FrameBatch(), count: loopCount)
        self.loop = loop
    }

    mutating func send(
        _ frameClass: FrameClass, to connection: ConnectionID, byteCount: Int,
        _ body: (inout OutputRawSpan) -> Void
    ) {
        guard connection.loop == loop else {
            sendAway(frameClass, to: connection, byteCount: byteCount, body)
            return
        }
        guard let box = table[connection] else { return }
        box.connection.send(frameClass, byteCount: byteCount, body)
        touch(box)
        if box.connection.isPaused { resumable.append(connection) }
    }

    mutating func close(_ connection: ConnectionID) {
        if connection.loop == loop {
            condemned.append(connection)
        } else if Int(connection.loop) < remote.count {
            remote[Int(connection.loop)].items.append(.close(connection))
        }
    }

    /// Puts a connection on the list of those to write to.
    mutating func touch(_ box: ConnectionBox) {
        guard !box.connection.isDirty else { return }
        box.connection.isDirty = true
        dirty.append(box.connection.id)
    }

    private mutating func sendAway(
        _ frameClass: FrameClass, to connection: ConnectionID, byteCount: Int,
        _ body: (inout OutputRawSpan) -> Void
    ) {
        let target = Int(connection.loop)
        guard target < remote.count else { return }
        // Out of `self` while it is lent to the batch, which lies there too.
        var frame = ByteBuffer()
        swap(&frame, &scratch)
        frame.removeAll()
        frame.append(upTo: byteCount, body)
        remote[target].append(frameClass, to: connection, frame.readable)
        swap(&frame, &scratch)
    }
}
