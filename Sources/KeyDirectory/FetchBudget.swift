import Wire

/// How many one-time prekeys of each device have been handed out in the running hour.
///
/// In memory only, so that the disk tells nobody whose prekeys were asked for. A restart lets out
/// a few more, and a transaction that is rolled back a few less. At most one entry a device that
/// had one handed out in this hour.
///
/// - SPEC: §9.8, KD-20
struct FetchBudget {
    private var hour = Hours(0)
    private var used: [Int64: Int] = [:]

    /// Whether one more may be handed out; counts it if so.
    mutating func take(device: Int64, at now: Hours) -> Bool {
        // A clock that goes back must not make the hour last longer than an hour of its own.
        if now != hour {
            hour = now
            used.removeAll(keepingCapacity: true)
        }
        let count = used[device, default: 0]
        // KD-20
        guard count < Limits.oneTimePreKeysPerDeviceHour else { return false }
        used[device] = count + 1
        return true
    }
}
