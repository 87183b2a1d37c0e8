import Database
import Mailbox
import Platform

extension Command {
    static let check = Command(
        name: "check", summary: "show all that the server holds, and that none of it is readable",
        text: """
            Reads every table, column, value and file in the folder and prints what each is. Ends
            with 0 when all of it is on the list that this program carries: random ids, keys,
            hashes, ciphertext, counts, times no finer than an hour, and what people have
            published under their handle. Ends with 65 and names what is not on the list, or is
            readable where it must not be. It only reads, so it works beside a running server and
            on a stopped one. A large store takes a while.
            """,
        options: folderOptions + [
            Arguments.Option("json", help: "print JSON, one object a line")
        ],
        examples: [
            "posternd check --data /srv/postern",
            "posternd check --data /srv/postern --json",
        ],
        run: { @Sendable arguments throws(CommandFailure) in
            let folder = try Folder.toRead(arguments)
            let audit: StoreAudit
            do throws(StorageFailure) {
                audit = try StoreAudit(folder)
            } catch {
                throw CommandFailure(error, folder: folder.path)
            }
            if arguments.has("json") {
                try printJSON(audit)
            } else {
                try printText(audit)
            }
            guard let first = audit.findings.first else { return }
            let more = audit.findings.count - 1
            throw CommandFailure(
                .badData,
                "\(folder.path) holds something that a server of this version does not keep: "
                    + sentence(first) + (more > 0 ? ", and \(more) more" : ""))
        })

    private static func printText(_ audit: StoreAudit) throws(CommandFailure) {
        for table in audit.tables {
            let rows = table.rowCount == 1 ? "1 row" : "\(table.rowCount) rows"
            try Console.print(
                "table \(table.description.name), \(rows): \(table.description.meaning)")
            for column in table.description.columns {
                try Console.print(
                    Console.columns([("  " + column.name, 17), (column.kind.name, 19)])
                        + column.meaning)
            }
        }
        try Console.print("files")
        for file in audit.files {
            try Console.print(
                Console.columns([("  " + file.name, 19), ("\(file.byteCount) bytes", 17)])
                    + file.meaning)
        }
        for finding in audit.findings { try Console.print("NOT AS LISTED: \(sentence(finding))") }
        let columnCount = audit.tables.reduce(0) { $0 + $1.description.columns.count }
        if audit.findings.isEmpty {
            try Console.print(
                "That is all: \(audit.tables.count) tables, \(columnCount) columns,"
                    + " \(audit.files.count) files, every value of its kind. Nothing that people"
                    + " write to each other can be read here, nor who writes to whom.")
        }
    }

    private static func printJSON(_ audit: StoreAudit) throws(CommandFailure) {
        for table in audit.tables {
            for column in table.description.columns {
                var line = JSONLine("column")
                line.add("table", table.description.name)
                line.add("column", column.name)
                line.add("kind", column.kind.name)
                line.add("meaning", column.meaning)
                line.add("rows", table.rowCount)
                try Console.print(line.line)
            }
        }
        for file in audit.files {
            var line = JSONLine("file")
            line.add("name", file.name)
            line.add("bytes", file.byteCount)
            line.add("meaning", file.meaning)
            try Console.print(line.line)
        }
        for finding in audit.findings {
            var line = JSONLine("finding")
            line.add("text", sentence(finding))
            try Console.print(line.line)
        }
        var line = JSONLine("check")
        line.add("passed", audit.findings.isEmpty)
        try Console.print(line.line)
    }

    /// What is not as listed, in words. Names come from the file and are cleaned.
    private static func sentence(_ finding: StoreAudit.Finding) -> String {
        switch finding {
        case .unlistedObject(let kind, let name):
            "\(Console.clean(kind)) `\(Console.clean(name))` is not on the list"
        case .changedObject(let kind, let name):
            "\(Console.clean(kind)) `\(Console.clean(name))` is not what the list says"
        case .missingObject(let kind, let name): "\(kind) `\(name)` is missing"
        case .unlistedColumn(let table, let column):
            "column `\(Console.clean(column))` of table `\(table)` is not on the list"
        case .values(let table, let column, let fault, let count):
            "column `\(column)` of table `\(table)`: \(words(fault, count))"
        case .unlistedFile(let name): "file `\(Console.clean(name))` is not on the list"
        case .unsafeFile(let name, let error):
            CommandFailure(error, path: Console.clean(name)).sentence
        }
    }

    private static func words(_ fault: ColumnFault, _ count: Int64) -> String {
        let values = count == 1 ? "1 value" : "\(count) values"
        return switch fault {
        case .type: "\(values) of another type"
        case .size: "\(values) outside the listed range or size"
        case .readable:
            "\(values) readable or with a pattern, where all should look random; a client has"
                + " stored plain text, or this store is not what it says"
        case .form: "\(values) not what anybody could have published"
        }
    }
}
