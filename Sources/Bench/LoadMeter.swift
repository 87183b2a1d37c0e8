import Glibc
import Platform

/// What a load generator measures of a server: rate, latency, the server's processor time.
///
/// Who uses it lets the first second pass before `begin`: buffers and caches fill.
struct LoadMeter {
    private let pid: Int32
    private var before: ProcessorTime
    private var start = LoadMeter.nanoseconds()
    private var latencies: [Int64] = []

    /// - Parameter pid: the server's process.
    init(pid: Int32) {
        self.pid = pid
        before = ProcessorTime(pid: pid)
        latencies.reserveCapacity(1 << 20)
    }

    /// Nanoseconds of the machine's clock.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Begins to count.
    mutating func begin() {
        latencies.removeAll(keepingCapacity: true)
        before = ProcessorTime(pid: pid)
        start = Self.nanoseconds()
    }

    /// One message is through that was sent at this time.
    mutating func finished(sentAt: Int64) {
        latencies.append(Self.nanoseconds() - sentAt)
    }

    /// Prints what was measured as one line of JSON.
    mutating func report(_ name: String, connections: Int, window: Int) {
        let elapsed = Double(Self.nanoseconds() - start) / 1e9
        let after = ProcessorTime(pid: pid)
        latencies.sort()
        let count = latencies.count
        let processor = Double(after.microseconds - before.microseconds) / Double(max(count, 1))
        func at(_ part: Double) -> Int64 {
            latencies.isEmpty ? 0 : latencies[Int(Double(count - 1) * part)] / 1_000
        }
        print(
            "{\"name\": \"\(name)\", \"connections\": \(connections), \"window\": \(window),"
                + " \"count\": \(count), \"rate\": \(Int(Double(count) / elapsed)),"
                + " \"p50_us\": \(at(0.5)), \"p99_us\": \(at(0.99)),"
                + " \"server_cpu_us\": \((processor * 100).rounded() / 100)}")
    }
}

/// Processor time of another process and of all its threads, from /proc/PID/stat.
struct ProcessorTime {
    let microseconds: Int64

    init(pid: Int32) {
        let text =
            (try? SafeFile.read("/proc/\(pid)/stat", byteCountMax: 4_096, isPrivate: false)) ?? []
        // The name in the second field may hold spaces; the fields behind its parenthesis do not.
        let tail = text.lastIndex(of: UInt8(ascii: ")")).map { text[($0 + 1)...] } ?? []
        let fields = tail.split(separator: UInt8(ascii: " ")).map {
            Int64(String(decoding: $0, as: UTF8.self)) ?? 0
        }
        let tick = 1_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))
        microseconds = fields.count > 12 ? (fields[11] + fields[12]) * tick : 0
    }
}
