/// The checks of the code that the compiler does not make.
enum SourceLints {
    static let all: [SourceLint] =
        [pureImports, serverImports, pureCalls, unsafe, traps, unchecked, randomness, discarded]
        + [lending, sql, output, waiting, unfinished]

    /// Modules that are not the language's own library, seen from a pure target.
    private static let platformModules = [
        "Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch", "Glibc", "CLinux",
        "CSQLite",
    ]

    private static func imports(_ modules: [String], in text: SwiftText) -> [(Int, String)] {
        var found: [(Int, String)] = []
        for (index, line) in text.lines.enumerated() where line.holds(word: "import") {
            for module in modules where line.holds(word: module) {
                found.append((index + 1, "import of \(module)"))
            }
        }
        return found
    }

    static let pureImports = SourceLint(
        name: "pure targets import no Foundation, no Dispatch and no system library",
        applies: { Place.isIn(Place.pureTargets, $0) },
        find: { path, text in
            // Primitives is where the bytes of the C library are wrapped.
            let allowed = path.hasPrefix("Sources/Primitives/") ? ["Glibc"] : []
            return imports(platformModules.filter { !allowed.contains($0) }, in: text)
        },
        violations: [
            ("Sources/Wire/A.swift", "import Foundation"),
            ("Sources/Crypto/A.swift", "package import FoundationEssentials"),
            ("Sources/Channel/A.swift", "import struct Foundation.Data"),
            ("Sources/Primitives/A.swift", "internal import Dispatch"),
            ("Sources/Wire/A.swift", "import Glibc"),
        ],
        innocents: [
            ("Sources/Wire/A.swift", "import Primitives // not Foundation"),
            ("Sources/Primitives/A.swift", "import Glibc\nimport CSodium"),
            ("Sources/Client/A.swift", "import Foundation"),
        ])

    static let serverImports = SourceLint(
        name: "the server and the vector suites import no Foundation and no Dispatch",
        applies: { Place.isIn(Place.serverTargets + ["VectorSuites"], $0) },
        find: { _, text in
            imports(
                ["Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch"], in: text
            )
        },
        violations: [
            ("Sources/Mailbox/A.swift", "import Foundation"),
            ("Sources/posternd/A.swift", "public import Dispatch"),
            ("Sources/Database/A.swift", "import class Foundation.FileManager"),
        ],
        innocents: [
            ("Sources/Mailbox/A.swift", "import Glibc"),
            ("Sources/postern/A.swift", "import Foundation"),
        ])

    static let pureCalls = SourceLint.forbids(
        [
            "clock_gettime(", "gettimeofday(", "time(nil)", "ContinuousClock", "SuspendingClock",
            "Task.sleep", "fopen(", "socket(", "getenv(", "pthread_create(",
        ], because: "a pure target has no clock, file, socket or environment",
        in: { Place.isIn(Place.pureTargets, $0) },
        violations: [
            ("Sources/Crypto/A.swift", "let now = unsafe time(nil)"),
            ("Sources/Primitives/A.swift", "unsafe clock_gettime(CLOCK_REALTIME, &spec)"),
        ],
        innocents: [
            ("Sources/Crypto/A.swift", "let message = try session.reopen(envelope)"),
            ("Sources/Platform/A.swift", "unsafe clock_gettime(CLOCK_REALTIME, &spec)"),
        ])

    static let unsafe = SourceLint.forbids(
        ["unsafe", "@unsafe", "@_unsafeNonescapableResult"],
        because: "only Primitives, Database, Platform and what talks to the system may be unsafe",
        in: {
            Place.isSource($0)
                && !Place.isIn(
                    [
                        "Primitives", "Database", "Platform", "Mailbox", "Client", "Bench", "Fuzz",
                        "vectorgen",
                    ], $0)
        },
        violations: [
            ("Sources/Wire/A.swift", "let x = unsafe bytes.load(as: UInt8.self)"),
            ("Sources/Crypto/A.swift", "unsafe { }"),
            ("Sources/KeyDirectory/A.swift", "return unsafe pointer.pointee"),
        ],
        innocents: [
            ("Sources/Wire/A.swift", "// unsafe would be quicker\nlet unsafeLooking = 1"),
            ("Sources/Platform/A.swift", "unsafe close(fd)"),
        ])

    static let traps = SourceLint.forbids(
        [
            "try!", "as!", "fatalError(", "nonisolated(unsafe)",
        ], because: "bad input must never reach a trap",
        in: Place.isSource,
        violations: [
            ("Sources/Client/A.swift", "let x = try! parse(y)"),
            ("Sources/Mailbox/A.swift", "nonisolated(unsafe) var counter = 0"),
            ("Sources/Mailbox/A.swift", "default: fatalError(\"no\")"),
            ("Sources/Wire/A.swift", "let x = y as! Z"),
        ],
        innocents: [
            ("Sources/Client/A.swift", "let x = try? parse(y) // never try!"),
            ("Sources/Client/A.swift", "let text = \"fatalError(\""),
        ])

    static let unchecked = SourceLint(
        name: "@unchecked Sendable says why in a comment above, beside or right below it",
        applies: Place.isSource,
        find: { _, text in
            var found: [(Int, String)] = []
            for (index, line) in text.lines.enumerated()
            where line.holds(word: "@unchecked") && line.holds(word: "Sendable") {
                let number = index + 1
                let reasons = text.comments.filter { comment in
                    // Beside it, any comment is about it; above it may stand what the type is for.
                    comment.line == number
                        || ((number - 6)...(number + 1)).contains(comment.line)
                            && ["Sendable", "@unchecked", "thread"].contains(
                                where: comment.text.contains)
                }
                if reasons.isEmpty { found.append((number, "@unchecked Sendable without a why")) }
            }
            return found
        },
        violations: [
            ("Sources/Platform/A.swift", "final class Lock: @unchecked Sendable {}"),
            ("Sources/Platform/A.swift", "/// A lock.\nfinal class Lock: @unchecked Sendable {}"),
        ],
        innocents: [
            (
                "Sources/Platform/A.swift",
                "// Sendable: the handle is written once.\nfinal class Lock: @unchecked Sendable {}"
            ),
            ("Sources/Platform/A.swift", "struct A: Sendable {}"),
        ])

    static let randomness = SourceLint(
        name: "A15 random bytes come from randombytes in Primitives and from nowhere else",
        applies: Place.isSource,
        find: { path, text in
            var words = [
                "SystemRandomNumberGenerator", ".random(", "randomElement(", ".shuffled()",
                ".shuffle()", "arc4random", "arc4random_buf", "getrandom(", "rand(", "random()",
                "drand48(", "UUID()",
            ]
            if !path.hasPrefix("Sources/Primitives/") {
                words += ["randombytes_buf", "randombytes_random", "randombytes_uniform"]
            }
            var found: [(Int, String)] = []
            for (index, line) in text.lines.enumerated() {
                for word in words where line.holds(word: word) {
                    found.append((index + 1, word))
                }
            }
            for literal in text.literals where literal.text.hasPrefix("/dev/") {
                if literal.text.hasSuffix("random") { found.append((literal.line, literal.text)) }
            }
            return found
        },
        violations: [
            ("Sources/Client/A.swift", "let jitter = Int.random(in: 0..<5)"),
            ("Sources/Crypto/A.swift", "unsafe randombytes_buf(pointer, 32)"),
            ("Sources/Primitives/A.swift", "var generator = SystemRandomNumberGenerator()"),
            ("Sources/Mailbox/A.swift", "open(\"/dev/urandom\", O_RDONLY)"),
        ],
        innocents: [
            ("Sources/Primitives/A.swift", "unsafe randombytes_buf(pointer, 32)"),
            ("Sources/Client/A.swift", "let jitter = source.uniform(below: 5)"),
        ])

    static let discarded = SourceLint(
        name: "A2 no result of a curve or a check is thrown away",
        applies: Place.isSource,
        find: { _, text in
            var found: [(Int, String)] = []
            for (index, line) in text.lines.enumerated() {
                guard let mark = line.firstRange(of: "_ ="), line.contains("crypto_") else {
                    continue
                }
                let call = line[mark.upperBound...]
                let checked = [
                    "scalarmult", "verify", "decrypt", "_open", "_pull", "pwhash", "is_valid",
                    "to_curve25519", "_keypair", "_sign", "_from_", "_kx_",
                ]
                if checked.contains(where: call.contains) {
                    found.append((index + 1, "the result of \(call.trimmingSpaces) is dropped"))
                }
            }
            return found
        },
        violations: [
            ("Sources/Primitives/A.swift", "_ = unsafe crypto_scalarmult(out, key, point)"),
            ("Sources/Primitives/A.swift", "    _ = crypto_sign_verify_detached(a, b, c, d)"),
        ],
        innocents: [
            (
                "Sources/Primitives/A.swift",
                "guard unsafe crypto_scalarmult(out, key, point) == 0 else { throw .lowOrder }"
            ),
            ("Sources/Primitives/A.swift", "_ = unsafe crypto_hash_sha256(out, bytes, count)"),
        ])
}

extension SourceLints {
    static let lending = SourceLint(
        name: "an accessor that lends a value's own bytes is transparent",
        applies: { $0.hasPrefix("Sources/") },
        find: { _, text in
            var found: [(Int, String)] = []
            for (index, line) in text.lines.enumerated() where line.contains("@_lifetime(borrow") {
                let before = text.lines[max(0, index - 4)..<index]
                let after = text.lines[index..<min(text.lines.count, index + 8)]
                // Bytes behind a pointer stay where they are; such a body says so.
                let isBehindPointer = after.contains { $0.contains("_overrideLifetime") }
                if !isBehindPointer && !before.contains(where: { $0.contains("@_transparent") }) {
                    found.append((index + 1, "the span may outlive the copy that it points at"))
                }
            }
            return found
        },
        violations: [
            (
                "Sources/Wire/A.swift",
                "@inlinable\npackage var raw: RawSpan {\n@_lifetime(borrow self)\nget { id.raw }\n}"
            )
        ],
        innocents: [
            (
                "Sources/Wire/A.swift",
                "@_transparent\nvar raw: RawSpan {\n@_lifetime(borrow self)\nget { id.raw }\n}"
            ),
            (
                "Sources/Platform/A.swift",
                "var raw: RawSpan {\n@_lifetime(borrow self)\nget { _overrideLifetime(a, b) }\n}"
            ),
        ])
}
