/// Labels of the handshake's derivations, in the order of its steps, exactly the bytes of the
/// specification.
///
/// - SPEC: §5.3
package enum HandshakeLabels {
    /// H1: the outer block's key.
    package static let outer: StaticString = "postern/1 handshake outer"
    /// H2: what the inner block's key is bound to.
    package static let context: StaticString = "postern/1 handshake context"
    /// H2: the inner block's key.
    package static let inner: StaticString = "postern/1 handshake inner"
    /// H4: the transcript.
    package static let transcript: StaticString = "postern/1 handshake transcript"
    /// H5: the session's first keys.
    package static let session: StaticString = "postern/1 handshake session"

    /// All of them, for the registry test (A7).
    package static let all: [StaticString] = [outer, context, inner, transcript, session]
}
