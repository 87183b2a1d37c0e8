internal import Crypto
internal import Primitives

/// Safety numbers and what is typed to compare them.
///
/// - SPEC: §7.6
enum SafetyNumberVectors {
    static let suite = OwnSuite(
        name: "safety-number", rules: "EN-21",
        operations: ["number": number, "compare": compare])

    @Sendable private static func number(_ input: VectorInput) throws -> JSONValue {
        let number = SafetyNumber(try input.ed25519("one"), try input.ed25519("other"))
        return ["digits": .string(number.digits), "text": .string(number.text)]
    }

    @Sendable private static func compare(_ input: VectorInput) throws -> JSONValue {
        let number = SafetyNumber(try input.ed25519("one"), try input.ed25519("other"))
        guard number.matches(try input.text("typed")) else { throw VectorRefusal("different") }
        return ["same": true]
    }
}
