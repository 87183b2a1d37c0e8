import Glibc
import Platform
import Primitives

@testable import Mailbox

/// A server's folder of one test alone, with keys in it, removed with all that is in it.
final class ServerFolder: Sendable {
    let data: DataFolder

    init() throws {
        let place = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/postern-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        guard let made else { fatalError("no temporary folder") }
        data = DataFolder(made)
        var random = SeededRandom(5)
        _ = try data.create(host: "chat.example.org", random: &random)
    }

    func path(_ name: String) -> String { data.path + "/" + name }

    deinit {
        for name in (try? SafeFile.names(in: data.path)) ?? [] { _ = unsafe remove(path(name)) }
        _ = unsafe rmdir(data.path)
    }
}
