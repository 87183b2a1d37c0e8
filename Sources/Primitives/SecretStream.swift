internal import CSodium

/// Why a message of a stream did not open.
package enum SecretStreamError: Error, Equatable, Sendable {
    /// It is shorter than a tag and a code.
    case tooShort(byteCount: Int)
    /// Key, header, place in the stream, associated data or bytes are not those it was sealed with.
    case authentication
    /// It is genuine and marked in a way that is not used here; the stream has ended for its reader.
    case otherTag(UInt8)
    /// The stream has ended.
    case ended
}

/// How a message of a stream is marked. libsodium has two more marks, which are not used.
///
/// - SPEC: §4.7
package enum SecretStreamTag: UInt8, Sendable {
    /// More follows.
    case message = 0
    /// The last one.
    case final = 3
}

/// What a stream is made of: libsodium's `crypto_secretstream_xchacha20poly1305`.
///
/// Each message is authenticated together with its place: the nonce of one depends on its number
/// and on the codes of all before it. Like the ciphers below it, a stream does not commit to its
/// key.
///
/// - SPEC: §4.7
package enum SecretStream {
    /// Bytes in a key.
    package static let keyByteCount = 32
    /// Bytes in a header, which is public and never the same twice under one key.
    package static let headerByteCount = 24
    /// Bytes that sealing adds: the mark in front, the code behind.
    package static let overheadByteCount = 17
}

/// The moving part of both directions, which are the same: 52 bytes, wiped when dropped.
struct SecretStreamState: ~Copyable {
    private typealias Layout = crypto_secretstream_xchacha20poly1305_state
    private var bytes: SecretBytes

    /// The state before the first message.
    ///
    /// libsodium draws the header itself when a stream is begun for writing. Begun for reading, with
    /// a header that is given, the state is the same; so randomness enters through the caller alone.
    init(key: borrowing SecretBytes, header: FixedBytes<24>) {
        precondition(key.byteCount == SecretStream.keyByteCount, "a stream key has 32 bytes")
        let keySpan = key.raw
        bytes = SecretBytes(byteCount: MemoryLayout<Layout>.size) { span in
            // Safe: the state has the size of the layout, key and header have theirs.
            let code = unsafe span.withMutablePointer { target in
                unsafe target.withMemoryRebound(to: Layout.self, capacity: 1) { state in
                    unsafe header.raw.withPointer { headerPointer in
                        unsafe keySpan.withPointer {
                            unsafe crypto_secretstream_xchacha20poly1305_init_pull(
                                state, headerPointer, $0)
                        }
                    }
                }
            }
            precondition(code == 0, "a stream begins")
        }
    }

    /// Seals `message` into 17 bytes more and moves on.
    mutating func push(
        _ message: RawSpan, tag: SecretStreamTag, into output: inout MutableRawSpan,
        _ associatedData: RawSpan
    ) {
        let count = message.byteCount
        precondition(
            output.byteCount == count + SecretStream.overheadByteCount,
            "room for the message, its mark and its code")
        var state = bytes.mutableRaw
        // Safe: the sizes were just checked.
        let code = unsafe state.withMutablePointer { pointer in
            unsafe pointer.withMemoryRebound(to: Layout.self, capacity: 1) { state in
                unsafe output.withMutablePointer { target in
                    unsafe message.withPointer { source in
                        unsafe associatedData.withPointer {
                            unsafe crypto_secretstream_xchacha20poly1305_push(
                                state, target, nil, source, UInt64(count), $0,
                                UInt64(associatedData.byteCount), tag.rawValue)
                        }
                    }
                }
            }
        }
        precondition(code == 0, "a message is sealed")
    }

    /// Opens `sealed` into 17 bytes less and moves on, or does neither.
    ///
    /// - Returns: the mark, nil when the message is not genuine here.
    mutating func pull(
        _ sealed: RawSpan, into output: inout MutableRawSpan, _ associatedData: RawSpan
    ) -> UInt8? {
        let count = sealed.byteCount
        precondition(
            output.byteCount == count - SecretStream.overheadByteCount, "room for the message")
        var tag: UInt8 = 0xff
        var state = bytes.mutableRaw
        // Safe: the sizes were just checked.
        let code = unsafe state.withMutablePointer { pointer in
            unsafe pointer.withMemoryRebound(to: Layout.self, capacity: 1) { state in
                unsafe output.withMutablePointer { target in
                    unsafe sealed.withPointer { source in
                        unsafe associatedData.withPointer {
                            unsafe crypto_secretstream_xchacha20poly1305_pull(
                                state, target, nil, &tag, source, UInt64(count), $0,
                                UInt64(associatedData.byteCount))
                        }
                    }
                }
            }
        }
        return code == 0 ? tag : nil
    }
}

/// The writing end of a stream.
///
/// One key and header are for one stream of messages: a second stream under both, with another
/// message in a place, shows both messages to whoever has the two.
///
/// - SPEC: §4.7
package struct SecretStreamPusher: ~Copyable {
    private var state: SecretStreamState
    /// Whether the last message was sealed.
    package private(set) var isEnded = false

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - header: 24 bytes; random, or derived together with a key that is used once.
    package init(key: borrowing SecretBytes, header: FixedBytes<24>) {
        state = SecretStreamState(key: key, header: header)
    }

    /// Seals the next message into a buffer of exactly 17 bytes more. No allocation.
    ///
    /// After `.final` nothing may follow.
    package mutating func push(
        _ message: RawSpan, tag: SecretStreamTag, into output: inout MutableRawSpan,
        authenticating associatedData: RawSpan = RawSpan()
    ) {
        precondition(!isEnded, "nothing follows the last message")
        state.push(message, tag: tag, into: &output, associatedData)
        isEnded = tag == .final
    }

    /// Seals the next message into a new array.
    package mutating func push(
        _ message: RawSpan, tag: SecretStreamTag,
        authenticating associatedData: RawSpan = RawSpan()
    ) -> [UInt8] {
        let count = message.byteCount + SecretStream.overheadByteCount
        var sealed = [UInt8](repeating: 0, count: count)
        var span = sealed.mutableRaw
        push(message, tag: tag, into: &span, authenticating: associatedData)
        return sealed
    }
}

/// The reading end of a stream.
///
/// - SPEC: §4.7, PR-6
package struct SecretStreamPuller: ~Copyable {
    private var state: SecretStreamState
    /// Whether the last message was opened, or one that is marked in a way not used here.
    package private(set) var isEnded = false

    /// A message that opened.
    package struct Opened: Sendable {
        /// How it is marked.
        package let tag: SecretStreamTag
        /// What it says.
        package let bytes: [UInt8]
    }

    /// Begins to read a stream.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - header: the 24 bytes with which it was begun.
    package init(key: borrowing SecretBytes, header: FixedBytes<24>) {
        state = SecretStreamState(key: key, header: header)
    }

    /// Opens the next message into a buffer of exactly 17 bytes less. No allocation.
    ///
    /// - Throws: `authentication`: nothing is written, and the stream stands where it stood, so that
    ///   another copy of this message can be tried; `otherTag`: what is in `output` is not to be
    ///   used; `tooShort`, `ended`.
    package mutating func pull(
        _ sealed: RawSpan, into output: inout MutableRawSpan,
        authenticating associatedData: RawSpan = RawSpan()
    ) throws(SecretStreamError) -> SecretStreamTag {
        guard !isEnded else { throw .ended }
        guard sealed.byteCount >= SecretStream.overheadByteCount else {
            throw .tooShort(byteCount: sealed.byteCount)
        }
        guard let found = state.pull(sealed, into: &output, associatedData) else {
            throw .authentication  // PR-6
        }
        guard let tag = SecretStreamTag(rawValue: found) else {
            isEnded = true
            throw .otherTag(found)
        }
        isEnded = tag == .final
        return tag
    }

    /// Opens the next message into a new array.
    ///
    /// - Throws: as above; nothing of the message is shown then.
    package mutating func pull(
        _ sealed: RawSpan, authenticating associatedData: RawSpan = RawSpan()
    ) throws(SecretStreamError) -> Opened {
        let count = max(0, sealed.byteCount - SecretStream.overheadByteCount)
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableRaw
        let tag = try pull(sealed, into: &span, authenticating: associatedData)
        return Opened(tag: tag, bytes: bytes)
    }

    /// Moves past a message that is not the last one, of which the plaintext is at hand: sealing it
    /// again gives the bytes that would have been opened, and they move the stream as opening does.
    ///
    /// Nothing tells here whether `message` is the one that was sent; where it is not, no later
    /// message opens.
    ///
    /// - Parameter scratch: 17 bytes more than the message; it holds what was sent afterwards.
    package mutating func skip(
        _ message: RawSpan, using scratch: inout [UInt8],
        authenticating associatedData: RawSpan = RawSpan()
    ) throws(SecretStreamError) {
        guard !isEnded else { throw .ended }
        var span = scratch.mutableRaw
        state.push(message, tag: .message, into: &span, associatedData)
    }
}
