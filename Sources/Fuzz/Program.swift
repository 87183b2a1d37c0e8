import Glibc

/// Feeds hostile bytes to the parsers, one target by name.
///
/// In an ordinary build the arguments after the target's name are files whose bytes are tried once
/// each, so that a finding can be looked at without a fuzzer. With libFuzzer they are its arguments:
///
///     swift build -c release --product Fuzz --scratch-path .build/fuzz -Xswiftc -DLIBFUZZER \
///         -Xswiftc -sanitize=fuzzer,address -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld
///     SWIFT_BACKTRACE=enable=no .build/fuzz/release/Fuzz websocket-server -max_total_time=10
///
/// The linker that is used otherwise breaks off on such a build.
@main
enum Program {
    /// A parser under test. It traps when the parser breaks a promise.
    struct Target: Sendable {
        let name: String
        let run: @Sendable (RawSpan) -> Void
    }

    static let targets: [Target] = [
        Target(name: "http-request", run: WebSocketTargets.request),
        Target(name: "http-response", run: WebSocketTargets.response),
        Target(name: "websocket-server", run: WebSocketTargets.server),
        Target(name: "websocket-client", run: WebSocketTargets.client),
    ]

    static func main() {
        guard CommandLine.arguments.count > 1,
            let target = targets.first(where: { $0.name == CommandLine.arguments[1] })
        else {
            print("usage: Fuzz TARGET ARGUMENT…\ntargets:")
            for target in targets { print("  \(target.name)") }
            exit(64)
        }
        exit(Driver.run(target, Array(CommandLine.arguments.dropFirst(2))))
    }
}
