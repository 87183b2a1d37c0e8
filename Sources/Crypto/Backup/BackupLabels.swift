/// Labels of a backup's derivations, exactly the bytes of the specification.
///
/// - SPEC: §10.8
package enum BackupLabels {
    /// Key and header of the stream.
    package static let stream: StaticString = "postern/1 backup stream"
    /// The commitment to the key.
    package static let commitment: StaticString = "postern/1 backup commitment"

    /// All of them, for the registry test (A7).
    package static let all: [StaticString] = [stream, commitment]
}
