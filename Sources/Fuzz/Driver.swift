import Glibc
import Primitives

#if LIBFUZZER
    import Synchronization

    /// The entry of libFuzzer for programs that have a main function of their own.
    @_silgen_name("LLVMFuzzerRunDriver")
    private func LLVMFuzzerRunDriver(
        _ argumentCount: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32
#endif

/// One run of a target.
struct Run {
    private let target: Target
    private let folder: String
    private var seconds = 10
    private var seed = 1
    private var corpus: [String] = []

    /// An input that takes longer is a finding, like one that traps. The clock is the wall's, and
    /// a machine that builds beside it may be slow.
    private static let inputSecondsMax = 5
    /// Above it an input is a finding as well.
    private static let memoryMebibytesMax = 1_024

    init?(_ target: Target, _ words: [String]) {
        self.target = target
        var words = words[...]
        guard let folder = words.popFirst(), !folder.hasPrefix("--") else { return nil }
        self.folder = folder
        while let word = words.popFirst() {
            switch word {
            case "--seconds", "--seed":
                guard let value = words.popFirst().flatMap({ Int($0) }), value > 0 else {
                    return nil
                }
                if word == "--seed" { seed = value } else { seconds = value }
            default:
                if word.hasPrefix("--") { return nil }
                corpus.append(word)
            }
        }
    }

    #if LIBFUZZER
        /// The target's place in the list: a C callback carries nothing with it.
        private static let chosen = Atomic<Int>(0)

        /// Runs until the time is over or something was found; does not return in either case,
        /// unless the driver refuses its arguments.
        func perform() -> Int32 {
            let index = (Target.all + Target.planted).firstIndex { $0.name == target.name }
            Self.chosen.store(index ?? 0, ordering: .relaxed)
            for name in ["corpus", "seeds"] { _ = unsafe mkdir("\(folder)/\(name)", 0o700) }
            Program.write(target.seeds(), to: "\(folder)/seeds")
            let words =
                [
                    "Fuzz", "-max_total_time=\(seconds)", "-seed=\(seed)",
                    "-timeout=\(Self.inputSecondsMax)", "-max_len=\(target.byteCountMax)",
                    "-rss_limit_mb=\(Self.memoryMebibytesMax)", "-artifact_prefix=\(folder)/",
                    "-print_final_stats=1", "-verbosity=1", "\(folder)/corpus",
                    "\(folder)/seeds",
                ] + corpus
            return Self.drive(words)
        }

        private static func drive(_ words: [String]) -> Int32 {
            // libFuzzer keeps the arguments, and the process ends with it: nothing is freed.
            let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
                capacity: words.count + 1)
            for (place, word) in words.enumerated() {
                unsafe (vector + place).initialize(to: strdup(word))
            }
            unsafe (vector + words.count).initialize(to: nil)
            var count = Int32(words.count)
            var pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe vector
            return unsafe LLVMFuzzerRunDriver(&count, &pointer) { bytes, byteCount in
                // Safe: libFuzzer's buffer is good for the length of the call.
                let input = unsafe UnsafeRawBufferPointer(start: bytes, count: byteCount)
                let index = Run.chosen.load(ordering: .relaxed)
                let all = Target.all
                let target = index < all.count ? all[index] : Target.planted[index - all.count]
                unsafe target.run(RawSpan(_unsafeBytes: input))
                return 0
            }
        }
    #else
        /// Only the build with libFuzzer can run.
        func perform() -> Int32 {
            print("Fuzz: this build has no fuzzer in it; scripts/fuzz makes one that has")
            return 69
        }
    #endif
}
