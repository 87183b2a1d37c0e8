package import Primitives

/// What is signed in requests to the directory that carry no signed object of their own.
///
/// - SPEC: §2.2, KD-22, KD-23
package enum DirectorySignatures {
    /// Signed by a device key to ask how many of the device's one-time prekeys are left. Bound to
    /// one channel, so that it is worth nothing on another.
    package static func preKeyStatus(
        handle: Handle, deviceID: UInt32, handshakeHash: FixedBytes<32>
    ) -> [UInt8] {
        // KD-22
        var message = Context.preKeyStatus.message(capacity: 1 + 32 + 33 + 4)
        message.u8(ObjectType.preKeyStatus.rawValue)
        message.fixed(handshakeHash)
        Handle.encode(handle, into: &message)
        message.u32(deviceID)
        return message.bytes
    }

    /// Signed by the account key to give up its handle. Names the record it ends, so that it
    /// cannot end a later one, and is bound to one channel, so that no server can end the same
    /// handle at another.
    package static func handleRelease(
        handle: Handle, recordNumber: UInt64, handshakeHash: FixedBytes<32>
    ) -> [UInt8] {
        // KD-23
        var message = Context.handleRelease.message(capacity: 1 + 32 + 33 + 8)
        message.u8(ObjectType.handleRelease.rawValue)
        message.fixed(handshakeHash)
        Handle.encode(handle, into: &message)
        message.u64(recordNumber)
        return message.bytes
    }
}
