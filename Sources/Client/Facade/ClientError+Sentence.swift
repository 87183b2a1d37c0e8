internal import Glibc

/// The one mapping from what went wrong to what a person and a script are told. CL-32
///
/// - SPEC: §10.7, CL-32, CL-33
extension ClientError {
    /// One sentence for a person: what happened. Holds nothing that came from the network.
    public var sentence: String {
        switch self {
        case .noVault: "There is no Postern account in this folder."
        case .vaultExists: "This folder already holds a Postern account."
        case .cannotCreateHome(let number): "The folder cannot be made (error \(number))."
        case .unsafeMode(let thing, let mode):
            "The \(thing.noun) may be read or changed by others (mode \(Self.octal(mode)))."
        case .unsafeOwnerOrKind(let thing):
            "The \(thing.noun) is a link, is of the wrong kind, or belongs to somebody else."
        case .vaultInUse: "Another postern process is using this account."
        case .vaultReadOnly: "The account was opened for reading only."
        case .vaultForeign: "The vault file is no Postern vault."
        case .vaultTooNew(let version):
            "The vault has format \(version), which this version does not know."
        case .vaultTooOld(let version):
            "The vault has format \(version), of before the first release, which this version cannot read."
        case .vaultCorrupt: "The vault is damaged, although the passphrase is right."
        case .noBackup: "There is no such backup file."
        case .backupForeign: "This file is no Postern backup."
        case .backupTooNew(let version):
            "The backup has format \(version): a newer version of this program made it."
        case .backupCorrupt: "The backup is damaged or was changed."
        case .backupTooLarge: "The contents are larger than a backup can hold."
        case .fileExists: "Something has this file name already; nothing was written."
        case .passphraseNeeded: "This account needs a passphrase."
        case .passphraseWrong: "The passphrase is wrong."
        case .passphraseUnusable: "A passphrase has 1 to 1,024 bytes."
        case .diskFull: "The disk is full; nothing was changed."
        case .diskFailed(let number): "Reading or writing the vault failed (error \(number))."
        case .noPassphraseFile: "There is no such passphrase file."
        case .noSecretMemory: "The system gives no memory that is kept from swapping."
        case .libraryBroken: "The cryptographic library of this machine computes wrongly."
        case .addressInvalid: "This is no Postern address."
        case .addressKindUnknown: "This address is of a kind this version does not know."
        case .addressWrongKind(let wanted): "Here \(wanted.noun) is needed."
        case .handleInvalid: "A handle has 3 to 32 characters of a-z, 0-9, underscore and dot."
        case .nameInvalid: "This cannot be a contact's name."
        case .unknownContact: "There is no contact, request or invite of this name."
        case .unknownInvite: "There is no open invite with this id."
        case .unknownMessage: "There is no message with this id."
        case .ambiguousMessage(let count):
            count == 0
                ? "Fewer than six digits of the message id were given."
                : "\(count) messages have an id that begins so."
        case .unknownServer: "No known server has this name."
        case .notAccepted: "This contact has not been accepted yet."
        case .textEmpty: "The message is empty."
        case .textTooLong(let count, let limit):
            "The message has \(count) bytes; \(limit) fit."
        case .textNotUTF8: "The input is not valid UTF-8."
        case .unknownSetting: "There is no setting of this name."
        case .settingInvalid: "The setting does not take this value."
        case .safetyNumberDiffers: "The safety numbers differ: do not trust this contact's keys."
        case .safetyNumberInvalid: "This is no whole safety number."
        case .recoveryPhraseInvalid: "This is no recovery phrase, or a character of it is wrong."
        case .inviteDaysInvalid: "An invite lasts 1 to 30 days."
        case .ownAddress: "This is your own address."
        case .hostUnknown: "The server's host name is not known."
        case .unreachable(let number): Self.unreachable(number)
        case .timedOut: "The server did not answer in time."
        case .connectionLost: "The connection to the server was lost."
        case .notPostern: "What answers at this address is no Postern server."
        case .noCommonVersion: "The server speaks no version that this program knows."
        case .wrongServerKey:
            "The server does not have the key in its address, or somebody stands between."
        case .wrongSigningKey: "The server's signing key is another one than before."
        case .protocolViolation: "The server broke the protocol."
        case .serverShuttingDown: "The server is shutting down."
        case .serverFault: "The server had a fault."
        case .serverRefused(let code): "The server refused the request (code \(code))."
        case .rateLimited(let seconds):
            "The server takes no more such requests from here for \(seconds) seconds."
        case .serverStorageFull: "The server's disk is full."
        case .admissionRefused: "The server wants an admission that this client cannot give."
        case .handleTaken: "The handle belongs to another account."
        case .alreadyRegistered: "This account already has another handle."
        case .unknownHandle: "Nobody has this handle on that server."
        case .inviteGone: "The invite was used, withdrawn, or has expired."
        case .inviteExpired: "The invite has expired."
        case .recordInvalid: "What the server gave for this contact is not genuine."
        case .recordTooNew: "This contact needs a newer version of this program."
        case .certificateExpired: "The contact's device certificate has expired."
        case .prekeysExpired: "The contact's keys for first messages are out of date."
        case .contactMailboxUnavailable: "The contact takes no first messages at the moment."
        case .internalFault(let line): "This is a fault of the program (line \(line))."
        }
    }

    /// One sentence on what to do next.
    public var advice: String {
        switch self {
        case .noVault: "Make one with `postern init SERVER`, or name its folder with --home."
        case .vaultExists: "Use it, or name another folder with --home."
        case .cannotCreateHome: "Name a folder you may write to with --home."
        case .unsafeMode(.home, _): "Run `chmod 700` on it if it is yours."
        case .unsafeMode: "Run `chmod 600` on it if it is yours, then try again."
        case .unsafeOwnerOrKind: "Name another folder or file, or look who put it there."
        case .vaultInUse: "End the other one (chat or receive --follow), or write from there."
        case .vaultReadOnly: "Run the command without another one beside it."
        case .vaultForeign: "Name the right folder with --home."
        case .vaultTooNew: "Update this program."
        case .vaultTooOld: "Make a new account in another folder (postern init --home)."
        case .vaultCorrupt: "Restore a backup; keep the damaged file until that has worked."
        case .noBackup: "Check the name of the file."
        case .backupForeign: "Name another file."
        case .backupTooNew: "Update this program, then restore again."
        case .backupCorrupt: "Copy it again from where it was kept, or use another backup."
        case .backupTooLarge: "Use the program that made it."
        case .fileExists: "Choose another name, or move the other file away."
        case .passphraseNeeded: "Type it, or give --passphrase-file or --passphrase-fd."
        case .passphraseWrong: "Try again; there is no way in without it."
        case .passphraseUnusable: "Choose another one."
        case .diskFull: "Free some space and try again."
        case .diskFailed: "Check the disk and that the folder is writable, then try again."
        case .noPassphraseFile: "Check the name given by --passphrase-file."
        case .noSecretMemory: "Raise the limit of locked memory (ulimit -l)."
        case .libraryBroken: "Install libsodium again; nothing was read or written."
        case .addressInvalid: "Check that it was copied whole."
        case .addressKindUnknown, .recordTooNew, .noCommonVersion: "Update this program."
        case .addressWrongKind(let wanted): "It looks like \(wanted.example)."
        case .handleInvalid: "Choose another handle."
        case .nameInvalid: "Use up to 64 letters, digits and signs, without a comma, not `me`."
        case .unknownContact: "See `postern contacts` and `postern requests`."
        case .unknownInvite: "See `postern invite --list`."
        case .unknownMessage, .ambiguousMessage: "See `postern history NAME --json` for whole ids."
        case .unknownServer: "Use the whole person link instead."
        case .notAccepted: "Take it with `postern accept NAME`."
        case .textEmpty: "Type a text, or give it on standard input."
        case .textTooLong: "Send it in parts."
        case .textNotUTF8: "Convert it to UTF-8."
        case .unknownSetting, .settingInvalid: "See `postern settings`."
        case .safetyNumberDiffers: "Compare again; if it still differs, talk over another way."
        case .safetyNumberInvalid: "Type all digits of the number."
        case .recoveryPhraseInvalid: "Compare it with the paper, character by character."
        case .inviteDaysInvalid: "Choose a number of days from 1 to 30."
        case .ownAddress: "Use `me` for notes to yourself."
        case .hostUnknown, .notPostern: "Check the address with whoever runs the server."
        case .unreachable, .timedOut, .connectionLost, .serverShuttingDown: "Try again later."
        case .wrongServerKey, .wrongSigningKey:
            "Ask whoever runs the server, over another way, for its address before going on."
        case .protocolViolation, .serverFault, .serverRefused:
            "Try again later, and tell whoever runs the server."
        case .rateLimited, .serverStorageFull: "Try again later."
        case .admissionRefused: "Ask whoever runs the server for access."
        case .handleTaken: "Choose another handle."
        case .alreadyRegistered: "See `postern id`."
        case .unknownHandle: "Check the spelling, or ask for an invite link."
        case .inviteGone, .inviteExpired: "Ask for a new link."
        case .recordInvalid: "Do not use it; ask the contact for an invite link over another way."
        case .certificateExpired, .prekeysExpired:
            "The contact has to connect first; try again later."
        case .contactMailboxUnavailable: "Try again later."
        case .internalFault: "Please report it with this line number."
        }
    }

    /// The exit code that a command ends with. CL-33
    public var exitCode: ExitCode {
        switch self {
        case .noVault, .unsafeMode, .unsafeOwnerOrKind, .vaultForeign, .vaultTooNew, .vaultTooOld,
            .vaultCorrupt, .vaultInUse, .vaultReadOnly:
            .configuration
        case .noPassphraseFile, .noBackup: .noFile
        case .backupForeign, .backupCorrupt, .backupTooLarge, .backupTooNew: .badInput
        case .fileExists: .cannotCreate
        case .vaultExists, .cannotCreateHome, .handleTaken, .alreadyRegistered: .cannotCreate
        case .passphraseNeeded, .passphraseWrong, .passphraseUnusable, .notAccepted,
            .admissionRefused:
            .permission
        case .diskFull, .diskFailed: .disk
        case .addressInvalid, .addressKindUnknown, .addressWrongKind, .handleInvalid, .nameInvalid,
            .textEmpty, .textTooLong, .textNotUTF8, .unknownSetting, .settingInvalid,
            .safetyNumberDiffers, .safetyNumberInvalid, .recoveryPhraseInvalid, .inviteDaysInvalid,
            .ownAddress:
            .badInput
        case .unknownContact, .unknownInvite, .unknownMessage, .ambiguousMessage, .unknownServer,
            .unknownHandle, .inviteGone, .inviteExpired, .certificateExpired, .prekeysExpired:
            .unknown
        case .hostUnknown, .unreachable, .timedOut, .connectionLost, .serverShuttingDown,
            .serverFault, .rateLimited, .serverStorageFull, .contactMailboxUnavailable:
            .unreachable
        case .notPostern, .noCommonVersion, .wrongServerKey, .wrongSigningKey, .protocolViolation,
            .serverRefused, .recordInvalid, .recordTooNew:
            .protocolError
        case .noSecretMemory, .libraryBroken, .internalFault: .fault
        }
    }

    /// - Parameter number: The system's number; one that nobody needs to look up has words.
    private static func unreachable(_ number: Int32) -> String {
        switch number {
        case ECONNREFUSED: "The server cannot be reached: nothing listens at its address."
        case ENETUNREACH, EADDRNOTAVAIL, ENETDOWN:
            "The server cannot be reached: this machine has no way to its network."
        case EHOSTUNREACH, EHOSTDOWN: "The server cannot be reached: its machine does not answer."
        case ETIMEDOUT: "The server cannot be reached: it does not answer."
        case ECONNRESET, EPIPE: "The server cannot be reached: the connection was broken."
        default: "The server cannot be reached (error \(number))."
        }
    }

    private static func octal(_ mode: UInt32) -> String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension UnsafeThing {
    fileprivate var noun: String {
        switch self {
        case .home: "folder"
        case .vault: "vault file"
        case .key: "key file"
        case .passphraseFile: "passphrase file"
        }
    }
}

extension AddressKind {
    fileprivate var noun: String {
        switch self {
        case .server: "a server's address"
        case .person: "a person's address"
        case .invite: "an invite link"
        }
    }

    fileprivate var example: String {
        switch self {
        case .server: "postern://KEY@host"
        case .person: "postern://KEY@host/u/HANDLE"
        case .invite: "postern://KEY@host/i#SECRET"
        }
    }
}

extension OutboxReason {
    /// One sentence for a person: why it has not been sent.
    public var sentence: String {
        switch self {
        case .waitingForServer: "Waits for the server; it is tried again by itself."
        case .waitingForReply: "Waits for the contact's first reply."
        case .mailboxFull: "The contact's mailbox is full; it is tried again by itself."
        case .rateLimited:
            "The server takes no more from here for now; it is tried again by itself."
        case .serverStorageFull: "The server's disk is full; it is tried again by itself."
        case .mailboxGone:
            "The contact's mailbox is gone or refuses us; ask for a new link, or add the handle."
        case .copiedVault: "Another copy of this account has sent here: use only one of the two."
        case .refused: "The server refused it."
        }
    }
}
