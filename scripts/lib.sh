# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by the other scripts of this folder, never run.

set -euo pipefail

# The repository's own folder, whatever folder the caller stands in.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Every build of these scripts uses one configuration and the same flags, so that nothing is
# compiled twice. Release, because a debug build is about twenty times slower in byte loops.
build_flags=(
    --configuration release
    --explicit-target-dependency-import-check error
    -Xswiftc -enable-testing
)

# Exit codes of sysexits.h, as the programs use them.
exit_usage=64
exit_unavailable=69
exit_permission=77

# Says something to the person without touching what the script prints for other programs.
say() {
    printf '%s\n' "$*" >&2
}

# Ends the script: fail CODE SENTENCE
fail() {
    local code=$1
    shift
    say "$(basename "$0"): $*"
    exit "$code"
}

# The account that servers under test run under when the caller is root; posternd refuses uid 0.
unprivileged_user() {
    if [ "$(id -u)" -eq 0 ]; then
        printf 'nobody\n'
    else
        id -un
    fi
}

# What stands before a command to run it as the unprivileged user, without root's groups and without
# a shell in between: after `"${user_prefix[@]}" COMMAND &`, `$!` is the command itself.
user_prefix=()
if [ "$(id -u)" -eq 0 ]; then
    user_prefix=(
        env HOME=/nonexistent
        setpriv --reuid=nobody "--regid=$(id -gn nobody)" --clear-groups --no-new-privs --
    )
fi

# Runs a command as the unprivileged user and waits for it.
as_user() {
    "${user_prefix[@]}" "$@"
}

# Makes a temporary folder, 0700, that belongs to the unprivileged user; prints its path. The
# caller removes it.
private_folder() {
    local folder
    folder=$(mktemp -d "${TMPDIR:-/tmp}/postern.XXXXXX")
    chmod 700 "$folder"
    if [ "$(id -u)" -eq 0 ]; then
        chown "nobody:$(id -gn nobody)" "$folder"
    fi
    printf '%s\n' "$folder"
}

# Copies a program where the unprivileged user can run it; prints the copy's path. A checkout may
# lie in a folder that only its owner may enter, root's home for example.
program_for_user() {
    local program=$1 folder=$2
    install -m 755 "$program" "$folder/"
    printf '%s/%s\n' "$folder" "$(basename "$program")"
}

# The test targets that are built and run with a sanitizer: sanitized_targets address|thread
sanitized_targets() {
    case $1 in
        address)
            echo PrimitivesTests WireTests ChannelTests DatabaseTests KeyDirectoryTests MailboxTests
            ;;
        thread) echo PlatformTests MailboxTests ;;
    esac
}
