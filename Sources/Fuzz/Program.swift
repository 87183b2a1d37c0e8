import Glibc
import Primitives

/// Feeds hostile bytes to the parsers, one target by name.
///
/// `list`, `seeds` and `replay` are in every build. `run` needs the one that scripts/fuzz makes,
/// with libFuzzer: it measures which code an input reaches and keeps what reaches more. Inputs of
/// targets below a signature or a seal are signed and sealed by the target, with keys it knows.
@main
enum Program {
    private static let usage = """
        usage: Fuzz list
               Fuzz seeds TARGET FOLDER       writes the inputs that a run begins with
               Fuzz replay TARGET FILE…       tries each file once
               Fuzz run TARGET FOLDER [--seconds N] [--seed N] [CORPUS…]

        A run keeps what it finds in FOLDER: an input that ends the program is a file crash-… or
        timeout-… there. CORPUS are folders of further inputs to begin with.
        """

    static func main() {
        var words = CommandLine.arguments.dropFirst()
        let command = words.popFirst()
        if command == "list" {
            for target in Target.all { print(target.name) }
            return
        }
        guard let command, let name = words.popFirst() else { fail(usage) }
        guard let target = Target.named(name) else { fail("Fuzz: there is no target \(name)") }
        switch command {
        case "seeds":
            guard let folder = words.popFirst(), words.isEmpty else { fail(usage) }
            write(target.seeds(), to: folder)
        case "replay":
            for path in words { replay(path, target) }
            print("\(name): \(words.count) inputs")
        case "run":
            guard let run = Run(target, Array(words)) else { fail(usage) }
            exit(run.perform())
        default: fail(usage)
        }
    }

    static func fail(_ sentence: String) -> Never {
        print(sentence)
        exit(64)
    }

    private static func replay(_ path: String, _ target: Target) {
        guard let bytes = contents(of: path) else { fail("Fuzz: cannot read \(path)") }
        target.run(bytes.raw)
    }

    static func write(_ seeds: [[UInt8]], to folder: String) {
        for (index, seed) in seeds.enumerated() {
            let path = "\(folder)/seed-\(index)"
            guard let file = unsafe fopen(path, "wb"),
                unsafe fwrite(seed, 1, seed.count, file) == seed.count,
                unsafe fclose(file) == 0
            else { fail("Fuzz: cannot write \(path)") }
        }
    }

    static func contents(of path: String) -> [UInt8]? {
        guard let file = unsafe fopen(path, "rb") else { return nil }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }
}
