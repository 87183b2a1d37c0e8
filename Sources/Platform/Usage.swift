import Glibc

/// What this process and its disk use, for health, metrics and benchmarks.
package enum Usage {
    /// Bytes of memory resident in RAM; 0 when /proc cannot be read.
    package static var residentByteCount: Int {
        // Fields of /proc/self/statm: total, resident, …, in pages.
        guard
            let text = try? SafeFile.read("/proc/self/statm", byteCountMax: 4_096, isPrivate: false)
        else { return 0 }
        let fields = text.split(separator: UInt8(ascii: " "))
        guard fields.count > 1 else { return 0 }
        var pages = 0
        for digit in fields[1] where (0x30...0x39).contains(digit) {
            pages = pages * 10 + Int(digit - 0x30)
        }
        return pages * Int(getpagesize())
    }

    /// Microseconds of processor time so far: all threads, in programs and in the kernel.
    package static var processor: (user: Int64, system: Int64) {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(0), &usage) == 0 else { return (0, 0) }
        return (microseconds(usage.ru_utime), microseconds(usage.ru_stime))
    }

    /// Bytes on the file system that holds `path`: `free` is what this user may still fill.
    ///
    /// - Throws: `SystemError` when there is no such path.
    package static func disk(at path: String) throws(SystemError) -> (free: Int64, total: Int64) {
        var status = statvfs()
        _ = try uninterrupted(.statvfs) { unsafe statvfs(path, &status) }
        let unit = Int64(clamping: status.f_frsize)
        // Multiplied with care: a network file system may answer nonsense.
        let free = Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: unit)
        let total = Int64(clamping: status.f_blocks).multipliedReportingOverflow(by: unit)
        return (
            free.overflow ? .max : free.partialValue, total.overflow ? .max : total.partialValue
        )
    }

    private static func microseconds(_ time: timeval) -> Int64 {
        Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec)
    }
}
