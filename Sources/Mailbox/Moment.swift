package import Platform

/// The time as a turn sees it; passed in, so that tests and simulations set it.
package struct Moment: Sendable {
    /// Seconds since 1970, UTC.
    package let wallSeconds: Int64
    /// Milliseconds since an arbitrary moment, never going back.
    package let monotonicMilliseconds: Int64

    /// Makes a moment.
    package init(wallSeconds: Int64, monotonicMilliseconds: Int64) {
        self.wallSeconds = wallSeconds
        self.monotonicMilliseconds = monotonicMilliseconds
    }

    /// Reads both clocks.
    package init(_ clock: some Clock) {
        wallSeconds = clock.wallSeconds
        monotonicMilliseconds = clock.monotonicMilliseconds
    }
}
