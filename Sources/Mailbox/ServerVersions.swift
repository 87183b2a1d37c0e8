import Database
import Primitives
import Wire

/// What the server stands on, and whether it answers as it should (O9).
package enum ServerVersions {
    /// The program's own version: that of the protocol it speaks.
    package static var program: String { "0 (protocol \(protocolVersion))" }

    /// Runs the known-answer tests; false when one fails.
    package static func selfTest() -> Bool {
        do throws(SelfTestError) {
            try SelfTest.run()
            return true
        } catch {
            return false
        }
    }

    /// Writes the versions to the log.
    package static func log() {
        ServerLog.write(
            .versions(
                server: protocolVersion, sqlite: Connection.libraryVersion,
                sodium: Sodium.version))
    }
}
