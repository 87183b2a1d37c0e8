import Glibc

/// The environment of the process.
package enum Environment {
    /// All variables, read once; of a name that stands twice the first counts, as in `getenv`.
    package static let all: [String: String] = {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        // The list ends with a null pointer; nobody changes it, since nothing of ours calls setenv.
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") {
                let name = String(pair[..<equals])
                if variables[name] == nil {
                    variables[name] = String(pair[pair.index(after: equals)...])
                }
            }
            unsafe entry += 1
        }
        return variables
    }()
}
