import Glibc
import Platform
import Primitives

/// A folder for the files of one input, which goes with it. scripts/fuzz puts it where nothing has
/// to reach a disk, and removes what a trap has left.
final class Scratch {
    let path: String

    init() {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/postern-fuzz-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        guard let made else { Program.fail("Fuzz: cannot make a folder in \(parent)") }
        path = made
    }

    deinit {
        for name in (try? SafeFile.names(in: path)) ?? [] { _ = unsafe unlink("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }

    /// Writes a file that only its owner may open.
    func write(_ bytes: [UInt8], to name: String) {
        let file = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(file) }
        guard file >= 0, unsafe Glibc.write(file, bytes, bytes.count) == bytes.count else {
            Program.fail("Fuzz: cannot write \(path)/\(name)")
        }
    }

    /// The bytes of a file; none when it is not there.
    func read(_ name: String) -> [UInt8] { Program.contents(of: "\(path)/\(name)") ?? [] }
}

/// What damage does to the pages of a file.
enum Damage {
    /// Lays runs of bytes over a file, moves pieces of it about and cuts it, as an input says.
    static func apply(_ choices: inout Choices, to bytes: inout [UInt8], pieceByteCount: Int = 512)
    {
        for _ in 0..<min(choices.byte(), 12) where !bytes.isEmpty {
            let kind = choices.byte()
            let place = Int(choices.u32() & 0xff_ffff) % bytes.count
            switch kind & 7 {
            case 0: bytes[place] ^= choices.byte() | 1
            case 1, 2, 3: Signing.put(choices.take(Int(kind >> 3)), into: &bytes, at: place)
            case 4: bytes.removeLast(bytes.count - place)
            case 5: bytes += [UInt8](repeating: choices.byte(), count: pieceByteCount)
            default:
                let to = Int(choices.u32() & 0xff_ffff) % bytes.count
                let piece = Array(bytes[place..<min(bytes.count, place + pieceByteCount)])
                Signing.put(piece, into: &bytes, at: to)
            }
        }
    }
}
