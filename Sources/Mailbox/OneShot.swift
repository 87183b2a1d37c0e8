import Platform

/// Hands a value with one owner from one thread to another, once.
///
/// Closures and inbox messages can be copied, so they cannot carry such a value themselves.
final class OneShot<Value: ~Copyable & Sendable>: @unchecked Sendable {
    // Guarded by `isTaken`'s lock: only the caller that turns it from false to true reads it.
    private var value: Value?
    private let isTaken = Lock(false)

    init(_ value: consuming Value) { self.value = consume value }

    /// The value, the first time; nil ever after.
    func take() -> Value? {
        let mine = isTaken.withLock { taken in
            let first = !taken
            taken = true
            return first
        }
        return mine ? value.take() : nil
    }
}
