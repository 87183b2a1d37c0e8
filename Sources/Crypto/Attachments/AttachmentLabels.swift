/// Labels of an attachment's derivations, exactly the bytes of the specification.
///
/// - SPEC: §7.7
package enum AttachmentLabels {
    /// Key and header of the stream.
    package static let stream: StaticString = "postern/1 file stream"
    /// The commitment to the key.
    package static let commitment: StaticString = "postern/1 file commitment"
    /// The id of a blob.
    package static let blob: StaticString = "postern/1 file blob"
    /// The erase key of a blob.
    package static let erase: StaticString = "postern/1 file erase"

    /// All of them, for the registry test (A7).
    package static let all: [StaticString] = [stream, commitment, blob, erase]
}
