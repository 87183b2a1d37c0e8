import Channel
import Primitives

// Swift cannot yet change the inside of an optional noncopyable value in place, so both take it
// out and put it back; a channel that has failed stays out.
extension Optional where Wrapped == NoiseTransport, Wrapped: ~Copyable {
    /// Decrypts a message in place; nil when it does not open, which ends the channel. CH-43
    mutating func openMessage(_ message: inout MutableRawSpan) -> Int? {
        guard var channel = self.take() else { return nil }
        do throws(NoiseError) {
            let count = try channel.receiving.open(inPlace: &message)
            self = consume channel
            return count
        } catch {
            return nil
        }
    }

    /// Seals the open message of an output; false when the channel can seal no more.
    mutating func sealMessage(_ output: inout OutputQueue, _ socket: WebSocketServer) -> Bool {
        guard var channel = self.take() else { return false }
        let sealed = output.seal(&channel.sending, socket)
        self = consume channel
        return sealed
    }
}
