/// Why a record may not follow another one of the same handle.
///
/// - SPEC: §9.3, KD-4, KD-5
package enum SuccessionProblem: Error, Equatable, Sendable {
    /// Its number is not greater.
    case number(found: UInt64, after: UInt64)
    /// Account key or recovery hash differ and the recovery key has not consented.
    case noRecoveryProof
    /// The recovery proof is by another key than the record before names.
    case otherRecoveryKey
    /// It is under another handle.
    case otherHandle
}

extension Verified where Value == Record {
    /// How a record relates to the one before it.
    package enum Succession: Equatable, Sendable {
        /// The very same bytes again.
        case same
        /// A newer one of the same account key.
        case newer
        /// A newer one with another account key, to which the recovery key has consented.
        case recovered
    }

    /// Judges whether this record may follow `previous`, which is of the same handle.
    ///
    /// A server asks it of a publication, a client of what it looked up against what it has kept.
    ///
    /// - Parameter old: what the caller itself has verified before and kept since.
    /// - Throws: `SuccessionProblem`.
    package func succession(after old: Record) throws(SuccessionProblem) -> Succession {
        let new = value
        // KD-4: a retry after a lost answer is no new version.
        if new.bytes == old.bytes { return .same }
        guard new.handle == old.handle else { throw .otherHandle }
        guard new.number > old.number else {
            throw .number(found: new.number, after: old.number)
        }
        // KD-5: neither key alone can shut out the other. The account key cannot name another
        // recovery key, and a recovery proof does nothing without the one that was named.
        let accountStays = new.account == old.account
        let recoveryStays = new.contents.recoveryHash == old.contents.recoveryHash
        if let proof = new.recoveryProof {
            guard proof.hash == old.contents.recoveryHash else { throw .otherRecoveryKey }
        } else if !accountStays || !recoveryStays {
            throw .noRecoveryProof
        }
        return accountStays ? .newer : .recovered
    }
}
