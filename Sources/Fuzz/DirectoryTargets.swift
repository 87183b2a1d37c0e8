import Database
import KeyDirectory
import Mailbox
import Primitives
import Wire

/// The key directory, asked by two people who sign whatever they like, beside a third whose keys
/// nobody else has and whose entry must stay as it is.
enum DirectoryTargets {
    static let all: [Target] = [
        Target("directory", byteCountMax: 2_048, seeds: seeds, run: run)
    ]

    /// What a step does, the low bits of its first byte.
    private enum Step: UInt8 {
        case record, bundle, lookUp, fetch, status, release, changedFrame, time
    }

    @Sendable private static func seeds() -> [[UInt8]] {
        let record: [UInt8] = [0, 0, 0, 1, 1]
        let newer: [UInt8] = [0, 0, 0, 3, 1]
        let bundle: [UInt8] = [1, 0, 0, 0, 0, 3, 0]
        let fetch: [UInt8] = [3, 0, 1]
        let status: [UInt8] = [4, 0, 0, 1]
        let release: [UInt8] = [5, 0, 0, 0, 3]
        let fetches = fetch + fetch + fetch + fetch
        return [
            record + bundle + fetches + [2, 0] + status,
            record + bundle + newer + [1, 0, 0, 1, 0, 2, 0] + fetches + status,
            record + newer + release + [2, 0] + [7, 0xff, 0xff] + record,
            [0, 1, 0, 4, 0x11] + [0, 0, 0, 4, 0x31] + [0, 1, 1, 2, 2] + status,
            record + [6, 0, 0, 1, 0, 200, 9] + bundle + [6, 1, 1, 2, 1, 0, 1, 0, 80, 5],
            [6, 2, 1, 1, 0, 60, 1, 6, 3, 0, 0, 6, 4, 0, 0, 6, 5, 0, 1, 0, 9, 4],
            record + bundle + [7, 0, 12] + fetches + [7, 1, 0] + fetches + bundle,
        ]
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let desk = made("a directory") { try Desk() }
        for _ in 0..<16 where !choices.isEmpty {
            let kind = choices.byte()
            switch Step(rawValue: kind & 7) {
            case .record: publishRecord(&choices, at: desk)
            case .bundle: publishBundle(&choices, at: desk)
            case .lookUp: _ = desk.lookUp(handle(choices.byte()))
            case .fetch: desk.fetch(handle(choices.byte()), UInt32(choices.byte()))
            case .status:
                let cast = member(choices.byte())
                let name = handle(choices.byte())
                let deviceID = UInt32(choices.byte())
                let message = DirectorySignatures.preKeyStatus(
                    handle: name, deviceID: deviceID, handshakeHash: Desk.handshakeHash)
                let frame = PreKeyStatusFrame(
                    request: 1, handle: name, deviceID: deviceID,
                    signature: cast.device.sign(message.raw))
                let answer = desk.ask(written(.preKeyStatus(frame)))
                if case .preKeyStatus = answer { precondition(name != Cast.carol.handle) }
            case .release:
                let cast = member(choices.byte())
                let name = handle(choices.byte())
                let number = UInt64(choices.u16())
                let message = DirectorySignatures.handleRelease(
                    handle: name, recordNumber: number, handshakeHash: Desk.handshakeHash)
                let frame = ReleaseHandleFrame(
                    request: 1, handle: name, recordNumber: number,
                    signature: cast.account.sign(message.raw))
                let answer = desk.ask(written(.releaseHandle(frame)))
                if case .done = answer { desk.numbers[name] = nil }
            case .changedFrame: changedFrame(&choices, at: desk)
            case .time, nil: desk.wait(hours: Int64(choices.u16()))
            }
        }
        desk.checkWitness()
    }

    private static func member(_ choice: UInt8) -> Cast { choice & 1 == 0 ? .alice : .bob }

    private static func handle(_ choice: UInt8) -> Handle {
        [Cast.alice, .bob, .carol, .alice][Int(choice & 3)].handle
    }

    private static func written(_ request: ClientRequest) -> [UInt8] {
        WireSeeds.written { request.encode(into: &$0) }
    }

    private static func certificate(_ deviceID: UInt32, of cast: Cast) -> DeviceCertificate {
        DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: deviceID, identityKey: cast.identity.publicKey,
                deviceKey: cast.device.publicKey),
            expiry: Cast.hours.advanced(byHours: DeviceCertificate.lifetimeHours),
            signedBy: cast.account)
    }

    private static func publishRecord(_ choices: inout Choices, at desk: Desk) {
        let cast = member(choices.byte())
        var contents = cast.recordContents
        contents.handle = handle(choices.byte())
        contents.number = 1 + UInt64(choices.byte())
        let devices = choices.byte()
        contents.certificates = (0...UInt32(devices & 3)).map { certificate($0 + 1, of: cast) }
        if devices & 0x20 != 0 {
            // The account's successor proves it with the recovery key of the one before.
            let other = cast === Cast.alice ? Cast.bob : Cast.alice
            contents.recoveryHash = Record.recoveryHash(of: other.recovery.publicKey)
            desk.publish(
                Record(contents, signedBy: cast.account, recoveredBy: other.recovery))
        } else {
            desk.publish(Record(contents, signedBy: cast.account))
        }
    }

    private static func publishBundle(_ choices: inout Choices, at desk: Desk) {
        let cast = member(choices.byte())
        let name = handle(choices.byte())
        var contents = cast.bundleContents
        contents.number = 1 + UInt64(choices.byte())
        let begin = desk.hours.advanced(byHours: UInt32(choices.byte()))
        contents.window = ValidityWindow(from: begin, expiry: begin.advanced(byHours: 168))
        let counts = choices.byte()
        let keys = Array(cast.oneTimeKeys.prefix(Int(counts & 3)))
        let kemKeys = Array(cast.oneTimeKEMKeys.prefix(Int(counts >> 2 & 3)))
        contents.oneTimeKEMCount = kemKeys.count
        contents.oneTimeKEMRoot = kemKeys.isEmpty ? .zero : MerkleTree.root(kemKeys.map(\.leaf))
        contents.oneTimeCount = keys.count
        contents.oneTimeRoot = keys.isEmpty ? .zero : MerkleTree.root(keys.map(\.leaf))
        contents.certificate = certificate(1 + UInt32(choices.byte()), of: cast)
        let bundle = PreKeyBundle(contents, signedBy: cast.device)
        _ = desk.ask(
            WireSeeds.written {
                PublishBundleFrame.encode(
                    request: 1, handle: name, bundle: bundle, preKeys: keys,
                    kemPreKeys: kemKeys, into: &$0)
            })
    }

    /// A good frame with other bytes in it, its object signed again or not.
    private static func changedFrame(_ choices: inout Choices, at desk: Desk) {
        let frames = WireSeeds.directoryFrames
        let good = frames[Int(choices.byte()) % frames.count]
        let isSigned = choices.flag()
        var bytes = choices.edit(good)
        switch Desk.decode(bytes) {
        case .publishRecord(let frame) where isSigned:
            var record = Array(bytes[frame.record])
            WireTargets.signRecord(&record)
            bytes.replaceSubrange(frame.record, with: record)
        case .publishBundle(let frame) where isSigned:
            var bundle = Array(bytes[frame.bundle])
            WireTargets.signBundle(&bundle)
            bytes.replaceSubrange(frame.bundle, with: bundle)
        default: break
        }
        _ = desk.ask(bytes)
        desk.numbers = [:]
    }
}

/// A directory in memory, and what of it was seen.
private final class Desk {
    static let handshakeHash = SHA256.hash([1].raw)

    private let connection: Connection
    private let directory: Directory
    private var now = Cast.now
    private var taken: Set<[UInt8]> = []
    /// Under which account a handle was seen, and the highest number of its record.
    var numbers: [Handle: (account: Ed25519PublicKey, number: UInt64)] = [:]

    init() throws(DatabaseError) {
        connection = try Connection(path: "", access: .inMemory)
        try connection.migrate(
            StoreSchema.migrations(),
            applicationID: StoreSchema.applicationID)
        directory = try Directory(connection, random: SeededRandom(91))
        let carol = Cast.carol
        publish(carol.record)
        let answer = ask(
            WireSeeds.written {
                PublishBundleFrame.encode(
                    request: 1, handle: carol.handle, bundle: carol.bundle,
                    preKeys: carol.oneTimeKeys, kemPreKeys: carol.oneTimeKEMKeys, into: &$0)
            })
        guard case .done = answer else { preconditionFailure("a good bundle is refused") }
        checkWitness()
    }

    var hours: Hours { Hours(secondsSince1970: now) }

    static func decode(_ frame: [UInt8]) -> ClientFrame? {
        guard frame.count > 3 else { return nil }
        return try? ClientFrame.decode(
            RawFrame(type: frame[0], body: 3..<frame.count), in: frame.raw)
    }

    /// Asks in a transaction of its own; nil for what is no frame of the directory.
    @discardableResult
    func ask(_ frame: [UInt8]) -> ServerFrame? {
        guard let decoded = Self.decode(frame),
            let job = DirectoryJob(decoded, in: frame.raw, handshakeHash: Self.handshakeHash)
        else { return nil }
        let answer = made("an answer") {
            try connection.transaction { () throws(DatabaseError) in
                var bytes: [UInt8] = []
                try directory.answer(
                    job.check(secondsSince1970: now), secondsSince1970: now,
                    believed: Hours(secondsSince1970: now), into: &bytes)
                return bytes
            }
        }
        return made("an answer that a client reads") {
            try ServerFrame.decode(
                RawFrame(type: answer[0], body: 3..<answer.count), in: answer.raw)
        }
    }

    func publish(_ record: Record) {
        ask(WireSeeds.written { PublishRecordFrame.encode(request: 1, record: record, into: &$0) })
        if let handle = record.handle { _ = lookUp(handle) }
    }

    /// The record of a handle, which is its own, by its account's key and no older than before.
    func lookUp(_ handle: Handle) -> Record? {
        let request = ClientRequest.lookUp(LookUpFrame(request: 1, handle: handle))
        guard case .record(let frame) = ask(WireSeeds.written { request.encode(into: &$0) }) else {
            preconditionFailure("a look-up without a record's frame")
        }
        guard let record = frame.record else { return nil }
        precondition(record.handle == handle && (try? record.verify()) != nil)
        if let seen = numbers[handle], seen.account == record.account {
            precondition(record.number >= seen.number, "a record is taken back")
        }
        numbers[handle] = (record.account, record.number)
        return record
    }

    /// What is handed out belongs to the record, and no one-time key is handed out twice.
    func fetch(_ handle: Handle, _ deviceID: UInt32) {
        let request = ClientRequest.fetchPreKeys(
            FetchPreKeysFrame(request: 1, handle: handle, deviceID: deviceID))
        guard case .preKeys(let frame) = ask(WireSeeds.written { request.encode(into: &$0) })
        else { preconditionFailure("a fetch without a frame of prekeys") }
        guard let fetched = frame.preKeys else { return }
        guard let record = lookUp(handle), fetched.bundle.matches(record),
            (try? fetched.bundle.verify()) != nil
        else { preconditionFailure("a bundle without its record") }
        precondition(fetched.isWhole, "a one-time key of another bundle")
        if let oneTime = fetched.oneTime {
            let place = fetched.bundle.bytes + [oneTime.place.index]
            precondition(taken.insert(place).inserted, "a one-time key is handed out twice")
        }
        if let oneTime = fetched.oneTimeKEM {
            let place = fetched.bundle.bytes + [0x80 | oneTime.place.index]
            precondition(taken.insert(place).inserted, "a one-time KEM key is handed out twice")
        }
    }

    func wait(hours: Int64) {
        now += hours * 3_600
        numbers = [:]
        made("a sweep") {
            try connection.transaction { () throws(DatabaseError) in
                _ = try directory.sweep(secondsSince1970: now)
            }
        }
    }

    /// Nobody has changed what only one could.
    func checkWitness() {
        let carol = Cast.carol
        precondition(lookUp(carol.handle) == carol.record, "somebody changed another's record")
        let request = ClientRequest.fetchPreKeys(
            FetchPreKeysFrame(request: 1, handle: carol.handle, deviceID: 0))
        guard case .preKeys(let frame) = ask(WireSeeds.written { request.encode(into: &$0) }),
            frame.preKeys?.bundle == carol.bundle
        else { preconditionFailure("somebody changed another's bundle") }
    }
}
