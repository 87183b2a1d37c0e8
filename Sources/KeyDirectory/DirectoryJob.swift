package import Primitives
package import Wire

/// A request to the directory as it came, copied out of its message: nothing in it is checked yet.
///
/// ``check(secondsSince1970:)`` verifies signatures and needs no store, so that it can run on
/// another thread than the store's.
///
/// - SPEC: §9.7, §9.8
package struct DirectoryJob: Sendable {
    /// What is asked.
    private enum Question: Sendable {
        case publishRecord([UInt8])
        case publishBundle(Handle, bundle: [UInt8], preKeys: [UInt8])
        case lookUp(Handle)
        case fetchPreKeys(Handle, deviceID: UInt32)
        case preKeyStatus(PreKeyStatusFrame, handshakeHash: FixedBytes<32>)
        case releaseHandle(ReleaseHandleFrame, handshakeHash: FixedBytes<32>)
    }

    /// The id of the request.
    package let request: UInt32
    private let question: Question

    /// Copies what a frame of the directory asks, or returns nil for any other frame.
    ///
    /// - Parameters:
    ///   - frame: decoded from `message`.
    ///   - message: the whole message.
    ///   - handshakeHash: of the channel the frame came on.
    package init?(_ frame: ClientFrame, in message: RawSpan, handshakeHash: FixedBytes<32>) {
        func copy(_ range: Range<Int>) -> [UInt8] {
            [UInt8](copying: message.extracting(range.clamped(to: 0..<message.byteCount)))
        }
        switch frame {
        case .publishRecord(let frame):
            request = frame.request
            question = .publishRecord(copy(frame.record))
        case .publishBundle(let frame):
            request = frame.request
            question = .publishBundle(
                frame.handle, bundle: copy(frame.bundle), preKeys: copy(frame.preKeys))
        case .lookUp(let frame):
            request = frame.request
            question = .lookUp(frame.handle)
        case .fetchPreKeys(let frame):
            request = frame.request
            question = .fetchPreKeys(frame.handle, deviceID: frame.deviceID)
        case .preKeyStatus(let frame):
            request = frame.request
            question = .preKeyStatus(frame, handshakeHash: handshakeHash)
        case .releaseHandle(let frame):
            request = frame.request
            question = .releaseHandle(frame, handshakeHash: handshakeHash)
        default: return nil
        }
    }

    /// Checks all that can be checked without the store. A publication costs two to ten Ed25519
    /// verifications, everything else none.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    package func check(secondsSince1970 now: Int64) -> DirectoryRequest {
        let operation: DirectoryRequest.Operation =
            switch question {
            case .publishRecord(let bytes): Self.checkRecord(bytes)
            case .publishBundle(let handle, let bundle, let preKeys):
                Self.checkBundle(handle, bundle, preKeys, secondsSince1970: now)
            case .lookUp(let handle): .lookUp(handle)
            case .fetchPreKeys(let handle, let deviceID): .fetchPreKeys(handle, deviceID: deviceID)
            case .preKeyStatus(let frame, let handshakeHash):
                .preKeyStatus(frame, handshakeHash: handshakeHash)
            case .releaseHandle(let frame, let handshakeHash):
                .releaseHandle(frame, handshakeHash: handshakeHash)
            }
        return DirectoryRequest(request: request, operation: operation)
    }

    private static func checkRecord(_ bytes: [UInt8]) -> DirectoryRequest.Operation {
        // KD-3. A record without a handle is for invites and never published.
        guard let record = try? Record(parsing: bytes.raw), let handle = record.handle,
            let verified = try? record.verify()
        else { return .refused(.recordRefused) }
        return .publishRecord(handle, verified)
    }

    private static func checkBundle(
        _ handle: Handle, _ bytes: [UInt8], _ preKeyBytes: [UInt8], secondsSince1970 now: Int64
    ) -> DirectoryRequest.Operation {
        guard let bundle = try? PreKeyBundle(parsing: bytes.raw),
            let preKeys = try? preKeys(of: bundle, preKeyBytes)
        else { return .refused(.bundleRefused) }
        do throws(ValidityWindow.Problem) {
            // KD-10
            try bundle.checkWindow(secondsSince1970: now, use: .directory)
        } catch {
            return .refused(.bundleRefused)
        }
        // KD-8
        guard let verified = try? bundle.verify() else { return .refused(.bundleRefused) }
        return .publishBundle(handle, verified, preKeys)
    }

    /// The one-time prekeys, if they are those that the bundle's root stands for.
    private static func preKeys(
        of bundle: PreKeyBundle, _ bytes: [UInt8]
    ) throws(WireError) -> [OneTimePreKey] {
        var reader = Reader(bytes.raw)
        var preKeys: [OneTimePreKey] = []
        var ids: Set<UInt32> = []
        while reader.remainingByteCount > 0 {
            let preKey = try OneTimePreKey(from: &reader)
            guard ids.insert(preKey.id).inserted else { throw .duplicateID(preKey.id) }
            preKeys.append(preKey)
        }
        // KD-7: the whole tree, so that every path handed out later leads to the signed root.
        guard preKeys.count == bundle.oneTimeCount else {
            throw .outOfRange(
                value: UInt64(preKeys.count), minimum: UInt64(bundle.oneTimeCount),
                maximum: UInt64(bundle.oneTimeCount))
        }
        guard preKeys.isEmpty || MerkleTree.root(preKeys.map(\.leaf)) == bundle.oneTimeRoot else {
            throw .badKey(offset: 0)
        }
        return preKeys
    }
}

/// A request to the directory whose signed objects have been verified. Only a `DirectoryJob` makes
/// one.
package struct DirectoryRequest: Sendable {
    enum Operation: Sendable {
        case publishRecord(Handle, Verified<Record>)
        case publishBundle(Handle, Verified<PreKeyBundle>, [OneTimePreKey])
        case lookUp(Handle)
        case fetchPreKeys(Handle, deviceID: UInt32)
        case preKeyStatus(PreKeyStatusFrame, handshakeHash: FixedBytes<32>)
        case releaseHandle(ReleaseHandleFrame, handshakeHash: FixedBytes<32>)
        case refused(ErrorCode)
    }

    /// The id of the request.
    package let request: UInt32
    let operation: Operation

    init(request: UInt32, operation: Operation) {
        self.request = request
        self.operation = operation
    }
}
