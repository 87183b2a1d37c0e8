import Database
import Primitives
import Wire

extension StoreSQLite {
    private struct Found {
        let row: Int64
        let eraseHash: [UInt8]
        let isOver: Bool
    }

    private func findBlob(_ idHash: FixedBytes<32>) throws(DatabaseError) -> Found? {
        let hour = StoreClock.hour(now)
        statements.findBlob.bind(1, copying: idHash.raw)
        return try statements.findBlob.first { row throws(DatabaseError) in
            Found(
                row: try row.int(0), eraseHash: try row.bytes(1), isOver: try row.int(2) <= hour)
        }
    }

    /// Keeps a blob under an id that is free. MB-20
    func putBlob(_ put: BlobPut, _ bytes: RawSpan) throws(DatabaseError) -> StorageResult {
        guard (1...Limits.blobByteCountMax).contains(bytes.byteCount) else {
            return .refused(.wrongSize)
        }
        if let found = try findBlob(put.idHash) {
            if !found.isOver { return .refused(.exists) }
            if isRefusing { return .refused(.storageFull) }
            try deleteBlob(found.row)
        }
        if isRefusing { return .refused(.storageFull) }
        statements.insertBlob.bind(1, copying: put.idHash.raw)
        statements.insertBlob.bind(2, copying: put.eraseHash.raw)
        statements.insertBlob.bind(3, Int64(put.expiry.count))
        try statements.insertBlob.run(binding: bytes, at: 4)
        return .done
    }

    /// Reads a blob; one that is over is as if it were gone. MB-21
    func getBlob(
        _ idHash: FixedBytes<32>, _ answers: inout StorageAnswers
    ) throws(DatabaseError) -> StorageResult {
        let hour = StoreClock.hour(now)
        let start = answers.bytes.count
        statements.readBlob.bind(1, copying: idHash.raw)
        let isThere = try statements.readBlob.first { row throws(DatabaseError) in
            if try row.int(0) <= hour { return false }
            try row.withBlob(1) { (body: RawSpan) throws(DatabaseError) in
                guard body.byteCount <= Limits.blobByteCountMax else { throw .corrupt(code: 0) }
                answers.bytes.append(copying: body)
            }
            return true
        }
        return isThere == true ? .blob(start..<answers.bytes.count) : .refused(.notFound)
    }

    /// Erases a blob for who knows its erase key. MB-21
    func eraseBlob(
        _ idHash: FixedBytes<32>, _ eraseHash: FixedBytes<32>
    ) throws(DatabaseError) -> StorageResult {
        guard let found = try findBlob(idHash), !found.isOver,
            ConstantTime.isEqual(found.eraseHash.raw, eraseHash.raw)
        else { return .refused(.notFound) }
        try deleteBlob(found.row)
        return .done
    }

    private func deleteBlob(_ row: Int64) throws(DatabaseError) {
        statements.deleteBlob.bind(1, row)
        try statements.deleteBlob.run()
    }
}
