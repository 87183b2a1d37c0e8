import Channel
import Primitives
import Testing

/// A corpus of requests that two readers might take apart differently (G5).
///
/// Each case is the RFC's own upgrade request, or a plain one, with one deviation. All must be
/// answered 400 and the connection closed: nothing after the head is ever read as a request.
@Suite("§11.1 HTTP: smuggling")
struct HTTPSmugglingTests {
    struct Case {
        let name: String
        let bytes: [UInt8]
    }

    /// The generated corpus.
    static let corpus: [Case] = {
        var cases: [Case] = []
        func add(_ name: String, _ text: String) {
            cases.append(Case(name: name, bytes: Array(text.utf8)))
        }
        func withField(_ name: String, _ lines: String) {
            add(name, "GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
        }

        // Two lengths, or a length and a coding, in every order and spelling.
        let lengths = ["0", "5", "00", "+5", "5 ", "0x5", "5, 5", "5,6", "-1", "5\t", "1e1"]
        let codings = [
            "chunked", "Chunked", "identity", "gzip, chunked", "chunked, identity", "x", "cow",
            "\"chunked\"", "chunked;a=b", ", chunked", "chunked,", "tchunked", "chunked chunked",
        ]
        for length in lengths {
            for coding in codings {
                withField(
                    "CL \(length) + TE \(coding)",
                    "Content-Length: \(length)\r\nTransfer-Encoding: \(coding)")
                withField(
                    "TE \(coding) + CL \(length)",
                    "Transfer-Encoding: \(coding)\r\nContent-Length: \(length)")
            }
            for other in lengths {
                withField(
                    "CL \(length) + CL \(other)",
                    "Content-Length: \(length)\r\ncontent-length: \(other)")
            }
        }
        for coding in codings {
            withField("TE \(coding)", "Transfer-Encoding: \(coding)")
            withField(
                "TE \(coding) twice", "Transfer-Encoding: \(coding)\r\nTRANSFER-ENCODING: \(coding)"
            )
        }

        // Names that one reader takes for the field and another does not.
        for name in ["Content-Length", "Transfer-Encoding", "Host", "Upgrade"] {
            for (what, line) in [
                ("space before colon", "\(name) : 5"), ("tab before colon", "\(name)\t: 5"),
                ("space before name", " \(name): 5"), ("tab before name", "\t\(name): 5"),
                ("no colon", "\(name) 5"), ("quoted name", "\"\(name)\": 5"),
                ("comma in name", "\(name),: 5"), ("bracket in name", "\(name)]: 5"),
                ("NUL in name", "\(name)\u{0}: 5"), ("NUL in value", "\(name): \u{0}5"),
                ("vertical tab", "\(name):\u{B}5"), ("form feed", "\(name):\u{C}5"),
                ("delete", "\(name): 5\u{7F}"), ("bare CR in name", "\(name)\r: 5"),
                ("bare CR in value", "\(name): 5\r6"), ("bare LF in value", "\(name): 5\n6"),
                ("bare LF ends line", "X: y\n\(name): 5"), ("CR CR LF", "X: y\r\r\n\(name): 5"),
                ("LF CR", "X: y\n\r\(name): 5"), ("fold before", "X: y\r\n \(name): 5"),
                ("fold after", "\(name): 5\r\n 6"), ("Latin-1", "\(name): \u{E9}"),
                ("fullwidth colon", "\(name)\u{FF1A} 5"), ("no-break space", "\(name)\u{A0}: 5"),
                ("empty name", ": \(name): 5"),
            ] { withField("\(name): \(what)", line) }
        }

        // Request lines and targets.
        for line in [
            "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\tHTTP/1.1", "GET\u{B}/ HTTP/1.1",
            "GET / HTTP/1.1\r", "GET http://a/ HTTP/1.1", "GET //a@b HTTP/1.1\u{0}",
            "GET a HTTP/1.1",
            "GET /\u{0} HTTP/1.1", "GET / HTTP/1.1 HTTP/1.1", "GET /a HTTP/1.1 b HTTP/1.1",
            "GET /%0 HTTP/1.1", "GET /a#b HTTP/1.1", "GET / HTTP/01.1", "GET / HTTP/1.01",
            "GET * HTTP/1.1",
            "GET / HTTP/1.1\nX: y", "GET /\r\n/ HTTP/1.1", "GET / hTTP/1.1", "\r\nGET / HTTP/1.1",
            "\nGET / HTTP/1.1", " GET / HTTP/1.1",
        ] { add("line: \(line)", "\(line)\r\nHost: a\r\n\r\n") }

        // Hosts that disagree.
        for lines in [
            "Host: a\r\nHost: b", "Host: a, b", "Host: a b", "Host: a@b", "Host: a/b", "Host:",
            "Host: a:80:81", "X: y", "Host: a\r\nhOST: a", "Host: a?b", "Host: a\\b",
        ] { add("host: \(lines)", "GET / HTTP/1.1\r\n\(lines)\r\n\r\n") }
        return cases
    }()

    @Test("G5 the corpus has its cases, each once")
    func corpusSize() {
        #expect(Self.corpus.count >= 200)
        #expect(Set(Self.corpus.map(\.bytes)).count == Self.corpus.count)
    }

    @Test("CH-1 CH-4 G5 every case is answered 400 and closes the connection")
    func everyCase() {
        for attack in Self.corpus {
            guard let error = refusal(attack.bytes) else {
                Issue.record("taken: \(attack.name)")
                continue
            }
            #expect(error.status == .badRequest, "\(attack.name): \(error)")
            let answer = String(decoding: error.response.encoded, as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test("G5 the same cases are refused in the same way when they come byte by byte")
    func byteByByte() {
        for attack in Self.corpus {
            let cuts = Array(0..<attack.bytes.count)
            #expect(read(attack.bytes, cuts: cuts) == read(attack.bytes), "\(attack.name)")
        }
    }
}
