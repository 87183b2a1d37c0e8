import Database
import Primitives
import Wire

/// The prepared statements of the directory, one method each.
final class DirectoryStatements {
    /// No row has this number: what a miss asks for.
    static let noRow: Int64 = 0

    struct Account {
        let row: Int64
        let record: [UInt8]
    }

    struct Device {
        let row: Int64
        let bundle: [UInt8]
    }

    private let connection: Connection
    private var selectAccount: Statement
    private var selectKey: Statement
    private var insertAccount: Statement
    private var updateAccount: Statement
    private var deleteAccount: Statement
    private var selectDevice: Statement
    private var selectDevices: Statement
    private var insertDevice: Statement
    private var updateDevice: Statement
    private var deleteDevice: Statement
    private var insertOneTime: Statement
    private var takeOneTime: Statement
    private var countOneTime: Statement
    private var deleteOneTime: Statement
    private var insertOneTimeKEM: Statement
    private var takeOneTimeKEM: Statement
    private var countOneTimeKEM: Statement
    private var deleteOneTimeKEM: Statement
    private var selectRest: Statement
    private var replaceRest: Statement
    private var deleteRest: Statement
    private var deleteRests: Statement
    private var shortenRests: Statement
    private var turnPulse: Statement

    init(_ connection: Connection) throws(DatabaseError) {
        self.connection = connection
        selectAccount = try Statement(
            connection, "SELECT row, record FROM directory_account WHERE handle = ?1")
        selectKey = try Statement(
            connection, "SELECT 1 FROM directory_account WHERE account_key = ?1")
        insertAccount = try Statement(
            connection,
            """
            INSERT INTO directory_account(handle, account_key, first_device, record)
            VALUES(?1, ?2, ?3, ?4)
            """)
        updateAccount = try Statement(
            connection,
            """
            UPDATE directory_account SET account_key = ?2, first_device = ?3, record = ?4
            WHERE row = ?1
            """)
        deleteAccount = try Statement(connection, "DELETE FROM directory_account WHERE row = ?1")
        selectDevice = try Statement(
            connection,
            """
            SELECT d.row, d.bundle FROM directory_account a JOIN directory_device d
            ON d.account = a.row AND d.device = iif(?2 = 0, a.first_device, ?2)
            WHERE a.handle = ?1
            """)
        selectDevices = try Statement(
            connection, "SELECT row, bundle FROM directory_device WHERE account = ?1")
        insertDevice = try Statement(
            connection,
            "INSERT INTO directory_device(account, device, bundle) VALUES(?1, ?2, ?3)")
        updateDevice = try Statement(
            connection, "UPDATE directory_device SET bundle = ?2 WHERE row = ?1")
        deleteDevice = try Statement(connection, "DELETE FROM directory_device WHERE row = ?1")
        insertOneTime = try Statement(
            connection, "INSERT INTO directory_prekey(device, draw, issued) VALUES(?1, ?2, ?3)")
        takeOneTime = try Statement(
            connection,
            """
            DELETE FROM directory_prekey WHERE device = ?1
            AND draw = (SELECT min(draw) FROM directory_prekey WHERE device = ?1)
            RETURNING issued
            """)
        countOneTime = try Statement(
            connection, "SELECT count(*) FROM directory_prekey WHERE device = ?1")
        deleteOneTime = try Statement(
            connection, "DELETE FROM directory_prekey WHERE device = ?1")
        insertOneTimeKEM = try Statement(
            connection, "INSERT INTO directory_kem_prekey(device, draw, issued) VALUES(?1, ?2, ?3)")
        takeOneTimeKEM = try Statement(
            connection,
            """
            DELETE FROM directory_kem_prekey WHERE device = ?1
            AND draw = (SELECT min(draw) FROM directory_kem_prekey WHERE device = ?1)
            RETURNING issued
            """)
        countOneTimeKEM = try Statement(
            connection, "SELECT count(*) FROM directory_kem_prekey WHERE device = ?1")
        deleteOneTimeKEM = try Statement(
            connection, "DELETE FROM directory_kem_prekey WHERE device = ?1")
        selectRest = try Statement(
            connection, "SELECT free_hour FROM directory_rest WHERE handle = ?1")
        replaceRest = try Statement(
            connection, "INSERT OR REPLACE INTO directory_rest(handle, free_hour) VALUES(?1, ?2)")
        deleteRest = try Statement(connection, "DELETE FROM directory_rest WHERE handle = ?1")
        deleteRests = try Statement(connection, "DELETE FROM directory_rest WHERE free_hour <= ?1")
        shortenRests = try Statement(
            connection, "UPDATE directory_rest SET free_hour = ?2 WHERE free_hour > ?1")
        turnPulse = try Statement(connection, "UPDATE directory_pulse SET beat = 1 - beat")
    }

    // MARK: Accounts

    func account(_ handle: Handle) throws(DatabaseError) -> Account? {
        selectAccount.bind(1, text: handle.text)
        return try selectAccount.first { row throws(DatabaseError) in
            Account(row: try row.int(0), record: try row.bytes(1))
        }
    }

    func hasAccount(key: Ed25519PublicKey) throws(DatabaseError) -> Bool {
        selectKey.bind(1, copying: key.bytes.raw)
        return try selectKey.first { _ throws(DatabaseError) in true } ?? false
    }

    func insert(_ handle: Handle, _ record: Record) throws(DatabaseError) {
        insertAccount.bind(1, text: handle.text)
        insertAccount.bind(2, copying: record.account.bytes.raw)
        insertAccount.bind(3, Self.firstDevice(record))
        insertAccount.bind(4, copying: record.bytes.raw)
        try insertAccount.run()
    }

    func update(_ account: Int64, _ record: Record) throws(DatabaseError) {
        updateAccount.bind(1, account)
        updateAccount.bind(2, copying: record.account.bytes.raw)
        updateAccount.bind(3, Self.firstDevice(record))
        updateAccount.bind(4, copying: record.bytes.raw)
        try updateAccount.run()
    }

    func removeAccount(_ account: Int64) throws(DatabaseError) {
        deleteAccount.bind(1, account)
        try deleteAccount.run()
    }

    private static func firstDevice(_ record: Record) -> Int64 {
        Int64(record.certificates.first?.identity.deviceID ?? 0)
    }

    // MARK: Devices

    func device(_ handle: Handle, _ deviceID: UInt32) throws(DatabaseError) -> Device? {
        selectDevice.bind(1, text: handle.text)
        selectDevice.bind(2, Int64(deviceID))
        return try selectDevice.first { row throws(DatabaseError) in
            Device(row: try row.int(0), bundle: try row.bytes(1))
        }
    }

    func devices(of account: Int64) throws(DatabaseError) -> [Device] {
        var devices: [Device] = []
        selectDevices.bind(1, account)
        try selectDevices.forEach { row throws(DatabaseError) in
            devices.append(Device(row: try row.int(0), bundle: try row.bytes(1)))
            return true
        }
        return devices
    }

    func insert(
        account: Int64, deviceID: UInt32, _ bundle: [UInt8]
    ) throws(DatabaseError) -> Int64 {
        insertDevice.bind(1, account)
        insertDevice.bind(2, Int64(deviceID))
        insertDevice.bind(3, copying: bundle.raw)
        try insertDevice.run()
        return connection.lastInsertedRowID
    }

    func update(device: Int64, _ bundle: [UInt8]) throws(DatabaseError) {
        updateDevice.bind(1, device)
        updateDevice.bind(2, copying: bundle.raw)
        try updateDevice.run()
    }

    func removeDevice(_ device: Int64) throws(DatabaseError) {
        try removePreKeys(of: device)
        deleteDevice.bind(1, device)
        try deleteDevice.run()
    }

    // MARK: One-time prekeys

    func insertPreKey(device: Int64, draw: Int, _ issued: [UInt8]) throws(DatabaseError) {
        insertOneTime.bind(1, device)
        insertOneTime.bind(2, Int64(draw))
        insertOneTime.bind(3, copying: issued.raw)
        try insertOneTime.run()
    }

    /// Deletes the next one-time prekey and returns it, in one statement.
    func takePreKey(of device: Int64) throws(DatabaseError) -> [UInt8]? {
        takeOneTime.bind(1, device)
        // KD-19
        return try takeOneTime.first { row throws(DatabaseError) in try row.bytes(0) }
    }

    func preKeyCount(of device: Int64) throws(DatabaseError) -> Int64 {
        countOneTime.bind(1, device)
        return try countOneTime.first { row throws(DatabaseError) in try row.int(0) } ?? 0
    }

    func insertKEMPreKey(device: Int64, draw: Int, _ issued: [UInt8]) throws(DatabaseError) {
        insertOneTimeKEM.bind(1, device)
        insertOneTimeKEM.bind(2, Int64(draw))
        insertOneTimeKEM.bind(3, copying: issued.raw)
        try insertOneTimeKEM.run()
    }

    /// Deletes the next one-time KEM prekey and returns it, in one statement.
    func takeKEMPreKey(of device: Int64) throws(DatabaseError) -> [UInt8]? {
        takeOneTimeKEM.bind(1, device)
        // KD-19
        return try takeOneTimeKEM.first { row throws(DatabaseError) in try row.bytes(0) }
    }

    func kemPreKeyCount(of device: Int64) throws(DatabaseError) -> Int64 {
        countOneTimeKEM.bind(1, device)
        return try countOneTimeKEM.first { row throws(DatabaseError) in try row.int(0) } ?? 0
    }

    /// Removes the one-time prekeys of both kinds.
    func removePreKeys(of device: Int64) throws(DatabaseError) {
        deleteOneTime.bind(1, device)
        try deleteOneTime.run()
        deleteOneTimeKEM.bind(1, device)
        try deleteOneTimeKEM.run()
    }

    // MARK: Freed handles, and the pulse

    func rest(of handle: Handle) throws(DatabaseError) -> Hours? {
        selectRest.bind(1, text: handle.text)
        return try selectRest.first { row throws(DatabaseError) in
            Hours(UInt32(clamping: try row.int(0)))
        }
    }

    func beginRest(of handle: Handle, until hour: Hours) throws(DatabaseError) {
        replaceRest.bind(1, text: handle.text)
        replaceRest.bind(2, Int64(hour.count))
        try replaceRest.run()
    }

    func endRest(of handle: Handle) throws(DatabaseError) {
        deleteRest.bind(1, text: handle.text)
        try deleteRest.run()
    }

    func mendRests(after latest: Hours, to hour: Hours) throws(DatabaseError) {
        shortenRests.bind(1, Int64(latest.count))
        shortenRests.bind(2, Int64(hour.count))
        try shortenRests.run()
    }

    func sweepRests(until hour: Hours) throws(DatabaseError) -> Int {
        deleteRests.bind(1, Int64(hour.count))
        return try deleteRests.run()
    }

    func beatPulse() throws(DatabaseError) { try turnPulse.run() }
}
