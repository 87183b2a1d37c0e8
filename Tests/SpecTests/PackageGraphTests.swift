import Foundation
import Testing

@Suite("What may depend on what")
struct PackageGraphTests {
    /// What the server must never link: where the sessions are, and what tests them.
    private static let clientSide: Set<String> = ["Crypto", "Client", "VectorSuites"]

    @Test(
        "Z1 the server reaches nothing that could open an envelope",
        arguments: ["posternd", "Mailbox", "KeyDirectory"])
    func serverReachesNoCrypto(_ target: String) throws {
        let closure = try PackageGraph.own.get().closure(of: target)
        #expect(closure.contains("Wire"))
        #expect(closure.isDisjoint(with: Self.clientSide), "\(closure.sorted())")
    }

    @Test("Z1 posternd holds no symbol of the client's modules")
    func serverHasNoSymbolOfCrypto() throws {
        // The programs lie beside the program that runs the tests.
        let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let symbols = try Self.symbols(folder.appending(path: "posternd"))
        #expect(symbols.contains { Self.module(of: $0) == "posternd" })
        for module in Self.clientSide {
            #expect(!symbols.contains { Self.module(of: $0) == module }, "\(module) is in posternd")
        }
    }

    @Test("Z1 the look at the symbols finds a module that is there")
    func findsSymbols() throws {
        let own = try Self.symbols(URL(filePath: "/proc/self/exe").resolvingSymlinksInPath())
        #expect(own.contains { Self.module(of: $0) == "SpecTests" })
        #expect(Self.module(of: "$s6Crypto7SessionV4openyyF") == "Crypto")
        #expect(Self.module(of: "$s7Mailbox6CryptoV4openyyF") == "Mailbox")
        #expect(Self.module(of: "sodium_init") == nil)
    }

    @Test("the pure targets reach only each other and libsodium")
    func pureTargets() throws {
        let graph = try PackageGraph.own.get()
        let allowed = Set(Place.pureTargets + ["CSodium"])
        for target in Place.pureTargets {
            let closure = graph.closure(of: target)
            #expect(closure.isSubset(of: allowed), "\(target): \(closure.sorted())")
        }
    }

    @Test("a forbidden dependency is found at any depth")
    func findsForbidden() throws {
        let json = #"""
            {"targets": [
              {"name": "posternd", "dependencies": [{"byName": ["Mailbox", null]}]},
              {"name": "Mailbox", "dependencies": [{"target": ["Odd", {"platformNames": []}]}]},
              {"name": "Odd", "dependencies": [{"byName": ["Crypto", null]}]},
              {"name": "Crypto", "dependencies": []}
            ]}
            """#
        let graph = try PackageGraph(json: Data(json.utf8))
        #expect(graph.closure(of: "posternd") == ["posternd", "Mailbox", "Odd", "Crypto"])
    }

    @Test("every target has its folder and every folder its target")
    func folders() throws {
        let targets = Set(try PackageGraph.own.get().dependencies.keys)
        let folders = Set(
            Repository.files().compactMap { path -> String? in
                let parts = path.split(separator: "/")
                guard parts.count > 2 else { return nil }
                if parts[0] == "Sources" { return String(parts[1]) }
                // Swift under Tests is a test target or what several of them share.
                return parts[0] == "Tests" && path.hasSuffix(".swift") ? String(parts[1]) : nil
            })
        #expect(folders == targets)
    }

    private static func symbols(_ program: URL) throws -> [String] {
        try String(decoding: run("nm", [program.path]), as: UTF8.self)
            .split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
    }

    /// The module that a mangled Swift name begins with: `$s`, the length of the name, the name.
    private static func module(of symbol: String) -> String? {
        guard symbol.hasPrefix("$s") else { return nil }
        let rest = symbol.dropFirst(2)
        let digits = rest.prefix { $0.isNumber }
        guard let count = Int(digits), count > 0 else { return nil }
        let name = rest.dropFirst(digits.count).prefix(count)
        return name.count == count ? String(name) : nil
    }
}
