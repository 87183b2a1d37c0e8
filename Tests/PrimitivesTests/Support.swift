import Primitives

/// The bytes of a hexadecimal text that may be spread over lines; wrong text gives wrong bytes, and
/// the test that uses it fails.
func bytes(_ hex: String) -> [UInt8] {
    (try? Hex.decode(hex.filter { !$0.isWhitespace })) ?? []
}

func secret(_ hex: String) -> SecretBytes { SecretBytes(copying: bytes(hex).raw) }

func fixed<let count: Int>(_ hex: String) -> FixedBytes<count> {
    FixedBytes<count>(copying: bytes(hex).raw) ?? FixedBytes(repeating: 0xee)
}

func hex(_ secret: borrowing SecretBytes) -> String { Hex.encode(secret.exposeForStorage().raw) }

func utf8(_ text: String) -> [UInt8] { [UInt8](text.utf8) }
