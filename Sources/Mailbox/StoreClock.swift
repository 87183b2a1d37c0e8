/// Decides how far a sweep may trust the wall clock (J13), and which hour new rows count from.
///
/// Everything that expires does so by the wall clock, and somebody who sets that clock ten years
/// ahead would empty the store. So the store remembers the last hour it believed. A sweep that
/// finds the clock more than `jumpHoursMax` past it takes at most a hundredth of the envelopes and
/// of the blobs, once, and then holds still until one of three things happens: the clock comes
/// back, the operator says that it is right, or the clock runs steadily for `steadyHoursMin`. The
/// last is for the server that was simply switched off for a week and whose operator reads no logs.
///
/// A value without I/O; both stores use it.
///
/// - SPEC: MB-29
package struct StoreClock: Equatable, Sendable {
    /// The last hour that was believed, in hours since 1970.
    package var hour: Int64
    /// While on hold, the hour of the last sweep; else 0.
    package var heldHour: Int64 = 0
    /// While on hold, how long the clock has been steady, at least 1; else 0.
    package var steadyHours: Int64 = 0

    /// How far the clock may run ahead between two sweeps: a long weekend without power. Larger
    /// would let a larger mistake through, smaller would hold up more honest restarts.
    package static let jumpHoursMax: Int64 = 72
    /// How long a jumped clock runs steadily before it is believed.
    package static let steadyHoursMin: Int64 = 168

    /// Begins with an hour that is believed.
    package init(hour: Int64) { self.hour = hour }

    /// Restores what was stored.
    package init(hour: Int64, heldHour: Int64, steadyHours: Int64) {
        self.hour = hour
        self.heldHour = heldHour
        self.steadyHours = steadyHours
    }

    /// What a sweep may do.
    package enum Permission: Equatable, Sendable {
        /// Remove all that has expired.
        case all
        /// The same, and begin every lease anew: the clock had jumped, and for as long as it did
        /// nobody could read.
        case allAfterJump
        /// Remove at most a hundredth of envelopes and blobs.
        case hundredth
        /// Remove nothing.
        case nothing
    }

    /// The hour since 1970 in which a moment lies.
    package static func hour(_ wallSeconds: Int64) -> Int64 { max(0, wallSeconds / 3_600) }

    /// The hour new rows count from: never before one that was believed, or a clock that was set
    /// back for a moment would make them expire when it is right again.
    package func storingHour(_ wallSeconds: Int64) -> Int64 {
        max(Self.hour(wallSeconds), hour)
    }

    /// The latest hour at which a row may expire that was stored under a sound clock.
    package static func expiryHourMax(hour: Int64) -> Int64 {
        mendedExpiryHour(hour: hour) + jumpHoursMax
    }

    /// When a row goes whose expiry a wrong clock has set.
    package static func mendedExpiryHour(hour: Int64) -> Int64 { hour + expiryDaysMax * 24 }

    /// Days that anything is kept at most.
    package static let expiryDaysMax: Int64 = 30

    /// Takes note of a sweep at this time and says what it may do.
    package mutating func sweep(_ wallSeconds: Int64) -> Permission {
        let now = Self.hour(wallSeconds)
        if now <= hour + Self.jumpHoursMax {
            hour = max(hour, now)
            heldHour = 0
            steadyHours = 0
            return .all
        }
        if steadyHours == 0 {
            heldHour = now
            steadyHours = 1
            return .hundredth
        }
        // Two hours of room, since a sweep can come late. Any larger step is another jump.
        let step = now - heldHour
        steadyHours = (0...2).contains(step) ? steadyHours + step : 1
        heldHour = now
        if steadyHours < Self.steadyHoursMin { return .nothing }
        return believe(wallSeconds) ? .allAfterJump : .all
    }

    /// The clock is right, also when it stands before an hour that was believed wrongly.
    ///
    /// - Returns: whether it had jumped, either way; then every lease has to begin anew.
    package mutating func believe(_ wallSeconds: Int64) -> Bool {
        let now = Self.hour(wallSeconds)
        let jumped = now > hour + Self.jumpHoursMax || now < hour - Self.jumpHoursMax
        hour = now
        heldHour = 0
        steadyHours = 0
        return jumped
    }

    // MARK: Leases

    /// The week since 1970 in which a lease begins now: of the wall clock while that may be
    /// believed. A clock that was set back would else end leases when it is right again, and one
    /// that is years ahead would make them last for years.
    package func leaseWeek(_ wallSeconds: Int64) -> Int64 {
        // MB-29
        min(storingHour(wallSeconds), hour + Self.jumpHoursMax) / 168
    }

    /// The first week whose leases still hold at an hour: a mailbox last read in an earlier one is
    /// removed. Since only the week of reading is known, a lease lasts up to a week longer.
    package static func leaseWeekMin(hour: Int64, leaseDays: Int) -> Int64 {
        hour / 168 - (Int64(leaseDays) + 6) / 7
    }
}
