/// Types of the frames from client to server, all below 0x80.
///
/// - SPEC: §10.6, §9.8
package enum ClientFrameType: UInt8, CaseIterable, Sendable {
    /// Makes a mailbox.
    case create = 0x01
    /// Proves the possession of a key of a mailbox.
    case attach = 0x02
    /// Ends an attach.
    case detach = 0x03
    /// Stores an envelope in a chat mailbox.
    case deposit = 0x04
    /// Stores an envelope in a contact mailbox.
    case contactDeposit = 0x05
    /// Erases delivered envelopes.
    case acknowledge = 0x06
    /// Passes a frame to an attached reader.
    case ephemeral = 0x07
    /// Changes a mailbox's settings.
    case settings = 0x08
    /// Lets a mailbox swallow what comes.
    case close = 0x09
    /// Lets it keep what comes again.
    case open = 0x0a
    /// Removes a mailbox.
    case delete = 0x0b
    /// Stores a blob.
    case putBlob = 0x10
    /// Fetches a blob.
    case getBlob = 0x11
    /// Erases a blob.
    case eraseBlob = 0x12
    /// Publishes a record.
    case publishRecord = 0x20
    /// Publishes a bundle with its one-time prekeys.
    case publishBundle = 0x21
    /// Looks a handle up.
    case lookUp = 0x22
    /// Fetches prekeys.
    case fetchPreKeys = 0x23
    /// Asks how many one-time prekeys are left.
    case preKeyStatus = 0x24
    /// Gives a handle up.
    case releaseHandle = 0x25
}

/// Types of the frames from server to client, all from 0x80 on.
///
/// - SPEC: §10.6, §9.8, §11.3
package enum ServerFrameType: UInt8, CaseIterable, Sendable {
    /// A request has taken effect.
    case done = 0x80
    /// A request has not taken effect.
    case error = 0x81
    /// An attach was taken.
    case attached = 0x82
    /// A blob.
    case blob = 0x83
    /// A stored envelope.
    case delivery = 0x90
    /// An ephemeral frame.
    case ephemeralDelivery = 0x91
    /// Another reader has taken over.
    case superseded = 0x92
    /// The server is about to close.
    case goingAway = 0x94
    /// What a look-up found.
    case record = 0xa0
    /// What a prekey fetch found.
    case preKeys = 0xa1
    /// How many one-time prekeys are left.
    case preKeyStatus = 0xa2
    /// The first frame on a channel.
    case hello = 0xc0
}
