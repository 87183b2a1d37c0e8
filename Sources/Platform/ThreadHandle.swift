import CLinux
import Glibc

/// A plain thread that has been started; `join` waits for its end.
///
/// Dropping the handle without `join` lets the thread run on by itself.
package struct ThreadHandle: ~Copyable, Sendable {
    private let handle: pthread_t

    fileprivate init(handle: pthread_t) { self.handle = handle }

    /// Waits until the thread's body has returned.
    package consuming func join() {
        pthread_join(handle, nil)
        discard self
    }

    deinit { pthread_detach(handle) }
}

/// Carries the closure through the C argument; made and consumed exactly once.
private final class ThreadBody {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Starts a thread that runs `body`.
///
/// The parameter is `@Sendable` so that the compiler checks what crosses, and so that a closure
/// written in a program's main file is not taken for one of the main actor, which would trap on
/// this thread. The signals that the process has blocked before stay blocked in it.
///
/// - Parameter name: at most 15 bytes, shown by `ps -L`; says what the thread does, never for whom.
/// - Throws: `SystemError` when the system has no thread left.
package func spawnThread(
    named name: StaticString, _ body: @escaping @Sendable () -> Void
) throws(SystemError) -> ThreadHandle {
    let argument = unsafe Unmanaged.passRetained(ThreadBody(body))
    var handle = pthread_t()
    let code = unsafe pthread_create(
        &handle, nil,
        { pointer in
            if let pointer = unsafe pointer {
                unsafe Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().body()
            }
            return nil
        }, argument.toOpaque())
    if code != 0 {
        unsafe argument.release()
        throw SystemError(.clone, code: code)
    }
    _ = unsafe cl_set_thread_name(handle, name.description)
    return ThreadHandle(handle: handle)
}
