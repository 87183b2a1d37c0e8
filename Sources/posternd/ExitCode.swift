/// How a command ends, as SPEC.md's table of exit codes says.
enum ExitCode: Int32 {
    case success = 0
    case usage = 64
    case badData = 65
    case noInput = 66
    case software = 70
    case cannotCreate = 73
    case disk = 74
    case permission = 77
    case configuration = 78
}

/// Why a command ends without success: a sentence for the operator, and the code.
struct CommandFailure: Error {
    let code: ExitCode
    /// What is wrong and what to do about it.
    let sentence: String

    init(_ code: ExitCode, _ sentence: String) {
        self.code = code
        self.sentence = sentence
    }
}
