package import Primitives

/// The secret of an invite link: the hash of the invite it opens.
///
/// Whoever has it can open the invite, as is the purpose of a link; it prints as nothing, so that
/// it stands in a link or nowhere.
///
/// - SPEC: §9.6
package struct LinkKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The 32 bytes.
    package let bytes: FixedBytes<32>

    /// - Parameter bytes: 32 bytes.
    package init(_ bytes: FixedBytes<32>) { self.bytes = bytes }

    package static func == (one: LinkKey, other: LinkKey) -> Bool {
        ConstantTime.isEqual(one.bytes.raw, other.bytes.raw)  // PR-10
    }

    /// Nothing of the key.
    package var description: String { "link key" }

    /// Nothing of the key, so that `dump` shows none either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
