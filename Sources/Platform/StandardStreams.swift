import Glibc

/// What a program does before all else, so that neither its streams nor a limit end it by surprise:
/// a reader of the output that goes away and a limit on the size of files become errors of the
/// call, and a standard stream that was handed over closed stays an error, instead of becoming
/// whatever file or socket is opened next.
package func settleStreams() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
        // The lowest free number is taken: this one. Opened the wrong way round, it refuses.
        _ = unsafe open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
    }
}

/// Reads what a descriptor has, waiting for the first byte.
///
/// - Parameters:
///   - descriptor: An open descriptor.
///   - byteCountMax: At most so many bytes.
/// - Returns: The bytes; none at the end of input.
/// - Throws: `SystemError` with the call `.read`.
package func readSome(from descriptor: Int32, byteCountMax: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCountMax)
    while true {
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        }
        let code = errno
        if count >= 0 { return Array(bytes.prefix(count)) }
        if code == EINTR { continue }
        guard code == EAGAIN else { throw SystemError(.read, code: code) }
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe Glibc.poll(&entry, 1, -1)
    }
}

/// Writes a short text to a descriptor that may be a terminal, pipe or file if that takes it now,
/// and never waits: a reader that has stopped reading stops nobody else.
///
/// - Parameters:
///   - bytes: At most 4,096, which is what a pipe that takes anything takes whole.
///   - descriptor: An open descriptor, blocking or not. Callers take turns: between two at once
///     the room that both have seen may go to one.
/// - Returns: Whether all of it was written.
package func writeNow(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    guard bytes.count <= 4_096 else { return false }
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard unsafe Glibc.poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLOUT) != 0 else {
        return false
    }
    let written = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
    }
    return written == bytes.count
}

/// Writes every byte to a descriptor that may be a terminal, pipe or file, waiting when it must.
///
/// - Parameters:
///   - bytes: What to write; nothing is written when empty.
///   - descriptor: An open descriptor, blocking or not.
/// - Returns: 0, or the `errno` of the write that failed; part of the bytes may have gone out.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var done = 0
    while done < bytes.count {
        let start = done
        let written = unsafe bytes.withUnsafeBytes { buffer in
            // `start` is below the count, so the address exists and the range is inside.
            unsafe Glibc.write(
                descriptor, buffer.baseAddress.map { unsafe $0 + start },
                buffer.count - start)
        }
        if written > 0 {
            done += written
            continue
        }
        let code = errno
        if written < 0, code == EINTR { continue }
        guard written < 0, code == EAGAIN else { return written < 0 ? code : EIO }
        // Somebody made the terminal or pipe non-blocking: wait until it takes more.
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe Glibc.poll(&entry, 1, -1)
    }
    return 0
}
