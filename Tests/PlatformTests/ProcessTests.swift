import CLinux
import Glibc
import Testing

@testable import Platform

@Suite("Rights, signals and resources of the process")
struct ProcessTests {
    @Test("O7 dropping to a user leaves no way back", .enabled(if: geteuid() == 0))
    func drop() async {
        await #expect(processExitsWith: .success) {
            try Privileges.drop(to: "nobody")
            precondition(!Privileges.isRoot && Privileges.userID != 0)
            precondition(setuid(0) != 0 && setgid(0) != 0)
            precondition(getgroups(0, nil) == 0)
        }
    }

    @Test("O7 unknown users and root itself are no target", .enabled(if: geteuid() == 0))
    func dropRefusals() {
        #expect(throws: Privileges.DropError.unknownUser) {
            try Privileges.drop(to: "no-such-user-here")
        }
        #expect(throws: Privileges.DropError.isRoot) { try Privileges.drop(to: "root") }
        #expect(Privileges.isRoot)
    }

    @Test(
        "O7 a folder is handed over with its files, links not followed",
        .enabled(if: geteuid() == 0))
    func give() throws {
        let folder = TemporaryFolder()
        let outside = TemporaryFolder()
        try SafeFile.write([1].span.rawBytes, toNew: folder.file("a"))
        try SafeFile.write([1].span.rawBytes, toNew: outside.file("b"))
        #expect(unsafe symlink(outside.file("b"), folder.file("link")) == 0)
        try Privileges.give(folder: folder.path, to: "nobody")
        var status = stat()
        _ = unsafe lstat(folder.file("a"), &status)
        #expect(status.st_uid == 65_534)
        _ = unsafe lstat(folder.path, &status)
        #expect(status.st_uid == 65_534)
        _ = unsafe lstat(outside.file("b"), &status)
        #expect(status.st_uid == geteuid())
    }

    @Test("I7 after forbidding dumps there is no core file and no tracing")
    func dumps() async {
        await #expect(processExitsWith: .success) {
            try Privileges.forbidDumps()
            var limit = rlimit()
            _ = unsafe getrlimit(__rlimit_resource_t(4), &limit)
            precondition(limit.rlim_cur == 0 && limit.rlim_max == 0)
            precondition(!Privileges.mayBeDumped)
        }
    }

    @Test("The descriptor limit is raised as far as allowed and never lowered")
    func descriptorLimit() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 100, rlim_max: 500)
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            precondition(Privileges.raiseDescriptorLimit(to: 50) == 100)
            precondition(Privileges.raiseDescriptorLimit(to: 400) == 400)
            let high = Privileges.raiseDescriptorLimit(to: 1_000)
            // Only who has the capability to may go beyond the upper limit.
            _ = unsafe getrlimit(__rlimit_resource_t(7), &limit)
            precondition(high == UInt64(limit.rlim_cur) && (high == 500 || high == 1_000))
        }
    }

    @Test("Blocked signals are read from the descriptor, and the process lives")
    func signals() async {
        await #expect(processExitsWith: .success) {
            let signals = try SignalDescriptor([.terminate, .interrupt])
            // Raised in this thread: the test runner's others have not blocked the signals.
            precondition(signals.next() == nil)
            raise(SIGTERM)
            let first = try signals.wait()
            raise(SIGINT)
            let second = try signals.wait()
            precondition(first == .terminate && second == .interrupt)
            precondition(signals.next() == nil)
        }
    }

    @Test("A signal that was not blocked still ends the process")
    func unblockedSignal() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            let signals = try SignalDescriptor([.interrupt])
            kill(getpid(), SIGTERM)
            _ = try signals.wait()
        }
    }

    @Test("Signal numbers are the system's")
    func signalNumbers() {
        #expect(Signal.terminate.rawValue == SIGTERM)
        #expect(Signal.interrupt.rawValue == SIGINT)
        #expect(Signal.hangUp.rawValue == SIGHUP)
        #expect(Signal.windowChange.rawValue == SIGWINCH)
        #expect(Signal.stop.rawValue == SIGTSTP)
        #expect(Signal.resume.rawValue == SIGCONT)
        #expect(Signal.background.rawValue == SIGTTOU)
    }

    @Test("Memory and processor time are measured")
    func usage() {
        let before = Usage.residentByteCount
        #expect(before > 1_000_000)
        let size = 64 << 20
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4_096)
        unsafe memset(memory, 1, size)
        #expect(Usage.residentByteCount > before + size / 2)
        unsafe memory.deallocate()
        let time = Usage.processor
        #expect(time.user + time.system > 0)
    }

    @Test("Free space is asked of the file system that holds the path")
    func disk() throws {
        let folder = TemporaryFolder()
        let space = try Usage.disk(at: folder.path)
        #expect(space.free > 0 && space.free <= space.total)
        #expect(throws: SystemError(.statvfs, code: ENOENT)) {
            try Usage.disk(at: folder.file("none"))
        }
    }

    @Test("An error prints its call and reason and nothing else")
    func errorText() {
        #expect(
            SystemError(.bind, code: EADDRINUSE).description == "bind: Address already in use")
        #expect(SystemError(.getaddrinfo, code: EAI_NONAME).description.hasPrefix("getaddrinfo: "))
    }
}
