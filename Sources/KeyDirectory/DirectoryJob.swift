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
        case publishBundle(Handle, bundle: [UInt8], preKeys: [UInt8], kemPreKeys: [UInt8])
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
                frame.handle, bundle: copy(frame.bundle), preKeys: copy(frame.preKeys),
                kemPreKeys: copy(frame.kemPreKeys))
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
    /// verifications, that of a bundle also the trees of its one-time prekeys; everything else costs
    /// nothing.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    package func check(secondsSince1970 now: Int64) -> DirectoryRequest {
        let operation: DirectoryRequest.Operation =
            switch question {
            case .publishRecord(let bytes): Self.checkRecord(bytes)
            case .publishBundle(let handle, let bundle, let preKeys, let kemPreKeys):
                Self.checkBundle(handle, bundle, preKeys, kemPreKeys, secondsSince1970: now)
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
        _ handle: Handle, _ bytes: [UInt8], _ preKeys: [UInt8], _ kemPreKeys: [UInt8],
        secondsSince1970 now: Int64
    ) -> DirectoryRequest.Operation {
        guard let bundle = try? PreKeyBundle(parsing: bytes.raw),
            let issued = try? issued(preKeys, of: bundle),
            let issuedKEM = try? issuedKEM(kemPreKeys, of: bundle)
        else { return .refused(.bundleRefused) }
        do throws(ValidityWindow.Problem) {
            // KD-10
            try bundle.checkWindow(secondsSince1970: now, use: .directory)
        } catch {
            return .refused(.bundleRefused)
        }
        // KD-8
        guard let verified = try? bundle.verify() else { return .refused(.bundleRefused) }
        return .publishBundle(handle, verified, issued: issued, issuedKEM: issuedKEM)
    }

    /// The one-time prekeys as they will be handed out, if they are those that the bundle's root
    /// stands for.
    private static func issued(
        _ bytes: [UInt8], of bundle: PreKeyBundle
    ) throws(WireError) -> [[UInt8]] {
        var reader = Reader(bytes.raw)
        var preKeys: [OneTimePreKey] = []
        var ids: Set<UInt32> = []
        while reader.remainingByteCount > 0 {
            let preKey = try OneTimePreKey(from: &reader)
            guard ids.insert(preKey.id).inserted else { throw .duplicateID(preKey.id) }
            preKeys.append(preKey)
        }
        let leaves = preKeys.map(\.leaf)
        try check(leaves, count: bundle.oneTimeCount, root: bundle.oneTimeRoot)
        return preKeys.indices.map { index in
            var writer = Writer(capacity: IssuedPreKey.byteCount)
            IssuedPreKey.encode(
                IssuedPreKey(preKeys[index], at: TreePlace(index, leaves)), into: &writer)
            return writer.bytes
        }
    }

    /// The same of the KEM.
    private static func issuedKEM(
        _ bytes: [UInt8], of bundle: PreKeyBundle
    ) throws(WireError) -> [[UInt8]] {
        var reader = Reader(bytes.raw)
        var preKeys: [KEMPreKey] = []
        // The last resort is known by its id among these: another key must not have it.
        var ids: Set<UInt32> = [bundle.contents.lastResortKEM.id]
        while reader.remainingByteCount > 0 {
            let preKey = try KEMPreKey(from: &reader)
            guard ids.insert(preKey.id).inserted else { throw .duplicateID(preKey.id) }
            preKeys.append(preKey)
        }
        let leaves = preKeys.map(\.leaf)
        try check(
            leaves, count: bundle.contents.oneTimeKEMCount, root: bundle.contents.oneTimeKEMRoot)
        return preKeys.indices.map { index in
            var writer = Writer(capacity: IssuedKEMPreKey.byteCount)
            IssuedKEMPreKey.encode(
                IssuedKEMPreKey(preKeys[index], at: TreePlace(index, leaves)), into: &writer)
            return writer.bytes
        }
    }

    /// The whole tree, so that every path handed out later leads to the signed root. KD-7
    private static func check(
        _ leaves: [MerkleTree.Hash], count: Int, root: MerkleTree.Hash
    ) throws(WireError) {
        guard leaves.count == count else {
            throw .outOfRange(
                value: UInt64(leaves.count), minimum: UInt64(count), maximum: UInt64(count))
        }
        guard leaves.isEmpty || MerkleTree.root(leaves) == root else {
            throw .badKey(offset: 0)
        }
    }
}

/// A request to the directory whose signed objects have been verified. Only a `DirectoryJob` makes
/// one.
package struct DirectoryRequest: Sendable {
    enum Operation: Sendable {
        case publishRecord(Handle, Verified<Record>)
        /// With the one-time prekeys of each kind as they are handed out, in the order of their trees.
        case publishBundle(
            Handle, Verified<PreKeyBundle>, issued: [[UInt8]], issuedKEM: [[UInt8]])
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
