import Glibc
import Testing

@testable import Client

/// One of each case; `switch` in `name` makes the compiler ask for new ones.
private let all: [ClientError] = [
    .noVault, .vaultExists, .cannotCreateHome(errorNumber: 13), .unsafeMode(.home, mode: 0o755),
    .unsafeOwnerOrKind(.vault), .vaultInUse, .vaultReadOnly, .vaultForeign,
    .vaultTooNew(version: 3), .vaultTooOld(version: 1), .vaultCorrupt, .noBackup, .backupForeign,
    .backupTooNew(version: 2), .backupCorrupt, .backupTooLarge, .fileExists, .passphraseNeeded,
    .passphraseWrong,
    .passphraseUnusable, .diskFull, .diskFailed(errorNumber: 5), .noPassphraseFile,
    .noSecretMemory, .libraryBroken, .addressInvalid, .addressKindUnknown,
    .addressWrongKind(wanted: .invite),
    .handleInvalid, .nameInvalid, .unknownContact, .unknownMessage, .ambiguousMessage(count: 2),
    .ambiguousMessage(count: 0), .unknownServer, .notAccepted, .textEmpty,
    .textTooLong(byteCount: 20_000, byteCountMax: 15_971), .textNotUTF8, .unknownSetting,
    .settingInvalid, .safetyNumberDiffers, .safetyNumberInvalid, .recoveryPhraseInvalid,
    .inviteDaysInvalid, .ownAddress, .hostUnknown, .unreachable(errorNumber: 111), .timedOut,
    .connectionLost, .notPostern, .noCommonVersion, .wrongServerKey, .wrongSigningKey,
    .protocolViolation, .serverShuttingDown, .serverFault, .serverRefused(code: 99),
    .rateLimited(seconds: 60), .serverStorageFull, .admissionRefused, .handleTaken,
    .alreadyRegistered, .unknownHandle, .inviteGone, .inviteExpired, .recordInvalid,
    .unknownInvite, .recordTooNew, .certificateExpired, .prekeysExpired, .contactMailboxUnavailable,
    .internalFault(line: 7),
]

@Suite("§10.7 errors")
struct ClientErrorTests {
    @Test("CL-32 every error says what happened and what to do, each in its own words")
    func sentences() {
        var seen: Set<String> = []
        for error in all {
            for text in [error.sentence, error.advice] {
                #expect(text.count > 10, "\(error)")
                #expect(text.last == ".", "\(error)")
                #expect(text.first?.isUppercase == true || text.first?.isNumber == true, "\(error)")
                #expect(text.unicodeScalars.allSatisfy { (0x20...0x7e).contains($0.value) })
            }
            #expect(seen.insert(error.sentence).inserted, "\(error) shares its sentence")
        }
    }

    @Test("CL-32 why a server is not reached is said in words, by number only for the rare ones")
    func unreachable() {
        for number in [ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, ECONNRESET] {
            let error = ClientError.unreachable(errorNumber: number)
            #expect(!error.sentence.contains("error"), "\(number)")
            #expect(!error.advice.contains("kept"), "\(number)")
        }
        #expect(ClientError.unreachable(errorNumber: 5).sentence.contains("error 5"))
    }

    @Test("CL-33 errors of one kind end with the exit code of the table")
    func exitCodes() {
        let expected: [(ClientError, Int32)] = [
            (.noVault, 78), (.vaultExists, 73), (.unsafeMode(.key, mode: 0o644), 78),
            (.vaultInUse, 78), (.vaultCorrupt, 78), (.passphraseWrong, 77),
            (.diskFull, 74), (.diskFailed(errorNumber: 5), 74), (.noPassphraseFile, 66),
            (.addressInvalid, 65), (.unknownContact, 67), (.unknownInvite, 67),
            (.unknownHandle, 67), (.inviteGone, 67),
            (.inviteExpired, 67), (.handleTaken, 73), (.unreachable(errorNumber: 111), 69),
            (.noBackup, 66), (.backupForeign, 65), (.backupTooNew(version: 2), 65),
            (.fileExists, 73), (.timedOut, 69), (.wrongServerKey, 76), (.wrongSigningKey, 76),
            (.protocolViolation, 76), (.internalFault(line: 1), 70), (.safetyNumberDiffers, 65),
        ]
        for (error, code) in expected { #expect(error.exitCode.rawValue == code, "\(error)") }
        for error in all { #expect(error.exitCode != .ok, "\(error)") }
    }

    @Test("CL-32 reasons in the outbox have sentences")
    func reasons() {
        for value in 0...7 {
            let reason = OutboxReason(rawValue: UInt8(value))
            #expect(reason?.sentence.hasSuffix(".") == true)
        }
        #expect(OutboxReason(rawValue: 8) == nil)
    }
}
