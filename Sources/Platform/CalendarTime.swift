import Glibc

/// A moment taken apart into the parts of the Gregorian calendar.
package struct CalendarTime: Sendable, Equatable {
    /// Year, 1970 to 9999.
    package let year: Int
    /// Month, 1 to 12.
    package let month: Int
    /// Day, 1 to 31.
    package let day: Int
    /// Hour, 0 to 23.
    package let hour: Int
    /// Minute, 0 to 59.
    package let minute: Int
    /// Second, 0 to 60.
    package let second: Int

    /// The last second of the year 9999; a later time (a peer may claim any) is cut to it.
    private static let latestSeconds: UInt64 = 253_402_300_799

    /// In the time zone of the machine.
    ///
    /// - Parameter secondsSince1970: UTC.
    package init(localSecondsSince1970 seconds: UInt64) {
        var time = time_t(min(seconds, Self.latestSeconds))
        var parts = unsafe tm()
        unsafe localtime_r(&time, &parts)
        unsafe self.init(parts)
    }

    /// In UTC.
    ///
    /// - Parameter secondsSince1970: UTC.
    package init(utcSecondsSince1970 seconds: UInt64) {
        var time = time_t(min(seconds, Self.latestSeconds))
        var parts = unsafe tm()
        unsafe gmtime_r(&time, &parts)
        unsafe self.init(parts)
    }

    /// Unsafe because `tm` carries a pointer to the zone's name, which is not read.
    private init(_ parts: tm) {
        unsafe year = Int(parts.tm_year) + 1_900
        unsafe month = Int(parts.tm_mon) + 1
        unsafe day = Int(parts.tm_mday)
        unsafe hour = Int(parts.tm_hour)
        unsafe minute = Int(parts.tm_min)
        unsafe second = Int(parts.tm_sec)
    }
}
