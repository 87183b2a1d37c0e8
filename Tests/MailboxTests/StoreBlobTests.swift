import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("10.4 Store: blobs")
struct StoreBlobTests {
    @Test(
        "MB-20 an id in use is refused, whoever asks and whatever the bytes",
        arguments: StoreKind.allCases)
    func idInUse(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let expiry = world.hours + 24
        #expect(
            try world.ask(
                .putBlob(id: 1, erase: 2, hours: expiry, [1, 2, 3]),
                .putBlob(id: 1, erase: 2, hours: expiry, [1, 2, 3]),
                .putBlob(id: 1, erase: 3, hours: expiry, [4]), .getBlob(id: 1))
                == [.done, .refused(.exists), .refused(.exists), .blob([1, 2, 3])])
        try world.reopen()
        #expect(try world.one(.getBlob(id: 1)) == .blob([1, 2, 3]))
    }

    @Test("MB-20 a blob has one to 32,768 bytes", arguments: StoreKind.allCases)
    func size(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let expiry = world.hours + 24
        var random = SeededRandom(3)
        let largest = random.bytes(count: 32_768)
        #expect(
            try world.ask(
                .putBlob(id: 1, erase: 2, hours: expiry, largest + [0]),
                .putBlob(id: 1, erase: 2, hours: expiry, largest),
                .putBlob(id: 2, erase: 2, hours: expiry, []),
                .putBlob(id: 3, erase: 2, hours: expiry, [9]))
                == [.refused(.wrongSize), .done, .refused(.wrongSize), .done])
        try world.reopen()
        #expect(
            try world.ask(.getBlob(id: 1), .getBlob(id: 2), .getBlob(id: 3))
                == [.blob(largest), .refused(.notFound), .blob([9])])
    }

    @Test(
        "MB-21 only the erase key erases; an erased id is free again", arguments: StoreKind.allCases
    )
    func erase(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let expiry = world.hours + 24
        let missing = Outcome.refused(.notFound)
        #expect(
            try world.ask(
                .getBlob(id: 1), .eraseBlob(id: 1, erase: 2),
                .putBlob(id: 1, erase: 2, hours: expiry, [1]), .eraseBlob(id: 1, erase: 1),
                .eraseBlob(id: 2, erase: 2), .getBlob(id: 1), .eraseBlob(id: 1, erase: 2),
                .getBlob(id: 1), .eraseBlob(id: 1, erase: 2),
                .putBlob(id: 1, erase: 5, hours: expiry, [6]), .getBlob(id: 1))
                == [
                    missing, missing, .done, missing, missing, .blob([1]), .done, missing, missing,
                    .done, .blob([6]),
                ])
    }

    @Test(
        "MB-21 an expired blob is not found though no sweep came by, and its id is free",
        arguments: StoreKind.allCases)
    func expired(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        _ = try world.one(.putBlob(id: 1, erase: 2, hours: world.hours + 2, [1]))
        world.now += 2 * StoreWorld.hour - 1
        #expect(try world.one(.getBlob(id: 1)) == .blob([1]))
        world.now += 1
        #expect(
            try world.ask(
                .getBlob(id: 1), .eraseBlob(id: 1, erase: 2),
                .putBlob(id: 1, erase: 3, hours: world.hours + 2, [2]), .getBlob(id: 1))
                == [.refused(.notFound), .refused(.notFound), .done, .blob([2])])
        #expect(try world.store.counts().blobs == 1)
    }
}
