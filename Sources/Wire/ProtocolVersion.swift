/// The version of SPEC.md that this code speaks.
///
/// - SPEC: §13
package let protocolVersion: UInt16 = 0

/// The WebSocket subprotocol that stands for ``protocolVersion``.
///
/// - SPEC: §13
package let versionSubprotocol = "postern.v\(protocolVersion)"
