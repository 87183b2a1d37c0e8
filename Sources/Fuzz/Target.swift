import Primitives

/// A parser under test. It traps when the parser breaks a promise.
struct Target: Sendable {
    /// By what it is called on the command line.
    let name: String
    /// The longest input that is tried, in bytes.
    let byteCountMax: Int
    /// Inputs to begin with, made by the real encoders.
    let seeds: @Sendable () -> [[UInt8]]
    /// Tries one input.
    let run: @Sendable (RawSpan) -> Void

    init(
        _ name: String, byteCountMax: Int = 4_096, seeds: @escaping @Sendable () -> [[UInt8]],
        run: @escaping @Sendable (RawSpan) -> Void
    ) {
        self.name = name
        self.byteCountMax = byteCountMax
        self.seeds = seeds
        self.run = run
    }

    /// Every target of a run.
    static let all: [Target] =
        WebSocketTargets.all + WireTargets.all + FirstMessageTargets.all + SessionTargets.all
        + NoiseTargets.all + ServerTargets.all + FolderTargets.all + DirectoryTargets.all
        + StoreFileTargets.all + LinkTargets.all + VaultTargets.all + VaultFileTargets.all
        + FileTargets.all + TextTargets.all

    /// Bugs on purpose: a driver that does not find them finds nothing.
    static let planted: [Target] = [
        Target("planted-trap", seeds: { [Array("TRAC".utf8)] }) { input in
            let bytes = [UInt8](copying: input)
            if bytes.starts(with: "TRAP".utf8), bytes[Int(bytes.last ?? 0)] == 1 { return }
        },
        Target("planted-hang", seeds: { [Array("HANE".utf8)] }) { input in
            let bytes = [UInt8](copying: input)
            var count = bytes.count
            while bytes.starts(with: "HANG".utf8), count > 0 { count = count == 1 ? 2 : 1 }
        },
    ]

    static func named(_ name: String) -> Target? { (all + planted).first { $0.name == name } }
}
