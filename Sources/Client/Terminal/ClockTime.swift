import Platform

/// Local date and time for people, and UTC in RFC 3339 for programs, from milliseconds.
public enum ClockTime {
    /// `2026-11-21 10:04` in the local time zone.
    ///
    /// - Parameter milliseconds: Since 1970, UTC.
    public static func local(_ milliseconds: UInt64) -> SafeText {
        let time = CalendarTime(localSecondsSince1970: milliseconds / 1_000)
        return "\(day(time)) \(two(time.hour)):\(two(time.minute))"
    }

    /// `10:04` in the local time zone.
    ///
    /// - Parameter milliseconds: Since 1970, UTC.
    public static func localHour(_ milliseconds: UInt64) -> SafeText {
        let time = CalendarTime(localSecondsSince1970: milliseconds / 1_000)
        return "\(two(time.hour)):\(two(time.minute))"
    }

    /// `2026-11-21T10:04:05.123Z`.
    ///
    /// - Parameter milliseconds: Since 1970, UTC.
    public static func utc(_ milliseconds: UInt64) -> String {
        let time = CalendarTime(utcSecondsSince1970: milliseconds / 1_000)
        let rest = String(milliseconds % 1_000)
        let fraction = String(repeating: "0", count: 3 - rest.count) + rest
        let clock: SafeText = "\(two(time.hour)):\(two(time.minute)):\(two(time.second))"
        return "\(day(time).description)T\(clock.description).\(fraction)Z"
    }

    private static func day(_ time: CalendarTime) -> SafeText {
        "\(time.year)-\(two(time.month))-\(two(time.day))"
    }

    private static func two(_ number: Int) -> SafeText {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
