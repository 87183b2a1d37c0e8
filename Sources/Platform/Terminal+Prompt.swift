import Glibc

extension Terminal {
    /// As `promptHidden(_:into:)`, into an array of which the caller wipes the only copy.
    ///
    /// - Parameter byteCountMax: A longer line is refused.
    package static func promptHidden(
        _ prompt: String, byteCountMax: Int
    ) throws(PromptError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCountMax)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let count = try promptHidden(prompt, into: &raw)
        bytes.removeLast(byteCountMax - count)
        return bytes
    }
}

extension [UInt8] {
    /// Overwrites the bytes, whatever the optimiser thinks of it, and empties the array.
    ///
    /// Wipes this copy only: an array that was shared is copied first, and the other stays.
    package mutating func wipe() {
        unsafe withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe explicit_bzero(start, buffer.count)
        }
        removeAll()
    }
}
