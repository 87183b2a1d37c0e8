import VectorSuites

/// One vector file in the making. A case is computed by the operation that will check it; what it
/// must come to is said by whoever adds it.
struct VectorWriter {
    private let suite: OwnSuite
    private var lines: [String] = []
    private var names: Set<String> = []

    /// A case did not come to what was said of it.
    struct Unexpected: Error { let text: String }

    init(_ name: String) throws {
        guard let suite = OwnSuite.all.first(where: { $0.name == name }) else {
            throw Unexpected(text: "no suite \(name)")
        }
        self.suite = suite
    }

    /// Adds a case with an output, and returns it.
    @discardableResult
    mutating func add(
        _ name: String, _ operation: String, _ input: JSONValue
    ) throws -> JSONValue {
        let found = try suite.compute(operation, input)
        guard let output = found.output else {
            throw Unexpected(text: "\(name): refused as \(found.error ?? "?")")
        }
        append(["name": .string(name), "op": .string(operation), "in": input, "out": output])
        return output
    }

    /// Adds a case that is refused.
    mutating func refuse(
        _ name: String, _ rule: String, _ operation: String, _ input: JSONValue,
        as error: String
    ) throws {
        let found = try suite.compute(operation, input)
        guard let given = found.error, given.hasPrefix(error) else {
            throw Unexpected(text: "\(name): \(found.error ?? "accepted") instead of \(error)")
        }
        append([
            "name": .string(name), "op": .string(operation), "rule": .string(rule), "in": input,
            "error": .string(given),
        ])
    }

    private mutating func append(_ test: JSONValue) {
        precondition(names.insert(test["name"]?.text ?? "").inserted, "the name of a case twice")
        lines.append(test.json)
    }

    /// The file: a case a line.
    var text: String {
        "{\"format\":\"\(OwnSuite.format)\",\"suite\":\"\(suite.name)\",\"cases\":[\n"
            + lines.joined(separator: ",\n") + "\n]}\n"
    }
}
