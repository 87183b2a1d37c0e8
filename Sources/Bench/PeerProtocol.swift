/// What a load generator has to speak to do with another server what `mailbox-bench` does with ours:
/// 1,024 bytes deposited in a box, answered, and in live runs pushed and taken by a reader.
protocol PeerProtocol {
    /// Whether a box keeps nothing until its reader was there once.
    static var needsReaderFirst: Bool { get }

    init(box: Int, isWriter: Bool)

    /// What is sent once the connection stands.
    mutating func hello() -> [UInt8]
    /// One deposit.
    mutating func deposit() -> [UInt8]
    /// Reads what came.
    ///
    /// - Returns: bytes read, which may leave an unfinished rest, and bytes to send; nil when the
    ///   server said something it should not.
    mutating func receive(_ bytes: [UInt8], _ heard: (PeerEvent) -> Void) -> (Int, [UInt8])?
}

/// What a peer's connection has to say.
enum PeerEvent { case ready, acknowledged, delivered }

/// Bytes of every message.
private let payload: [UInt8] = (0..<1_024).map { UInt8(ascii: "a") + UInt8($0 % 26) }

/// Redis: a stream for each box; XADD, and a reader that waits in XREAD and deletes what it read.
struct RedisPeer: PeerProtocol {
    static let needsReaderFirst = false

    private let key: String
    private let isWriter: Bool
    private let add: [UInt8]
    private var isReady = false
    private var last = "0"

    init(box: Int, isWriter: Bool) {
        key = "box:\(box)"
        self.isWriter = isWriter
        add = Self.command(["XADD", key, "*", "d", String(decoding: payload, as: UTF8.self)])
    }

    func hello() -> [UInt8] { Self.command(["PING"]) }
    func deposit() -> [UInt8] { add }

    private static func command(_ words: [String]) -> [UInt8] {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        return Array(text.utf8)
    }

    private func read() -> [UInt8] {
        Self.command(["XREAD", "COUNT", "100", "BLOCK", "0", "STREAMS", key, last])
    }

    mutating func receive(
        _ bytes: [UInt8], _ heard: (PeerEvent) -> Void
    ) -> (Int, [UInt8])? {
        var place = 0
        var output: [UInt8] = []
        var strings: [Range<Int>] = []
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "-") { return nil }
            let isNumber = bytes[place] == UInt8(ascii: ":")
            strings.removeAll(keepingCapacity: true)
            guard let end = Self.reply(bytes, place, &strings) else { break }
            place = end
            if !isReady {
                isReady = true
                if !isWriter { output += read() }
                heard(.ready)
            } else if isWriter {
                heard(.acknowledged)
            } else if !isNumber {
                // The stream's key, then of each entry its id, the field's name and its value.
                var delete = ["XDEL", key]
                for entry in stride(from: 1, to: strings.count - 2, by: 3) {
                    delete.append(String(decoding: bytes[strings[entry]], as: UTF8.self))
                    heard(.delivered)
                }
                last = delete[delete.count - 1]
                output += Self.command(delete)
                output += read()
            }
        }
        return (place, output)
    }

    /// Walks over one reply; nil while it is not all there.
    private static func reply(
        _ bytes: [UInt8], _ start: Int, _ strings: inout [Range<Int>]
    ) -> Int? {
        guard start < bytes.count,
            let lineEnd = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        var number = 0
        for digit in bytes[(start + 1)..<lineEnd] where digit >= 0x30 && digit <= 0x39 {
            number = number &* 10 &+ Int(digit &- 0x30)
        }
        let next = lineEnd + 1
        switch bytes[start] {
        case UInt8(ascii: "$"):
            guard next + number + 2 <= bytes.count else { return nil }
            strings.append(next..<next + number)
            return next + number + 2
        case UInt8(ascii: "*"):
            var place = next
            for _ in 0..<number {
                guard let end = reply(bytes, place, &strings) else { return nil }
                place = end
            }
            return place
        default: return next
        }
    }
}

/// MQTT 3.1.1 with QoS 1: a topic for each box and a session of the reader that lasts.
struct MQTTPeer: PeerProtocol {
    static let needsReaderFirst = true

    private let topic: String
    private let name: String
    private let isWriter: Bool
    private var message: [UInt8]
    private let identifierPlace: Int
    private var identifier: UInt16 = 0

    init(box: Int, isWriter: Bool) {
        topic = "box/\(box)"
        name = (isWriter ? "w" : "r") + String(box)
        self.isWriter = isWriter
        let head = Self.string(topic)
        let packet = Self.packet(0x32, head + [0, 0] + payload)
        message = packet
        identifierPlace = packet.count - payload.count - 2
    }

    func hello() -> [UInt8] {
        let flags: UInt8 = isWriter ? 2 : 0
        return Self.packet(0x10, Self.string("MQTT") + [4, flags, 0, 0] + Self.string(name))
    }

    mutating func deposit() -> [UInt8] {
        identifier = identifier == 60_000 ? 1 : identifier + 1
        message[identifierPlace] = UInt8(identifier >> 8)
        message[identifierPlace + 1] = UInt8(identifier & 255)
        return message
    }

    private static func string(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)] + Array(text.utf8)
    }

    private static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        var bytes = [type]
        var rest = body.count
        repeat {
            bytes.append(UInt8(rest & 127) | (rest > 127 ? 128 : 0))
            rest >>= 7
        } while rest > 0
        return bytes + body
    }

    mutating func receive(
        _ bytes: [UInt8], _ heard: (PeerEvent) -> Void
    ) -> (Int, [UInt8])? {
        var place = 0
        var output: [UInt8] = []
        while let body = Self.body(bytes, place) {
            let type = bytes[place] >> 4
            place = body.upperBound
            switch type {
            case 2:
                guard body.count == 2, bytes[body.lowerBound + 1] == 0 else { return nil }
                if isWriter {
                    heard(.ready)
                } else {
                    output += Self.packet(0x82, [0xff, 1] + Self.string(topic) + [1])
                }
            case 9: heard(.ready)
            case 4: heard(.acknowledged)
            case 3:
                let start = body.lowerBound
                guard body.count >= 4 else { return nil }
                let name = Int(bytes[start]) << 8 | Int(bytes[start + 1])
                guard body.count >= name + 4 else { return nil }
                output += [0x40, 2, bytes[start + 2 + name], bytes[start + 3 + name]]
                heard(.delivered)
            default: return nil
            }
        }
        return (place, output)
    }

    /// Where the body of the packet that begins here lies; nil while it is not all there.
    private static func body(_ bytes: [UInt8], _ start: Int) -> Range<Int>? {
        var count = 0
        for (step, byte) in bytes.dropFirst(start + 1).prefix(4).enumerated() {
            count |= Int(byte & 127) << (7 * step)
            if byte < 128 {
                let first = start + 2 + step
                return first + count <= bytes.count ? first..<first + count : nil
            }
        }
        return nil
    }
}
