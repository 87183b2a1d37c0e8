import Database
import Testing
import Wire

@testable import Mailbox

/// H1: values in the file that no run of the server has written.
@Suite("Damaged values in the store")
struct StoreDamageTests {
    /// A store with one mailbox, two envelopes and a blob; what is done to its file between two
    /// runs; and all requests that read it.
    private func outcome(after damage: StaticString) throws -> StoreError? {
        let world = try StoreWorld(.sqlite)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask(
            .deposit(box.id, 1, letter(1)), .deposit(box.id, 2, letter(2)),
            .putBlob(id: 1, erase: 2, hours: world.hours + 24, [1, 2, 3]), .sweep)
        let store = try #require(world.store as? StoreSQLite)
        try store.connection.execute(damage)
        do {
            try world.reopen()
            world.now += 100 * StoreWorld.day
            for ask: Ask in [
                .attachReader(box.id), .attachWriter(box.id), .read(box.id, fence: 2),
                .deposit(box.id, 3, letter(3)), .acknowledge(box.id, fence: 2, 1...1),
                .getBlob(id: 1), .sweep, .sweep,
            ] {
                _ = try world.ask(ask)
            }
            return nil
        } catch let error as StoreError {
            return error
        }
    }

    @Test(
        "H1 a value that cannot be is corruption and no trap",
        arguments: [
            "UPDATE mailbox SET kind = 257", "UPDATE mailbox SET kind = 9",
            "UPDATE mailbox SET read_key = x'00'", "UPDATE mailbox SET write_key = x''",
            "UPDATE mailbox SET read_attaches = -1", "UPDATE mailbox SET read_attaches = 1 << 32",
            "UPDATE mailbox SET floor = 9223372036854775807", "UPDATE mailbox SET floor = -1",
            "UPDATE mailbox SET time_to_live = 9223372036854775807",
            "UPDATE mailbox SET time_to_live = -1",
            "UPDATE mailbox SET lease_week = -9223372036854775808",
            "UPDATE envelope SET counter = 9223372036854775807 WHERE counter = 2",
            "UPDATE envelope SET body = x'01'",
            "UPDATE envelope SET body = zeroblob(16385)",
        ] as [StaticString])
    func damagedRow(_ damage: StaticString) throws {
        #expect(try outcome(after: damage) == .mustStop(.corrupt(code: 0)), "\(damage)")
    }

    @Test(
        "H1 a clock that cannot be is refused when the store is opened",
        arguments: [
            "INSERT OR REPLACE INTO sweep VALUES(1, 9223372036854775807, 0, 0)",
            "INSERT OR REPLACE INTO sweep VALUES(1, 1, -1, 0)",
            "INSERT OR REPLACE INTO sweep VALUES(1, 1, 0, 9223372036854775807)",
        ] as [StaticString])
    func damagedClock(_ damage: StaticString) throws {
        #expect(try outcome(after: damage) == .cannotOpen(.corrupt(code: 0)), "\(damage)")
    }

    @Test("H1 a blob larger than any is corruption, and what was not damaged opens")
    func damagedBlob() throws {
        #expect(try outcome(after: "UPDATE envelope SET counter = counter") == nil)
        let world = try StoreWorld(.sqlite)
        _ = try world.ask(.putBlob(id: 1, erase: 2, hours: world.hours + 24, [1]))
        let store = try #require(world.store as? StoreSQLite)
        try store.connection.execute("UPDATE blob SET body = zeroblob(32769)")
        #expect(throws: StoreError.mustStop(.corrupt(code: 0))) { try world.one(.getBlob(id: 1)) }
    }
}
