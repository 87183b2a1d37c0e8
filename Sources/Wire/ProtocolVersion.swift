/// The version of SPEC.md that this code speaks.
///
/// - SPEC: §13
package let protocolVersion: UInt16 = 0
