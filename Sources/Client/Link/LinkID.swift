/// One connection to one server, from its opening to its end.
package struct LinkID: Hashable, Sendable, Comparable {
    let value: UInt64

    /// In the order of opening.
    package static func < (left: LinkID, right: LinkID) -> Bool { left.value < right.value }
}
