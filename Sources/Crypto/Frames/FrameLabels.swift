/// Labels of ephemeral frames, exactly the bytes of the specification.
///
/// - SPEC: §7.5
package enum FrameLabels {
    /// What a mailbox's write key signs over a frame.
    package static let signature: StaticString = "postern/1 ephemeral frame"

    /// All of them, for the registry test (A7).
    package static let all: [StaticString] = [signature]
}
