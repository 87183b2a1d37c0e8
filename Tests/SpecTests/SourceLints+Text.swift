import Foundation

extension SourceLints {
    /// Beginnings of statements, in capitals as all our SQL is written.
    private static let statements = [
        "SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "REPLACE INTO", "CREATE TABLE",
        "CREATE INDEX", "CREATE UNIQUE", "ALTER TABLE", "DROP TABLE", "DROP INDEX", "PRAGMA ",
        "ATTACH ", "VACUUM", "SAVEPOINT ", "RELEASE ", "ROLLBACK",
    ]

    static let sql = SourceLint(
        name: "J12 SQL is one literal: nothing is put into it and nothing is added to it",
        applies: Place.isSource,
        find: { _, text in
            var found: [(Int, String)] = []
            for literal in text.literals {
                guard statements.contains(where: literal.text.contains) else { continue }
                let joined =
                    text.code.nextByte(from: literal.range.upperBound) == UInt8(ascii: "+")
                    || text.code.previousByte(before: literal.range.lowerBound) == UInt8(ascii: "+")
                if literal.isInterpolated || joined {
                    found.append((literal.line, "SQL that is put together"))
                }
            }
            return found
        },
        violations: [
            ("Sources/Database/A.swift", #"try run("SELECT * FROM a WHERE b = \(c)")"#),
            ("Sources/Mailbox/A.swift", #"let q = "DELETE FROM a WHERE b = " + c"#),
            ("Sources/Client/A.swift", "let q = \"\"\"\n  UPDATE a SET b = \\(c)\n  \"\"\""),
            ("Sources/Client/A.swift", #"let q = start + " UPDATE a SET b = 1""#),
        ],
        innocents: [
            ("Sources/Database/A.swift", #"try run("SELECT * FROM a WHERE b = ?", c + d)"#),
            ("Sources/Client/A.swift", #"note("\(count) messages are selected")"#),
        ])

    /// Where the client's programs may write to the terminal themselves.
    private static let outputFile = "Sources/Client/Terminal/Output.swift"

    static let output = SourceLint(
        name: "I1 the client writes to the terminal through Output, which takes only SafeText",
        applies: { Place.isIn(["Client", "postern"], $0) && $0 != outputFile },
        find: { _, text in
            let words = [
                "print(", "debugPrint(", "dump(", "puts(", "fputs(", "printf(", "putchar(",
                "FileHandle.standardOutput", "FileHandle.standardError", "STDOUT_FILENO",
                "STDERR_FILENO", "stdout", "stderr", "write(1,", "write(2,",
            ]
            var found: [(Int, String)] = []
            for (index, line) in text.lines.enumerated() {
                for word in words where line.holds(word: word) {
                    // Asking whether a descriptor is a terminal, or how wide it is, writes nothing.
                    if line.contains("isatty(") || line.contains("ioctl(") { continue }
                    found.append((index + 1, word))
                }
            }
            return found
        },
        violations: [
            ("Sources/postern/A.swift", "print(message)"),
            ("Sources/Client/A.swift", "FileHandle.standardOutput.write(data)"),
            ("Sources/Client/A.swift", "_ = unsafe write(STDOUT_FILENO, pointer, count)"),
        ],
        innocents: [
            ("Sources/Client/A.swift", "try Output.line(text)"),
            ("Sources/Client/A.swift", "let wide = unsafe isatty(STDOUT_FILENO) == 1"),
            ("Sources/posternd/A.swift", "print(count)"),
            ("Sources/Client/A.swift", "let x = fingerprint(key)"),
        ])

    static let waiting = SourceLint.forbids(
        [
            "sleep(", "usleep(", "nanosleep(", "Thread.sleep", "Task.sleep", ".disabled(",
            "#expect(true)", "#expect(Bool(true))", "withKnownIssue",
        ], because: "a test awaits what it waits for, runs, and can fail",
        in: Place.isTest,
        violations: [
            ("Tests/MailboxTests/A.swift", "usleep(1000)"),
            ("Tests/MailboxTests/A.swift", "@Test(.disabled(\"later\")) func a() {}"),
            ("Tests/MailboxTests/A.swift", "try await Task.sleep(for: .seconds(1))"),
        ],
        innocents: [
            ("Tests/MailboxTests/A.swift", "// no sleep( here\nawait server.ready()"),
            ("Sources/Platform/A.swift", "unsafe nanosleep(&time, nil)"),
        ])

    static let unfinished = SourceLint(
        name: "nothing is marked as unfinished",
        applies: { Place.isSource($0) || Place.isTest($0) },
        find: { _, text in
            // Put together, so that this file does not find itself.
            let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
            return text.comments.flatMap { comment in
                marks.filter { comment.text.holds(word: $0) }.map { (comment.line, $0) }
            }
        },
        violations: [("Sources/Wire/A.swift", "// TO" + "DO: bounds")],
        innocents: [("Sources/Wire/A.swift", "// All bounds are checked.")])
}

extension [UInt8] {
    fileprivate func nextByte(from index: Int) -> UInt8? {
        self[index...].first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
    }

    fileprivate func previousByte(before index: Int) -> UInt8? {
        self[..<index].last { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
    }
}

extension StringProtocol {
    var trimmingSpaces: String { trimmingCharacters(in: .whitespaces) }
}
