/// The version of the programs, as `--version` prints it and CHANGELOG.md names it.
public enum Version {
    /// Major, minor, patch.
    public static let text: SafeText = "0.1.0"
}
