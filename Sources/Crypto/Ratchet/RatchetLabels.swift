/// Labels of the ratchet's derivations, exactly the bytes of the specification.
///
/// - SPEC: §6.3, §6.7
package enum RatchetLabels {
    /// A root step.
    package static let root: StaticString = "postern/1 ratchet root"
    /// What a device key signs over a recovery bundle.
    package static let recoveryBundle: StaticString = "postern/1 recovery bundle"

    /// All of them, for the registry test (A7).
    package static let all: [StaticString] = [root, recoveryBundle]
}
