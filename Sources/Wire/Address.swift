import Primitives

/// Why a text is not an address of this version.
///
/// - SPEC: §2.3
package enum AddressError: Error, Equatable, Sendable {
    /// It does not begin with `postern://`.
    case scheme
    /// Longer than any address.
    case tooLong(byteCount: Int, limit: Int)
    /// The server's key is not 52 characters of canonical base32, or not a canonical X25519 key.
    case key
    /// `host[:port]` is not in its one spelling.
    case host
    /// The handle of a person is not one.
    case handle
    /// The secret of an invite or the token of an admission is not canonical.
    case secret
    /// What stands behind the server follows no form.
    case path
    /// A form of this letter is reserved or unknown: a newer version may know it.
    case newerVersion(letter: Unicode.Scalar)
}

/// What a person can be given as text: a server, a person on it, an invite, an admission token.
///
/// Parsing and printing are inverse to each other: a text that would be printed otherwise is
/// refused.
///
/// - SPEC: §2.3, WI-8, WI-9
package enum Address: Hashable, Sendable {
    /// `postern://KEY@host[:port]`
    case server(ServerAddress)
    /// `…/u/HANDLE`
    case person(ServerAddress, Handle)
    /// `…/i#SECRET`
    case invite(ServerAddress, LinkKey)
    /// `…/t#TOKEN`: at most 256 bytes for an admission field.
    case admission(ServerAddress, token: [UInt8])

    private static let scheme = "postern://"
    private static let keyCharacterCount = 52
    /// Most bytes of a token: those of an admission field.
    package static let tokenByteCountMax = 256
    /// Longest address: scheme, key, `@`, host and port, `/t#` and a token in base64url.
    package static let byteCountMax = 10 + 52 + 1 + Host.byteCountMax + 3 + 342

    /// The server the address names.
    package var server: ServerAddress {
        switch self {
        case .server(let server), .person(let server, _), .invite(let server, _),
            .admission(let server, _):
            server
        }
    }

    /// The one spelling. It contains the secret of an invite or admission.
    package var text: String {
        switch self {
        case .server(let server): server.text
        case .person(let server, let handle): "\(server.text)/u/\(handle.text)"
        case .invite(let server, let key): "\(server.text)/i#\(Base32.encode(key.bytes.raw))"
        case .admission(let server, let token):
            "\(server.text)/t#\(Base64URL.encode(token.raw))"
        }
    }

    /// Parses an address.
    ///
    /// - Parameter text: the address and nothing else, no blanks around it.
    /// - Throws: `AddressError`, the first that applies from left to right.
    package init(_ text: String) throws(AddressError) {
        let characters = Array(text.utf8)
        guard characters.count <= Self.byteCountMax else {
            throw .tooLong(byteCount: characters.count, limit: Self.byteCountMax)
        }
        guard characters.starts(with: Self.scheme.utf8) else { throw .scheme }
        let rest = characters[Self.scheme.utf8.count...]
        guard let at = rest.firstIndex(of: UInt8(ascii: "@")) else { throw .key }
        let key = try Self.key(rest[..<at])
        let behind = rest[(at + 1)...]
        let hostEnd =
            behind.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "#") }
            ?? behind.endIndex
        let server: ServerAddress
        do throws(WireError) {
            server = try ServerAddress(
                key: key, hostAndPort: String(decoding: behind[..<hostEnd], as: UTF8.self))
        } catch { throw .host }
        self = try Self.form(behind[hostEnd...], of: server)
        // WI-8. Everything above is strict already; this holds it whatever is changed there.
        guard self.text == text else { throw .path }
    }

    private static func key(_ characters: ArraySlice<UInt8>) throws(AddressError) -> X25519PublicKey
    {
        guard let bytes = secret(characters), let key = try? X25519PublicKey(parsing: bytes) else {
            throw .key
        }
        return key
    }

    /// 32 bytes in canonical base32, or nil.
    private static func secret(_ characters: ArraySlice<UInt8>) -> FixedBytes<32>? {
        guard characters.count == keyCharacterCount,
            let bytes = try? Base32.decode(String(decoding: characters, as: UTF8.self))
        else { return nil }
        return FixedBytes<32>(copying: bytes.raw)
    }

    private static func form(
        _ path: ArraySlice<UInt8>, of server: ServerAddress
    ) throws(AddressError) -> Address {
        guard let slash = path.first else { return .server(server) }
        guard slash == UInt8(ascii: "/"), path.count >= 3 else { throw .path }
        let letter = path[path.startIndex + 1]
        let mark = path[path.startIndex + 2]
        let content = path[(path.startIndex + 3)...]
        let slashMark = UInt8(ascii: "/")
        let hash = UInt8(ascii: "#")
        guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter),
            mark == slashMark || mark == hash
        else { throw .path }
        switch (letter, mark) {
        case (UInt8(ascii: "u"), slashMark):
            guard let handle = try? Handle(characters: Array(content)) else { throw .handle }
            return .person(server, handle)
        case (UInt8(ascii: "i"), hash):
            guard let bytes = secret(content) else { throw .secret }
            return .invite(server, LinkKey(bytes))
        case (UInt8(ascii: "t"), hash):
            guard let token = try? Base64URL.decode(String(decoding: content, as: UTF8.self)),
                (1...tokenByteCountMax).contains(token.count)
            else { throw .secret }
            return .admission(server, token: token)
        case (UInt8(ascii: "u"), _), (UInt8(ascii: "i"), _), (UInt8(ascii: "t"), _):
            throw .path
        default:
            // WI-9: the reserved letters d and g as well.
            throw .newerVersion(letter: Unicode.Scalar(letter))
        }
    }
}
