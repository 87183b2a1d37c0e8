import Glibc
import Primitives

#if LIBFUZZER
    import Synchronization
#endif

#if LIBFUZZER
    /// The entry of libFuzzer for programs that have a main function of their own.
    @_silgen_name("LLVMFuzzerRunDriver")
    private func LLVMFuzzerRunDriver(
        _ argumentCount: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32

    /// Hands the inputs of libFuzzer to a target.
    enum Driver {
        /// The target's place in the list: a C callback carries nothing with it.
        private static let chosen = Atomic<Int>(0)

        static func run(_ target: Program.Target, _ arguments: [String]) -> Int32 {
            let index = Program.targets.firstIndex { $0.name == target.name }
            chosen.store(index ?? 0, ordering: .relaxed)
            // libFuzzer keeps the arguments, and the process ends with it: nothing is freed.
            let words = (["Fuzz"] + arguments)
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
                let target = Program.targets[Driver.chosen.load(ordering: .relaxed)]
                unsafe target.run(RawSpan(_unsafeBytes: input))
                return 0
            }
        }
    }
#else
    /// Tries each file once.
    enum Driver {
        static func run(_ target: Program.Target, _ arguments: [String]) -> Int32 {
            for path in arguments {
                guard let bytes = contents(of: path) else {
                    print("Fuzz: cannot read \(path)")
                    return 66
                }
                target.run(bytes.raw)
            }
            print("\(target.name): \(arguments.count) inputs")
            return 0
        }

        private static func contents(of path: String) -> [UInt8]? {
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
#endif
