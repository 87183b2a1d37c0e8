// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: Swift 6 mode, strict memory safety, warnings as errors.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// A source target. What a target may import is decided here and nowhere else; the scripts build
/// with `--explicit-target-dependency-import-check error`, so the compiler holds the list.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "postern",
    products: [
        .executable(name: "posternd", targets: ["posternd"]),
        .executable(name: "postern", targets: ["postern"]),
        .library(name: "PosternClient", targets: ["Client"]),
    ],
    targets: [
        .systemLibrary(
            name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CLinux", cSettings: [.treatAllWarnings(as: .error)]),
        // The files of Vectors as data, for a program that is one file.
        .target(name: "CVectors", cSettings: [.treatAllWarnings(as: .error)]),

        // Pure: no Foundation, no clock, no files, no sockets, no global randomness.
        library("Primitives", ["CSodium"]),
        library("Wire", ["Primitives"]),
        library("Channel", ["Wire", "Primitives"]),
        library("Crypto", ["Wire", "Primitives"]),

        library("Database", ["CSQLite"]),
        library("Platform", ["CLinux"]),

        // The server. Nothing here may reach Crypto.
        library("KeyDirectory", ["Database", "Wire", "Primitives"]),
        library(
            "Mailbox",
            ["Channel", "KeyDirectory", "Database", "Platform", "Wire", "Primitives", "CLinux"]),
        program("posternd", ["Mailbox", "Database", "Platform"]),

        // The client.
        library(
            "Client",
            ["Channel", "Crypto", "Database", "Platform", "Wire", "Primitives", "CLinux"]),
        library("VectorSuites", ["Channel", "Crypto", "Wire", "Primitives", "CVectors"]),
        program("postern", ["Client", "VectorSuites", "Platform"]),

        // Tools of the repository.
        program("vectorgen", ["VectorSuites", "Channel", "Crypto", "Wire", "Primitives"]),
        program(
            "Bench",
            ["Mailbox", "Channel", "Crypto", "Platform", "Wire", "Primitives", "CLinux"]),
        program(
            "Fuzz",
            [
                "Client", "VectorSuites", "Mailbox", "KeyDirectory", "Channel", "Crypto",
                "Database", "Platform", "Wire", "Primitives",
            ]),

        tests("PrimitivesTests", ["Primitives"]),
        tests("WireTests", ["Wire", "Primitives"]),
        tests("ChannelTests", ["Channel", "Wire", "Primitives"]),
        tests("CryptoTests", ["Crypto", "Wire", "Primitives"]),
        // A file layer for SQLite that fails when told to; linked by tests only.
        .target(
            name: "FaultyDisk", dependencies: ["CSQLite"], path: "Tests/FaultyDisk",
            swiftSettings: strict),
        tests("DatabaseTests", ["Database", "FaultyDisk"]),
        tests("PlatformTests", ["Platform", "CLinux"]),
        tests("KeyDirectoryTests", ["KeyDirectory", "Database", "Wire", "Primitives"]),
        tests(
            "MailboxTests",
            [
                "Mailbox", "Channel", "KeyDirectory", "Database", "Platform", "Wire", "Primitives",
                "FaultyDisk",
            ]),
        tests(
            "ClientTests",
            [
                "Client", "Channel", "Crypto", "Database", "Platform", "Wire", "Primitives",
                "FaultyDisk",
            ]),
        tests("VectorSuitesTests", ["VectorSuites", "Primitives"]),
        tests(
            "SimulationTests",
            [
                "Client", "Mailbox", "KeyDirectory", "Channel", "Crypto", "Database", "Platform",
                "Wire", "Primitives",
            ]),
        tests("SpecTests", ["Mailbox", "Client", "Channel", "Crypto", "Wire", "Primitives"]),
    ],
    swiftLanguageModes: [.v6]
)

// A build for a few test targets, such as one with a sanitizer, leaves out the others and what only
// they need.
if let chosen = Context.environment["POSTERN_TEST_TARGETS"]?.split(separator: " ") {
    package.targets.removeAll { $0.type == .test && !chosen.contains(Substring($0.name)) }
}
