package import Primitives

/// Which messages of one direction have come, and what it takes to check the link of each.
///
/// A message carries its number n and the link `c_n = SHA-256(c_(n-1) ‖ n ‖ tag_(n-1))`, so a server
/// that drops or reorders shows (B4, C1). Holds nothing secret: links are hashes of what went over
/// the wire and of the session id.
///
/// - SPEC: §6.4, DR-12, DR-13
package struct ReceivedNumbers: Hashable, Sendable {
    /// The link of a message: 32 bytes.
    package typealias Link = FixedBytes<32>
    /// The last 16 bytes of a message's envelope.
    package typealias Tag = FixedBytes<16>

    /// A run of numbers that are missing between two messages that came.
    package struct Gap: Hashable, Sendable {
        /// First number missing.
        package let first: UInt64
        /// Last number missing.
        package let last: UInt64
        /// When the first message behind it came, hours since 1970.
        package let sinceHours: UInt32
        /// Link and tag of the message before it, and link of the message behind it.
        let lowerLink: Link
        let lowerTag: Tag
        let upperLink: Link

        /// The numbers missing.
        package var numbers: ClosedRange<UInt64> { first...last }
    }

    /// Why a message is refused.
    enum Refusal: Error, Equatable {
        case double
        case link
    }

    /// The highest number received, 0 before the first.
    package internal(set) var highest: UInt64
    var highestLink: Link
    var highestTag: Tag
    /// What is missing below `highest`, ascending, at most `RatchetLimits.gapsMax`.
    package internal(set) var gaps: [Gap]

    /// Nothing received yet: link 0 is the session id, tag 0 is zeros.
    init(sessionID: FixedBytes<32>) {
        highest = 0
        highestLink = sessionID
        highestTag = .zero
        gaps = []
    }

    init(highest: UInt64, highestLink: Link, highestTag: Tag, gaps: [Gap]) {
        self.highest = highest
        self.highestLink = highestLink
        self.highestTag = highestTag
        self.gaps = gaps
    }

    /// `c_n` from the message before.
    static func link(after link: Link, tag: Tag, number: UInt64) -> Link {
        var hash = SHA256()
        hash.update(link.raw)
        var bytes = FixedBytes<8>()
        for index in 0..<8 {
            bytes[index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index))
        }
        hash.update(bytes.raw)
        hash.update(tag.raw)
        return hash.finish()
    }

    /// The number up to which nothing is missing.
    package var completeThrough: UInt64 { gaps.first.map { $0.first - 1 } ?? highest }

    /// True when a number below the highest one has not come and its gap is open.
    package func isMissing(_ number: UInt64) -> Bool { gapIndex(of: number) != nil }

    private func gapIndex(of number: UInt64) -> Int? {
        var low = 0
        var high = gaps.count
        while low < high {
            let middle = (low + high) / 2
            if gaps[middle].last < number { low = middle + 1 } else { high = middle }
        }
        guard low < gaps.count, gaps[low].first <= number else { return nil }
        return low
    }

    /// Takes in a message, or refuses it and changes nothing.
    ///
    /// - Returns: a gap that had to be closed to make room for a new one.
    /// - Throws: `.double` for a number that came or whose gap is closed, `.link` when the link does
    ///   not fit a neighbour that came.
    mutating func insert(
        number: UInt64, link: Link, tag: Tag, hours: UInt32
    ) throws(Refusal) -> Gap? {
        if number > highest {
            return try append(number: number, link: link, tag: tag, hours: hours)
        }
        guard let index = gapIndex(of: number) else { throw .double }
        let gap = gaps[index]
        // DR-12: both neighbours of a gap have come, so its ends can be checked.
        if number == gap.first {
            guard link == Self.link(after: gap.lowerLink, tag: gap.lowerTag, number: number) else {
                throw .link
            }
        }
        if number == gap.last {
            guard gap.upperLink == Self.link(after: link, tag: tag, number: number &+ 1) else {
                throw .link
            }
        }
        var parts: [Gap] = []
        if number > gap.first {
            parts.append(
                Gap(
                    first: gap.first, last: number - 1, sinceHours: gap.sinceHours,
                    lowerLink: gap.lowerLink, lowerTag: gap.lowerTag, upperLink: link))
        }
        if number < gap.last {
            parts.append(
                Gap(
                    first: number + 1, last: gap.last, sinceHours: gap.sinceHours,
                    lowerLink: link, lowerTag: tag, upperLink: gap.upperLink))
        }
        gaps.replaceSubrange(index...index, with: parts)
        return closeOldestAboveLimit()
    }

    private mutating func append(
        number: UInt64, link: Link, tag: Tag, hours: UInt32
    ) throws(Refusal) -> Gap? {
        if number == highest &+ 1 {
            // DR-12
            guard link == Self.link(after: highestLink, tag: highestTag, number: number) else {
                throw .link
            }
        } else {
            gaps.append(
                Gap(
                    first: highest + 1, last: number - 1, sinceHours: hours,
                    lowerLink: highestLink, lowerTag: highestTag, upperLink: link))
        }
        highest = number
        highestLink = link
        highestTag = tag
        return closeOldestAboveLimit()
    }

    private mutating func closeOldestAboveLimit() -> Gap? {
        // DR-13: one message adds at most one gap, so closing one is enough.
        guard gaps.count > RatchetLimits.gapsMax else { return nil }
        return gaps.removeFirst()
    }

    /// Closes gaps older than `RatchetLimits.gapHours` and returns them, to be shown once as lost.
    mutating func closeExpired(atHours now: UInt32) -> [Gap] {
        // DR-13
        let expired = gaps.filter { Self.isExpired($0, atHours: now) }
        if !expired.isEmpty { gaps.removeAll { Self.isExpired($0, atHours: now) } }
        return expired
    }

    private static func isExpired(_ gap: Gap, atHours now: UInt32) -> Bool {
        now >= gap.sinceHours && now - gap.sinceHours >= RatchetLimits.gapHours
    }
}
