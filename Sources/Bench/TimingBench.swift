import Glibc
import Primitives

/// A16: whether the time of what handles secrets depends on them, by Welch's t-test over two classes
/// of inputs in random order (dudect, Reparaz and others 2017).
///
/// A wall clock tells, so the figures are of the machine and the moment. Two comparisons that leak
/// are measured beside them and must be found.
enum TimingBench {
    /// Above this a difference is certain, on however busy a machine: classes take turns at random,
    /// so what else runs disturbs both alike.
    private static let certain = 30.0

    /// `timing [SAMPLES] [LIMIT]`: exit code 1 when an absolute t is LIMIT or more, or a planted leak
    /// is not found.
    @Sendable static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count <= 2, let samples = Int(arguments.first ?? "10000"),
            samples >= 1_000,
            let limit = Double(arguments.count > 1 ? arguments[1] : "\(certain)"), limit > 0
        else { return nil }
        var isGood = true
        for row in rows() {
            let t = measure(row, samples: samples)
            let verdict =
                row.isLeaky
                ? (t >= certain ? "found, as it must be" : "NOT FOUND")
                : (t < limit ? "below \(limit)" : "LEAKS")
            isGood = isGood && (row.isLeaky ? t >= certain : t < limit)
            print(
                """
                {"timing":"\(row.name)","samples":\(samples),"t":\((t * 100).rounded() / 100),\
                "verdict":"\(verdict)"}
                """)
        }
        return isGood ? 0 : 1
    }

    /// What is measured. `prepare` copies the input of a number into one place, the same for all, so
    /// that no class lies better in memory than the other; `body` works on it. Even numbers are of
    /// one class, odd ones of the other.
    private struct Row {
        let name: String
        var isLeaky = false
        /// Repetitions in one sample, for what is shorter than the clock is fine.
        var repetitions = 1
        let prepare: (Int) -> Void
        let body: () -> Void
    }

    /// The place of the input.
    private final class Place {
        var bytes = [UInt8](repeating: 0, count: 32)
        var ciphertext = FixedBytes<1_088>()
        var text = ""

        func put(_ source: [UInt8]) {
            for index in bytes.indices { bytes[index] = source[index] }
        }
    }

    /// Inputs of each class.
    private static let poolCount = 32

    private static func rows() -> [Row] {
        [leakyComparison, leakyEncoding, decapsulation, comparison] + encodings
    }

    // MARK: Rows

    /// Ciphertexts that were made for the key, and ones with a flipped bit.
    private static var decapsulation: Row {
        var random = SeededRandom(16)
        let keys = Keys(MLKEM768KeyPair.generate(from: &random))
        var inputs: [FixedBytes<1_088>] = []
        for number in 0..<2 * poolCount {
            var ciphertext = keys.pair.publicKey.encapsulate(from: &random).ciphertext
            if !number.isMultiple(of: 2) {
                ciphertext[Int(random.integer(below: 1_088))] ^= 1 << UInt8(number / 2 % 8)
            }
            inputs.append(ciphertext)
        }
        let (ciphertexts, place) = (inputs, Place())
        return Row(
            name: "decapsulation, valid and rejected",
            prepare: { place.ciphertext = ciphertexts[$0] },
            body: { keep(keys.pair.decapsulate(place.ciphertext).byteCount) })
    }

    private final class Keys {
        let pair: MLKEM768KeyPair
        init(_ pair: consuming MLKEM768KeyPair) { self.pair = pair }
    }

    /// A secret of 32 bytes, and guesses: the same, and ones that differ from the first byte on.
    private static var guesses: (secret: [UInt8], guesses: [[UInt8]]) {
        var random = SeededRandom(17)
        let secret = random.bytes(count: 32)
        let guesses = (0..<2 * poolCount).map { number -> [UInt8] in
            if number.isMultiple(of: 2) { return secret.map { $0 } }
            var other = random.bytes(count: 32)
            other[0] = ~secret[0]
            return other
        }
        return (secret, guesses)
    }

    private static var comparison: Row {
        let (secret, guesses) = guesses
        let place = Place()
        return Row(
            name: "comparison, same and different", repetitions: 50,
            prepare: { place.put(guesses[$0]) },
            body: {
                let guess = place.bytes
                keep(ConstantTime.isEqual(secret.raw, guess.raw) ? 1 : 0)
            })
    }

    /// The same with an early exit.
    private static var leakyComparison: Row {
        let (secret, guesses) = guesses
        let place = Place()
        return Row(
            name: "planted: comparison with an early exit", isLeaky: true, repetitions: 50,
            prepare: { place.put(guesses[$0]) },
            body: {
                var isEqual = true
                for (a, b) in zip(secret, place.bytes) where a != b {
                    isEqual = false
                    break
                }
                keep(isEqual ? 1 : 0)
            })
    }

    /// Secrets of 32 bytes: all zero, and random ones.
    private static var secrets: [[UInt8]] {
        var random = SeededRandom(18)
        return (0..<2 * poolCount).map { number in
            number.isMultiple(of: 2)
                ? [UInt8](repeating: 0, count: 32) : random.bytes(count: 32)
        }
    }

    private static func encoding(
        _ name: String, isLeaky: Bool = false, _ encode: @escaping ([UInt8]) -> String
    ) -> Row {
        let (secrets, place) = (secrets, Place())
        return Row(
            name: name, isLeaky: isLeaky, repetitions: 8, prepare: { place.put(secrets[$0]) },
            body: { keep(encode(place.bytes).utf8.count) })
    }

    private static var encodings: [Row] {
        let place = Place()
        let texts = secrets.map { Array(Base32.encode($0.raw).utf8) }
        return [
            encoding("base32, zeros and random") { Base32.encode($0.raw) },
            Row(
                name: "base32 read, zeros and random", repetitions: 8,
                prepare: { place.text = String(decoding: texts[$0], as: UTF8.self) },
                body: { keep((try? Base32.decode(place.text))?.count ?? 0) }),
            encoding("base64url, zeros and random") { Base64URL.encode($0.raw) },
            encoding("hexadecimal, zeros and random") { Hex.encode($0.raw) },
        ]
    }

    /// Numbers printed without their leading zeros, as a naive encoder might.
    private static var leakyEncoding: Row {
        encoding("planted: digits without leading zeros", isLeaky: true) { secret in
            var text = ""
            for byte in secret { text += String(byte, radix: 2) }
            return text
        }
    }

    // MARK: Measuring

    /// Mean and variance of what has been added (Welford).
    private struct Moments {
        private(set) var count = 0.0
        private(set) var mean = 0.0
        private var squares = 0.0

        mutating func add(_ value: Double) {
            count += 1
            let distance = value - mean
            mean += distance / count
            squares += distance * (value - mean)
        }

        var variance: Double { count > 1 ? squares / (count - 1) : 0 }
    }

    /// The largest absolute t, over all samples and over those below a few cuts, as slow samples
    /// hide a small difference.
    private static func measure(_ row: Row, samples: Int) -> Double {
        var random = SystemRandom()
        var order = [UInt8](repeating: 0, count: 4_096)
        func draw() -> [UInt8] { random.bytes(count: order.count) }
        order = draw()
        var warm: [Double] = []
        for index in 0..<1_000 { warm.append(time(row, Int(order[index] % 64))) }
        warm.sort()
        let cuts = [0.25, 0.5, 0.75, 0.9, 0.99].map { warm[Int($0 * 999)] } + [.infinity]
        var moments = [[Moments]](
            repeating: [Moments](repeating: Moments(), count: 2), count: cuts.count)
        for sample in 0..<samples {
            if sample.isMultiple(of: order.count) { order = draw() }
            let number = Int(order[sample % order.count] % 64)
            let taken = time(row, number)
            for (place, cut) in cuts.enumerated() where taken <= cut {
                moments[place][number & 1].add(taken)
            }
        }
        return moments.map { t($0[0], $0[1]) }.max() ?? 0
    }

    private static func t(_ a: Moments, _ b: Moments) -> Double {
        guard a.count > 100, b.count > 100 else { return 0 }
        let spread = a.variance / a.count + b.variance / b.count
        if spread == 0 { return a.mean == b.mean ? 0 : .infinity }
        return abs(a.mean - b.mean) / spread.squareRoot()
    }

    @inline(never)
    private static func time(_ row: Row, _ number: Int) -> Double {
        let body = row.body
        row.prepare(number)
        let begun = now()
        for _ in 0..<row.repetitions { body() }
        return Double(now() - begun)
    }

    /// Nanoseconds.
    private static func now() -> Int64 {
        var time = timespec()
        // Safe: a structure of this function.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Makes a result count, so that the work for it is not left out.
    @inline(never)
    private static func keep(_ value: Int) {
        precondition(value >= 0)
    }
}
