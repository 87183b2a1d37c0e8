import Glibc

/// The two times a program may ask for; passed in, so that tests and simulations set them.
package protocol Clock: Sendable {
    /// Milliseconds since 1970-01-01 UTC. May jump either way when somebody sets the clock.
    var wallMilliseconds: Int64 { get }
    /// Milliseconds since an arbitrary moment. Never goes back, also counts while suspended.
    var monotonicMilliseconds: Int64 { get }
}

extension Clock {
    /// Whole seconds since 1970-01-01 UTC.
    package var wallSeconds: Int64 { wallMilliseconds / 1_000 }
}

/// The machine's own clocks.
package struct SystemClock: Clock {
    /// Makes the clock; it holds nothing.
    package init() {}

    package var wallMilliseconds: Int64 { Self.read(CLOCK_REALTIME) }

    // BOOTTIME and not MONOTONIC: a laptop's client that slept for an hour must see its timers run.
    package var monotonicMilliseconds: Int64 { Self.read(CLOCK_BOOTTIME) }

    private static func read(_ id: clockid_t) -> Int64 {
        var now = timespec()
        let result = unsafe clock_gettime(id, &now)
        precondition(result == 0)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}

/// A clock that stands still until it is moved, shared by all who hold it.
package final class ManualClock: Clock {
    private let times: Lock<(wall: Int64, monotonic: Int64)>

    /// Makes a clock that shows these two times, in milliseconds.
    package init(wallMilliseconds: Int64, monotonicMilliseconds: Int64 = 0) {
        times = Lock((wallMilliseconds, monotonicMilliseconds))
    }

    package var wallMilliseconds: Int64 { times.withLock { $0.wall } }
    package var monotonicMilliseconds: Int64 { times.withLock { $0.monotonic } }

    /// Lets `milliseconds` (not negative) pass on both clocks.
    package func advance(milliseconds: Int64) {
        precondition(milliseconds >= 0)
        times.withLock {
            $0.wall += milliseconds
            $0.monotonic += milliseconds
        }
    }

    /// Sets the wall clock as a person or a time server would; the monotonic one does not notice.
    package func setWall(milliseconds: Int64) {
        times.withLock { $0.wall = milliseconds }
    }
}
