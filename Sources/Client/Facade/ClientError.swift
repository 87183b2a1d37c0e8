/// What can go wrong in the client: facts, no text and no bytes of a message or key.
///
/// `sentence`, `advice` and `exitCode` (ClientError+Sentence.swift) say it to a person and a script.
public enum ClientError: Error, Sendable, Equatable {
    // The home folder and the vault.
    /// There is no vault in this home.
    case noVault
    /// There is one already.
    case vaultExists
    /// The folder cannot be made.
    case cannotCreateHome(errorNumber: Int32)
    /// The folder or a file in it may be read or written by others.
    case unsafeMode(UnsafeThing, mode: UInt32)
    /// The folder or a file in it is a link, of another kind, or belongs to somebody else.
    case unsafeOwnerOrKind(UnsafeThing)
    /// Another process holds this vault for writing.
    case vaultInUse
    /// The vault was opened for reading only.
    case vaultReadOnly
    /// The file is not a vault.
    case vaultForeign
    /// The vault was written by a newer version.
    case vaultTooNew(version: UInt32)
    /// The vault was written by an earlier version, whose rows this one does not read.
    case vaultTooOld(version: UInt32)
    /// The vault is damaged: a cell or page does not open although the passphrase is right.
    case vaultCorrupt
    /// There is no such backup file.
    case noBackup
    /// The file is no backup.
    case backupForeign
    /// The backup was made by a newer version.
    case backupTooNew(version: UInt32)
    /// The backup is damaged, although the passphrase is right, or its header is.
    case backupCorrupt
    /// The contents are larger than a backup, or than this program, takes.
    case backupTooLarge
    /// Something has the name that a file was to get.
    case fileExists
    /// A passphrase is needed and none was given.
    case passphraseNeeded
    /// The passphrase is wrong.
    case passphraseWrong
    /// The passphrase is empty or longer than 1,024 bytes.
    case passphraseUnusable
    /// The disk is full.
    case diskFull
    /// Reading or writing the vault failed.
    case diskFailed(errorNumber: Int32)
    /// There is no such passphrase file.
    case noPassphraseFile
    /// Memory that may not be swapped out could not be had.
    case noSecretMemory
    /// The cryptographic library gives a wrong answer to a known question.
    case libraryBroken

    // What the user typed.
    /// The text is no Postern address.
    case addressInvalid
    /// The address is of a kind that only a newer version knows.
    case addressKindUnknown
    /// An address of another kind was wanted.
    case addressWrongKind(wanted: AddressKind)
    /// A handle has 3 to 32 characters of a-z, 0-9, underscore and dot.
    case handleInvalid
    /// A local name is empty, too long, `me`, or has characters that cannot be printed.
    case nameInvalid
    /// No contact, request or invite has this name.
    case unknownContact
    /// No invite that is open or being made has this id.
    case unknownInvite
    /// No message has this id.
    case unknownMessage
    /// Several messages begin with these digits, or fewer than six were given.
    case ambiguousMessage(count: Int)
    /// The name after `@` is no known server.
    case unknownServer
    /// The contact has not been accepted yet.
    case notAccepted
    /// The text is empty.
    case textEmpty
    /// The text does not fit into one message.
    case textTooLong(byteCount: Int, byteCountMax: Int)
    /// The input is not UTF-8.
    case textNotUTF8
    /// There is no setting of this name.
    case unknownSetting
    /// The setting does not take this value.
    case settingInvalid
    /// The number typed is not the safety number.
    case safetyNumberDiffers
    /// The number typed is no safety number: wrong length or characters.
    case safetyNumberInvalid
    /// The text is no recovery phrase, or a character of it is wrong.
    case recoveryPhraseInvalid
    /// An invite lasts 1 to 30 days.
    case inviteDaysInvalid
    /// One cannot add oneself.
    case ownAddress

    // The network and the server.
    /// The host name has no address.
    case hostUnknown
    /// Nobody answers at that address.
    case unreachable(errorNumber: Int32)
    /// No answer within the time allowed.
    case timedOut
    /// The connection ended.
    case connectionLost
    /// What answers there is no Postern server.
    case notPostern
    /// The server speaks no version this client knows.
    case noCommonVersion
    /// The server does not own the key in its address, or somebody stands between.
    case wrongServerKey
    /// The server's signing key is not the one pinned at the first connection.
    case wrongSigningKey
    /// The server broke the protocol.
    case protocolViolation
    /// The server is shutting down.
    case serverShuttingDown
    /// The server had a fault of its own.
    case serverFault
    /// The server refused one request for good.
    case serverRefused(code: UInt16)
    /// Too many requests from this address; wait that many seconds.
    case rateLimited(seconds: UInt32)
    /// The server's disk is full.
    case serverStorageFull
    /// The server wants an admission this client cannot give.
    case admissionRefused

    // The directory, invites and first messages.
    /// The handle belongs to another account.
    case handleTaken
    /// This account is registered under another handle already.
    case alreadyRegistered
    /// Nobody has this handle.
    case unknownHandle
    /// The invite has expired, was withdrawn, or was used: the server has nothing under this link.
    case inviteGone
    /// The invite's own end date has passed.
    case inviteExpired
    /// What the server gave for this link or handle does not verify.
    case recordInvalid
    /// The record or bundle can be used by a newer version only.
    case recordTooNew
    /// The contact's certificate has expired.
    case certificateExpired
    /// The contact's prekeys have run out of date.
    case prekeysExpired
    /// The contact takes no first messages now: the mailbox is full or switched off.
    case contactMailboxUnavailable

    /// A fault of this program.
    case internalFault(line: UInt32)
}

/// What has unsafe permissions.
public enum UnsafeThing: UInt8, Sendable {
    /// The home folder; it must be 0700 and belong to the user.
    case home
    /// The vault file; it must be 0600 and belong to the user.
    case vault
    /// The key file of a vault without passphrase; 0600.
    case key
    /// The file given by `--passphrase-file`; readable by its owner only.
    case passphraseFile
}

/// Kinds of Postern addresses.
public enum AddressKind: UInt8, Sendable {
    /// `postern://KEY@host[:port]`
    case server
    /// `…/u/HANDLE`
    case person
    /// `…/i#SECRET`
    case invite
}

/// The exit codes of `postern`, SPEC §10.7.
public enum ExitCode: Int32, Sendable {
    /// Done.
    case ok = 0
    /// Wrong arguments.
    case usage = 64
    /// Bad input: an address, text or number that is not what it should be.
    case badInput = 65
    /// No such file.
    case noFile = 66
    /// Unknown contact, handle or message; an invite that is expired, withdrawn or used up.
    case unknown = 67
    /// The server cannot be reached.
    case unreachable = 69
    /// A fault of this program.
    case fault = 70
    /// Cannot create; the handle is taken.
    case cannotCreate = 73
    /// The disk failed or is full.
    case disk = 74
    /// Queued, not sent.
    case queued = 75
    /// The protocol was broken, or a server key is wrong.
    case protocolError = 76
    /// Passphrase or permission.
    case permission = 77
    /// Configuration or an unsafe file.
    case configuration = 78
    /// The time given by `--timeout` was over first.
    case timeout = 124
    /// Interrupted.
    case interrupted = 130
}
