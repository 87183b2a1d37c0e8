internal import Primitives
internal import Wire

/// The user's general choices. State row `settings`.
struct SettingsRecord: VaultRecord {
    static let format: UInt8 = 1
    static let key = Array("settings".utf8)

    var sendsReceipts = true
    var sendsTyping = true
    /// Names the user gave to servers, by address.
    var nicknames: [String: String] = [:]

    init() {}

    init(from reader: inout Reader) throws(WireError) {
        sendsReceipts = try reader.bool()
        sendsTyping = try reader.bool()
        let count = try reader.u16()
        for _ in 0..<count {
            let server = try reader.text()
            nicknames[server] = try reader.text()
        }
    }

    func encode(into writer: inout Writer) {
        writer.bool(sendsReceipts)
        writer.bool(sendsTyping)
        writer.u16(UInt16(nicknames.count))
        for (server, nickname) in nicknames.sorted(by: { $0.key < $1.key }) {
            writer.text(server)
            writer.text(nickname)
        }
    }

    static func load(from store: any VaultReading) throws(ClientError) -> SettingsRecord {
        guard let bytes = try store.value(.state, key: key) else { return SettingsRecord() }
        return try decode(bytes)
    }
}

extension Engine {
    private static let switchWords = "on, off"
    private static let contactWords = "on, off, default"

    package func settingSummaries() -> [SettingSummary] {
        func word(_ value: Bool) -> String { value ? "on" : "off" }
        func word(_ value: Bool?) -> String { value.map { $0 ? "on" : "off" } ?? "default" }
        var all = [
            SettingSummary(
                key: "receipts", value: word(settings.sendsReceipts), allowed: Self.switchWords),
            SettingSummary(
                key: "typing", value: word(settings.sendsTyping), allowed: Self.switchWords),
        ]
        for server in Set(pins.keys).union([identity.server]).map(\.text).sorted() {
            all.append(
                SettingSummary(
                    key: "nick.\(server)", value: settings.nicknames[server] ?? "",
                    allowed: "a short name for the server"))
        }
        for contact in contacts.values.sorted(by: { $0.name < $1.name })
        where contact.id != Self.selfID {
            all.append(
                SettingSummary(
                    key: "\(contact.name).presence", value: word(contact.isPresenceShared),
                    allowed: Self.switchWords))
            all.append(
                SettingSummary(
                    key: "\(contact.name).receipts", value: word(contact.sendsReceipts),
                    allowed: Self.contactWords))
            all.append(
                SettingSummary(
                    key: "\(contact.name).typing", value: word(contact.sendsTyping),
                    allowed: Self.contactWords))
        }
        return all
    }

    package mutating func setSetting(
        _ key: String, to value: String, at moment: Moment
    ) throws(ClientError) {
        now = moment
        switch key {
        case "receipts": settings.sendsReceipts = try Self.flag(value)
        case "typing": settings.sendsTyping = try Self.flag(value)
        case _ where isNickname(key):
            let server = String(key.dropFirst(5))
            if !value.isEmpty { try Self.checkName(value) }
            settings.nicknames[server] = value.isEmpty ? nil : value
        default: return try setContactSetting(key, value)
        }
        transaction.put(.state, key: SettingsRecord.key, value: settings.encoded)
    }

    /// A contact may be called `nick` too; its settings are named by no known server.
    private func isNickname(_ key: String) -> Bool {
        key.hasPrefix("nick.")
            && Set(pins.keys).union([identity.server]).contains { "nick.\($0.text)" == key }
    }

    private mutating func setContactSetting(
        _ key: String, _ value: String
    ) throws(ClientError) {
        guard let dot = key.lastIndex(of: ".") else { throw .unknownSetting }
        var contact: ContactRecord
        do throws(ClientError) {
            contact = try self.contact(named: String(key[..<dot]))
        } catch {
            throw .unknownSetting
        }
        switch key[key.index(after: dot)...] {
        case "presence": contact.isPresenceShared = try Self.flag(value)
        case "receipts": contact.sendsReceipts = value == "default" ? nil : try Self.flag(value)
        case "typing": contact.sendsTyping = value == "default" ? nil : try Self.flag(value)
        default: throw .unknownSetting
        }
        save(contact)
    }

    private static func flag(_ value: String) throws(ClientError) -> Bool {
        switch value {
        case "on": return true
        case "off": return false
        default: throw .settingInvalid
        }
    }
}
