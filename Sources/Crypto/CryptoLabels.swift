/// Every label of this target, for the registry test: no label may be a prefix of another, here or
/// in Wire and Channel (A7).
package enum CryptoLabels {
    /// All labels, in the order of the specification.
    package static let all =
        HandshakeLabels.all + RatchetLabels.all + FrameLabels.all + AttachmentLabels.all
        + BackupLabels.all + SafetyNumber.labels
}
