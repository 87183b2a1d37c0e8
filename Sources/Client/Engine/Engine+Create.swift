package import Primitives
package import Wire

extension Engine {
    /// What a new vault begins with: a new account on a server, whose signing key is pinned.
    ///
    /// - Parameter recoverySeed: of the key whose phrase is printed; only its hash is kept.
    /// - Returns: the writes of the vault's first commit.
    package static func firstWrites(
        server: ServerAddress, signingKey: Ed25519PublicKey, recoverySeed: borrowing SecretBytes,
        random: inout some RandomSource, now: Moment
    ) -> [VaultWrite] {
        let keys = IdentityKeys(from: &random)
        var deviceID: UInt32 = 0
        while deviceID == 0 { deviceID = random.integer(UInt32.self) }
        let device = DeviceIdentity(
            deviceID: deviceID, identityKey: keys.identity.publicKey,
            deviceKey: keys.device.publicKey)
        let certificate = DeviceCertificate(
            identity: device,
            expiry: now.hours.advanced(byHours: DeviceCertificate.lifetimeHours),
            signedBy: keys.account)
        let recovery = Ed25519KeyPair(seed: recoverySeed)
        let identity = IdentityRecord(
            account: keys.account.publicKey,
            recoveryHash: Record.recoveryHash(of: recovery.publicKey), certificate: certificate,
            server: server)
        let pin = ServerPin(server: server, signingKey: signingKey.bytes)
        return [
            .put(.state, key: IdentityRecord.key, group: [], value: identity.encoded),
            .put(.state, key: IdentityRecord.keysKey, group: [], value: keys.exposeForStorage()),
            .put(.state, key: pin.key, group: ServerPin.group, value: pin.encoded),
        ]
    }
}
