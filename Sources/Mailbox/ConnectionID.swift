/// Names one connection for as long as it lives, and none after it.
///
/// The generation guards the slot: a message to a connection that has gone is dropped and never
/// reaches the one that took its slot (G9).
package struct ConnectionID: Hashable, Sendable {
    /// Which event loop holds the socket, from 0.
    package let loop: UInt16
    /// Its place in that loop's table.
    package let slot: UInt32
    /// How often the place has been used.
    package let generation: UInt32

    /// Names a connection.
    package init(loop: UInt16, slot: UInt32, generation: UInt32) {
        self.loop = loop
        self.slot = slot
        self.generation = generation
    }
}
