import Channel
import Primitives

// Swift cannot yet change the inside of an optional noncopyable value in place, so both take it
// out and put it back. They put it back after a failure too: the direction that failed is dead by
// itself, and answers to what came before may still wait to be sealed.
extension Optional where Wrapped == NoiseTransport, Wrapped: ~Copyable {
    /// Decrypts a message in place; nil when it does not open, which ends the channel. CH-43
    mutating func openMessage(_ message: inout MutableRawSpan) -> Int? {
        guard var channel = self.take() else { return nil }
        let count = try? channel.receiving.open(inPlace: &message)
        self = consume channel
        return count
    }

    /// Seals the open message of an output; false when the channel can seal no more.
    mutating func sealMessage(_ output: inout OutputQueue, _ socket: WebSocketServer) -> Bool {
        guard var channel = self.take() else { return false }
        let sealed = output.seal(&channel.sending, socket)
        self = consume channel
        return sealed
    }
}
