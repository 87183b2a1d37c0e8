import Glibc

/// A mutual-exclusion lock around one value, over a `pthread_mutex_t`.
///
/// The standard library's `Mutex` is as fast, but ThreadSanitizer does not see its futex on Linux
/// and reports races that are none. With this lock a report always means something.
///
/// Both the mutex and the state lie on the heap at a fixed address, because POSIX forbids moving
/// a mutex. The state is `Sendable`, so nothing that is bound to a thread can be taken out of it.
@safe package final class Lock<State: Sendable>: @unchecked Sendable {  // the mutex guards `state`
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let state: UnsafeMutablePointer<State>

    /// Makes an unlocked lock around `initial`.
    package init(_ initial: State) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: initial)
        let result = unsafe pthread_mutex_init(mutex, nil)
        precondition(result == 0)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Runs `body` with exclusive access to the state and returns what it returns.
    ///
    /// Not recursive: taking the lock again inside `body` never returns. Keep `body` short, and
    /// make no system call in it.
    @inline(__always)
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let locked = unsafe pthread_mutex_lock(mutex)
        precondition(locked == 0)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try unsafe body(&state.pointee)
    }
}
