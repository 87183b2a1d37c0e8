import Glibc

/// What a read or a write on a non-blocking descriptor came to.
package enum TransferResult: Equatable, Sendable {
    /// So many bytes were moved, at least 1.
    case bytes(Int)
    /// Nothing can be moved now; wait until the descriptor is ready.
    case wouldBlock
    /// The other side has gone, in whatever way.
    case closed
}

/// A file descriptor with one owner; closed when the owner lets go of it.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, for calls that borrow it; never close it.
    package let raw: Int32

    /// Takes over `raw`, which must be open and have no other owner.
    package init(owning raw: Int32) {
        precondition(raw >= 0)
        self.raw = raw
    }

    // The result of close is not looked at: Linux frees the number whatever it answers, and what
    // must be on disk was synced before.
    deinit { _ = Glibc.close(raw) }

    /// Gives the number away; the new owner closes it.
    package consuming func release() -> Int32 {
        let fd = raw
        discard self
        return fd
    }

    /// Reads at most as many bytes as `buffer` has room for beyond what it holds.
    ///
    /// - Parameter room: how many bytes to make room for first, at least 1.
    /// - Throws: `SystemError` for errors other than those of a peer that is gone.
    package func read(
        into buffer: inout ByteBuffer, room: Int
    ) throws(SystemError) -> TransferResult {
        var code: Int32 = 0
        let count = unsafe buffer.appendRaw(room: room) { pointer in
            while true {
                let result = unsafe Glibc.read(raw, pointer.baseAddress, pointer.count)
                code = errno
                if result >= 0 || code != EINTR { return result }
            }
        }
        if count > 0 { return .bytes(count) }
        return count == 0 ? .closed : try Self.classify(code, .read)
    }

    /// Sends bytes on a socket, without the signal a closed peer would cause.
    ///
    /// - Throws: `SystemError` for errors other than those of a peer that is gone.
    package func send(_ bytes: RawSpan) throws(SystemError) -> TransferResult {
        if bytes.byteCount == 0 { return .bytes(0) }
        while true {
            let result = unsafe bytes.withUnsafeBytes { pointer in
                unsafe Glibc.send(raw, pointer.baseAddress, pointer.count, Int32(MSG_NOSIGNAL))
            }
            let code = errno
            if result >= 0 { return .bytes(result) }
            if code != EINTR { return try Self.classify(code, .send) }
        }
    }

    /// Writes all of `bytes` to a file or a blocking descriptor.
    ///
    /// - Throws: `SystemError`; part of the bytes may then have been written.
    package func writeAll(_ bytes: RawSpan) throws(SystemError) {
        var done = 0
        while done < bytes.byteCount {
            let result = unsafe bytes.withUnsafeBytes { pointer in
                unsafe Glibc.write(
                    raw, pointer.baseAddress.map { unsafe $0 + done }, pointer.count - done)
            }
            let code = errno
            if result > 0 {
                done += result
            } else if result == 0 {
                throw SystemError(.write, code: EIO)
            } else if code != EINTR {
                throw SystemError(.write, code: code)
            }
        }
    }

    /// Waits until all that was written to the file is on the disk.
    ///
    /// - Throws: `SystemError`. After a failure the file's contents are unknown: trying again and
    ///   then believing success is how data was lost elsewhere (J3).
    package func sync() throws(SystemError) {
        _ = try uninterrupted(.fsync) { Glibc.fsync(raw) }
    }

    private static func classify(
        _ code: Int32, _ call: SystemError.Call
    ) throws(SystemError) -> TransferResult {
        switch code {
        case EAGAIN, EWOULDBLOCK: return .wouldBlock
        case ECONNRESET, EPIPE, ETIMEDOUT, ECONNABORTED, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
            ENETRESET, ENOTCONN, ECONNREFUSED:
            return .closed
        default: throw SystemError(call, code: code)
        }
    }
}
