/// A time in whole hours since 1970-01-01T00:00Z: the only resolution of times in signed objects
/// and in the server's store (E11).
///
/// - SPEC: §2
package struct Hours: Hashable, Comparable, Sendable {
    /// Hours since 1970.
    package let count: UInt32

    /// - Parameter count: hours since 1970.
    package init(_ count: UInt32) { self.count = count }

    /// The hour a moment lies in; moments before 1970 or after the year 491,936 are cut off.
    ///
    /// - Parameter secondsSince1970: seconds, UTC.
    package init(secondsSince1970: Int64) {
        self.count = UInt32(clamping: secondsSince1970 / 3600)
    }

    /// Seconds since 1970 at which the hour begins.
    package var secondsSince1970: Int64 { Int64(count) * 3600 }

    /// Earlier or later.
    package static func < (one: Hours, other: Hours) -> Bool { one.count < other.count }

    /// So many hours later, at most the last hour that can be written.
    package func advanced(byHours hours: UInt32) -> Hours {
        let (sum, overflow) = count.addingReportingOverflow(hours)
        return Hours(overflow ? .max : sum)
    }
}

/// From when until when a signed object holds.
///
/// - SPEC: §9.5, KD-10
package struct ValidityWindow: Hashable, Sendable {
    /// How far two sound clocks may disagree. Smaller would refuse people whose clock is off by a
    /// time zone and a day; larger would keep a frozen bundle alive for longer (A12).
    package static let skewHours: UInt32 = 48

    /// First hour.
    package let from: Hours
    /// End, not part of the window.
    package let expiry: Hours

    /// A window; `expiry` may lie before `from`, ``check(secondsSince1970:lengthHoursMax:)`` tells.
    package init(from: Hours, expiry: Hours) {
        self.from = from
        self.expiry = expiry
    }

    /// What is wrong with a window at a moment.
    package enum Problem: Error, Equatable, Sendable {
        /// More than the skew allowance before its begin.
        case notYet
        /// More than the skew allowance after its end.
        case expired
        /// Its end does not lie after its begin, or lies too far after it.
        case length(hours: Int64, limit: UInt32)
    }

    /// Checks the window against a clock.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970, UTC.
    ///   - lengthHoursMax: how long such a window may be, in hours.
    /// - Throws: the first problem; the length is judged before the clock.
    package func check(
        secondsSince1970 now: Int64, lengthHoursMax: UInt32
    ) throws(Problem) {
        // KD-10
        let length = Int64(expiry.count) - Int64(from.count)
        guard length > 0, length <= Int64(lengthHoursMax) else {
            throw .length(hours: length, limit: lengthHoursMax)
        }
        let skewSeconds = Int64(Self.skewHours) * 3600
        guard now >= from.secondsSince1970 - skewSeconds else { throw .notYet }
        guard now <= expiry.secondsSince1970 + skewSeconds else { throw .expired }
    }
}
