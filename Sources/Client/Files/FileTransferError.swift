package import Crypto
package import Platform

/// Why a file was not received or cannot be sent. No case leaves a part of it under its name.
///
/// - SPEC: §7.7, §10.8
package enum FileTransferError: Error, Equatable, Sendable {
    /// Something has that name already; it is left as it is.
    case exists
    /// Another process is receiving the same file here.
    case busy
    /// Less space is left than the file needs.
    case noSpace(byteCount: Int64)
    /// The file to be sent is not the one whose hash was taken.
    case changed
    /// What was received is refused, or not whole.
    case attachment(AttachmentError)
    /// The disk, or what lies there.
    case file(UnsafeFile)

    init(_ error: SystemError) { self = .file(.system(error)) }

    /// Whether freeing space mends it.
    package var isDiskFull: Bool {
        switch self {
        case .noSpace: true
        case .file(let error): error.isDiskFull
        default: false
        }
    }
}
