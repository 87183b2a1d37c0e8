import Primitives
import Testing

/// FIPS 202 against digests of another implementation (CPython's hashlib).
@Suite("§4.1 SHA-3 and SHAKE")
struct KeccakTests {
    /// A message of bytes 7i + 3 and the ends of what each function makes of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let byteCount: Int
        /// The digest; the first 32 bytes of it; the last 32 of 400 bytes of output, twice.
        let sha3_256, sha3_512, shake128, shake256: String
        var testDescription: String { "\(byteCount) bytes" }
    }

    static let cases = [
        Case(
            byteCount: 0,
            sha3_256: "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
            sha3_512: "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6",
            shake128: "3a7a9c4a95d91c55d495e9f51dd0b5e9d83c6d5e8ce803aa62b8d654db53d09b",
            shake256: "29d310912f729ec6cfa36c6ac6a75837143045d791cc85eff5b21932f23861bc"),
        Case(
            byteCount: 1,
            sha3_256: "e3ed56bd086d8958483a12734fa0ae7f5c8bb160ef9092c67e82ed9b19e4c7b2",
            sha3_512: "a63f9712aadceb0fe16f1881719a802294830fa1f7a0e58ff26a45a814309961",
            shake128: "9526eaebdc547f81be62b702edbb3db3f7d024d6248be7715ad086ea0e3d4b20",
            shake256: "4c1219158bbd75e1c5f7722558d33fc5cd8f2d1e7d17d42a285b6f61c1147e9f"),
        Case(
            byteCount: 71,
            sha3_256: "254f2ac1df8eae4233c0c2fe74a03331b856518800936943cdbe57d7d224f224",
            sha3_512: "a02d5795bffd44cb0ac3cc3401ae89056b8017242eaf7e802033e974672ce794",
            shake128: "9bb6e81340f85838e4c36ed9606b0a00fa31a2f175f6dc1f193814b1563806d3",
            shake256: "82a92f5410f88bea9d099fac9f94b96db5b17583ca92dff3ff3c01cb4e5c3895"),
        Case(
            byteCount: 72,
            sha3_256: "f4bb95e698a2c13bd27f089f3762076daa40b629dc5d7ec53dbe163fca4a4bf3",
            sha3_512: "2ec0da5ff440c192d33033c4257eb39dcbd27edd7e41b5ac8db9daf13db501a2",
            shake128: "03ad84abd41628be8c5ed21f6bbacde6f07b0cce4e0c7904f030e536d793e26e",
            shake256: "8256d65b51451cefe8b9f339939716d7e76a2169dc73ce9b707eb5ac57c9336c"),
        Case(
            byteCount: 73,
            sha3_256: "c610c3522f9423c2c706b1e26e532b121b67eb06c897d478ac6bb80ddbc8ae1f",
            sha3_512: "d26d1f9fc91b1d6c31405cc4a546f246fa7777f698d956c26a15170bccdd696a",
            shake128: "366e3a4db49ce62d6ce8de626a40512f802cc339a64e3065418af910ab169fef",
            shake256: "285f9c194fe79e24ae8f948da2d514aad59ce6aa0409202c0186536bf65195c1"),
        Case(
            byteCount: 135,
            sha3_256: "d9dcf1f98e49a79b0643a9e68fef48079ff8777c5e7e7f93469ded65f192ac71",
            sha3_512: "9e9d81e346cf9a62dc4bda518e4096db553188368da1535eaa441982b98d399c",
            shake128: "163a8cc5bd34d3df365d6f42c24f9987dd6ecb203517e13b07a6448bf2ccb67c",
            shake256: "0c981dee0837b86e053f99e2bbbce0d632d167f58b7d813af4d9deeb478ea912"),
        Case(
            byteCount: 136,
            sha3_256: "743bd32e775ac7387a57d4d574c89ddef5ebcb08bb5cc6b88c55a27b5035cc45",
            sha3_512: "62c81b78426786e5a5d431082d98857c7e6b1988fd721478386233be5c19731c",
            shake128: "b02bc33d9de00a80a8f75985c1b753eee7a646fead6e29e76e7400d12f94380c",
            shake256: "d1b562728f40b0a780c07fc56f6c17294a739b231fc63b8ed0fcefb8ea57880d"),
        Case(
            byteCount: 137,
            sha3_256: "01d47e8d6dce6e3dcbf1baa6f845b6ace4ef74bd17da8176ecc49bc35dbe5d21",
            sha3_512: "3fd9dc45a7cdc291153d7b714ad68d824184c4166d2c980d41d5eaf9266e0389",
            shake128: "36a14633e8d2b3ef80d8d4e0a23e391ea001fe0279e3bd541d255800d3dcf335",
            shake256: "70161a9733d02de82f5666f89c13b40ba6a46f25cf3627328578403a58c76254"),
        Case(
            byteCount: 167,
            sha3_256: "684bf83317ea400f033de352516c168261086092de3a12b6478a20f870a18096",
            sha3_512: "f630f6e4fb09197b8d2503268c3fa8c5e637d7c991b7ee79d7e12ba5cc6e53f2",
            shake128: "a888f6c113a6d42a5dd7d61bdc241c5e5c2d164d07134fc593b5426cace0e9a2",
            shake256: "ff5a71f72b163ccdaad217ed28ec8f996e4913077749ced4fb8917283c6e5191"),
        Case(
            byteCount: 168,
            sha3_256: "a5a267be792383677005e1628c1c16a64e0c4e2c9ce096287d389c58706a86d1",
            sha3_512: "460d5cc545a8c466031bb9002635167603da38b2496544508b5af2f123c33feb",
            shake128: "e0217f8d844b2c88d9a82dff58df6582a5723dad02a8a2864983e93b6fe0c69a",
            shake256: "7645e095cf18194b8a0abdc982dc1e3094e3c5e37e6e1a392127c043e4e5d459"),
        Case(
            byteCount: 169,
            sha3_256: "f7a2c4983e6cf26809daea869b625a0748da650270acad5d223be730bb700954",
            sha3_512: "6168dfb98a5dc4257914b2af383012d4202cbcd77afa316c62e5495b394496bd",
            shake128: "c1412bfd93110ceaba7b1fd4aae144a2e6b56b8d3904df5e0cb3a27bdf451a46",
            shake256: "78e8deff8aa8111d0cc47bf599a46fdf63e8b6072de82644154628d126ba5b08"),
        Case(
            byteCount: 500,
            sha3_256: "00feda856f27ffba753868e7cf5aa894d13043e8db549eb94dff21cd61de7714",
            sha3_512: "ab952b62599d04cf807bac57350e73aa5b2cb02d7bfd824dee3eb3e7d1af1ede",
            shake128: "0a446f053b8062d9ba667e864c182c5e9361f179a0cbb67c81dee1653ccc8233",
            shake256: "30f108f6ccef774bd787d8b792c881702082c3662f00276b6b503fac0e70521f"),
    ]

    private static func message(_ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: 7 * $0 + 3) }
    }

    @Test("A14 digests and outputs around the edges of a block", arguments: cases)
    func known(_ known: Case) {
        let message = Self.message(known.byteCount)
        for (function, byteCount, expected) in [
            (Keccak.Function.sha3_256, 32, known.sha3_256), (.sha3_512, 32, known.sha3_512),
            (.shake128, 400, known.shake128), (.shake256, 400, known.shake256),
        ] {
            // At once, and in parts that fit no block.
            for part in [max(message.count, 1), 1, 13] {
                let keccak = Keccak(function)
                var rest = message[...]
                while !rest.isEmpty {
                    let next = Array(rest.prefix(part))
                    keccak.absorb(next.raw)
                    rest = rest.dropFirst(part)
                }
                var output = [UInt8](repeating: 0, count: byteCount)
                var span = output.mutableRaw
                keccak.squeeze(into: &span)
                #expect(Hex.encode(Array(output.suffix(32)).raw) == expected)
            }
        }
    }
}
