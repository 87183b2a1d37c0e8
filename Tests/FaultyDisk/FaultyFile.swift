import CSQLite

/// SQLite's file object with ours around it; the real layer's object lies right behind.
@unsafe struct FaultyFile {
    var base: sqlite3_file
    var disk: Unmanaged<FaultyDisk>
    var path: Unmanaged<PathBox>

    /// Where the real object begins: a multiple of 16.
    static let stride = unsafe (MemoryLayout<FaultyFile>.size + 15) / 16 * 16
}

final class PathBox {
    let path: String
    init(_ path: String) { self.path = path }
}

private typealias File = UnsafeMutablePointer<sqlite3_file>

private func outer(_ file: File) -> UnsafeMutablePointer<FaultyFile> {
    unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: FaultyFile.self)
}

private func real(_ file: File) -> File {
    unsafe (UnsafeMutableRawPointer(file) + FaultyFile.stride)
        .assumingMemoryBound(to: sqlite3_file.self)
}

private func realMethods(_ file: File) -> sqlite3_io_methods {
    guard let methods = unsafe real(file).pointee.pMethods else { fatalError("not open") }
    return unsafe methods.pointee
}

private func disk(_ file: File) -> FaultyDisk {
    unsafe outer(file).pointee.disk.takeUnretainedValue()
}

private func path(_ file: File) -> String {
    unsafe outer(file).pointee.path.takeUnretainedValue().path
}

private func realLayer() -> UnsafeMutablePointer<sqlite3_vfs> {
    guard let layer = unsafe sqlite3_vfs_find(nil) else { fatalError("no file layer") }
    return unsafe layer
}

private let ioErrorRead = SQLITE_IOERR | (1 << 8)
private let ioErrorWrite = SQLITE_IOERR | (3 << 8)
private let ioErrorSync = SQLITE_IOERR | (4 << 8)
private let ioErrorTruncate = SQLITE_IOERR | (6 << 8)
private let ioErrorDelete = SQLITE_IOERR | (10 << 8)
private let ioErrorSharedMemory = SQLITE_IOERR | (21 << 8)

func openFile(
    _ layer: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ flagsOut: UnsafeMutablePointer<Int32>?
) -> Int32 {
    guard let layer = unsafe layer, let file = unsafe file,
        let context = unsafe layer.pointee.pAppData
    else { return SQLITE_MISUSE }
    let owner = unsafe Unmanaged<FaultyDisk>.fromOpaque(context)
    unsafe file.pointee.pMethods = nil
    if unsafe owner.takeUnretainedValue().next(.open) != nil { return SQLITE_CANTOPEN }
    unsafe real(file).pointee.pMethods = nil
    let code = unsafe realLayer().pointee.xOpen(realLayer(), name, real(file), flags, flagsOut)
    if code != SQLITE_OK { return code }
    let text = unsafe name.map { unsafe String(cString: $0) } ?? ""
    let box = PathBox(text)
    unsafe outer(file).initialize(
        to: FaultyFile(
            base: sqlite3_file(pMethods: owner.takeUnretainedValue().methods), disk: owner,
            path: Unmanaged.passRetained(box)))
    if !text.isEmpty { unsafe owner.takeUnretainedValue().noteOpened(text) }
    return SQLITE_OK
}

func deleteFile(
    _ layer: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?, _ sync: Int32
) -> Int32 {
    guard let layer = unsafe layer, let context = unsafe layer.pointee.pAppData else {
        return SQLITE_MISUSE
    }
    let disk = unsafe Unmanaged<FaultyDisk>.fromOpaque(context).takeUnretainedValue()
    if disk.next(.delete, needsSpace: false) { return ioErrorDelete }
    if let name = unsafe name { disk.noteDelete(unsafe String(cString: name)) }
    return unsafe realLayer().pointee.xDelete(realLayer(), name, sync)
}

/// The table of functions for the files of one disk, never freed.
func makeMethods() -> UnsafePointer<sqlite3_io_methods> {
    let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    var made = sqlite3_io_methods()
    // Version 2: with shared memory, without mapped files, so that every access passes here.
    made.iVersion = 2
    unsafe made.xClose = { file in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        let code = unsafe realMethods(file).xClose(real(file))
        unsafe outer(file).pointee.path.release()
        return code
    }
    unsafe made.xRead = { file, target, count, offset in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        if unsafe disk(file).next(.read, needsSpace: false) { return ioErrorRead }
        return unsafe realMethods(file).xRead(real(file), target, count, offset)
    }
    unsafe made.xWrite = { file, source, count, offset in
        guard let file = unsafe file, let source = unsafe source else { return SQLITE_MISUSE }
        func write(_ count: Int32) -> Int32 {
            let code = unsafe realMethods(file).xWrite(real(file), source, count, offset)
            if code == SQLITE_OK {
                let bytes = unsafe [UInt8](
                    UnsafeRawBufferPointer(start: source, count: Int(count)))
                unsafe disk(file).noteChange(path(file), Change(offset: Int(offset), bytes: bytes))
            }
            return code
        }
        switch unsafe disk(file).next(.write) {
        case nil: return write(count)
        case .error: return ioErrorWrite
        case .full: return SQLITE_FULL
        case .torn:
            _ = write(count / 2)
            return ioErrorWrite
        }
    }
    unsafe made.xTruncate = { file, size in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        if unsafe disk(file).next(.truncate, needsSpace: false) { return ioErrorTruncate }
        let code = unsafe realMethods(file).xTruncate(real(file), size)
        if code == SQLITE_OK {
            unsafe disk(file).noteChange(
                path(file), Change(offset: Int(size), bytes: [], isTruncate: true))
        }
        return code
    }
    unsafe made.xSync = { file, flags in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        if unsafe disk(file).next(.sync, needsSpace: false) { return ioErrorSync }
        let code = unsafe realMethods(file).xSync(real(file), flags)
        if code == SQLITE_OK { unsafe disk(file).noteSync(path(file)) }
        return code
    }
    unsafe made.xFileSize = { file, size in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xFileSize(real(file), size)
    }
    unsafe made.xLock = { file, level in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xLock(real(file), level)
    }
    unsafe made.xUnlock = { file, level in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xUnlock(real(file), level)
    }
    unsafe made.xCheckReservedLock = { file, result in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xCheckReservedLock(real(file), result)
    }
    unsafe made.xFileControl = { file, operation, argument in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xFileControl(real(file), operation, argument)
    }
    unsafe made.xSectorSize = { file in
        guard let file = unsafe file else { return 0 }
        return unsafe realMethods(file).xSectorSize(real(file))
    }
    unsafe made.xDeviceCharacteristics = { file in
        guard let file = unsafe file else { return 0 }
        return unsafe realMethods(file).xDeviceCharacteristics(real(file))
    }
    unsafe made.xShmMap = { file, page, size, extend, memory in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        if unsafe disk(file).next(.sharedMemory) != nil { return ioErrorSharedMemory }
        return unsafe realMethods(file).xShmMap(real(file), page, size, extend, memory)
    }
    unsafe made.xShmLock = { file, offset, count, flags in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xShmLock(real(file), offset, count, flags)
    }
    unsafe made.xShmBarrier = { file in
        guard let file = unsafe file else { return }
        unsafe realMethods(file).xShmBarrier(real(file))
    }
    unsafe made.xShmUnmap = { file, removes in
        guard let file = unsafe file else { return SQLITE_MISUSE }
        return unsafe realMethods(file).xShmUnmap(real(file), removes)
    }
    unsafe table.initialize(to: made)
    return unsafe UnsafePointer(table)
}
