# shellcheck shell=bash disable=SC2034,SC2154
# The parts of the test command: one row and one function each. Sourced by scripts/test, which runs
# every function in a process of its own, standing in the repository, with $results set to an empty
# folder. A part shows what it found as xunit files there; a function that fails without saying so
# in a file counts as one failed test, and so does one that leaves no test at all.

# name | what it needs: parts that must have passed, @groups of packages | seconds it may take, in the
# long settings twelve times as many | what it shows. The rows are in the order they run in: the
# cheap ones first.
parts='
packages |                 |  900 | what the parts need from Debian is installed
runner   |                 |  120 | this command counts as it says it does
lint     | @lint           |  120 | Swift is formatted, scripts and Python files parse
build    | @build          | 1500 | everything compiles in release, warnings are errors, imports as declared
spec     | build @spec     |  120 | SPEC.md, the code and the tests agree; what may depend on what
timing   | build @spec     |  120 | no time depends on a secret: machine code read, and a t-test with planted leaks
unit     | build           |  600 | each target by itself, in process
vectors  | build           |  120 | the built-in vectors and, where there are any, the public ones
simulation | build         |  300 | one server core and two engines on a seeded clock and network
e2e      | build @e2e      |  900 | real servers and clients: messages, kills, errors, canaries
crash    | build @e2e      | 1500 | kill -9 under load breaks no promise, and planted bugs are found
demo     | build @e2e      |  300 | the story that scripts/demo tells comes true
autobahn | build @python   |  600 | both ends of the WebSocket against the Autobahn test suite
python   | build @python   |  300 | an independent implementation agrees byte for byte, and talks with ours
variants | build           | 2400 | builds with sanitizers and for the fuzzer
fuzz     | variants        | 5400 | hostile bytes to every parser
asan     | variants        | 1200 | the byte parsers and the stores under the address sanitizer
tsan     | variants        | 1200 | what runs on threads under the thread sanitizer
'

part_packages() {
    # The groups that the chosen parts need; scripts/test says which.
    local group status=0
    # shellcheck disable=SC2086  # A list of words.
    "$root/scripts/packages" $needed_groups || status=$?
    for group in $needed_groups; do
        if "$root/scripts/packages" --check "$group" >&2; then
            report_pass "$group"
        else
            report_failure "$group" "the packages above are missing"
        fi
    done
    [ -n "$needed_groups" ] || report_pass "nothing is needed"
    return "$status"
}

part_runner() {
    "$root/scripts/check-runner" "$results"
}

part_lint() {
    local file
    report "swift format" swift format lint --strict --recursive Sources Tests Package.swift
    while read -r file; do
        report "$file parses" bash -n "$file"
        report "$file by shellcheck" shellcheck --severity=warning "$file"
    done < <(shell_files)
    while read -r file; do
        report "$file parses" python3 -c \
            'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read())' "$file"
    done < <(find Tests scripts -name '*.py' | sort)
}

# Every shell script of the repository, known by its name or by its first line.
shell_files() {
    find scripts Tests .ci -type f | sort | while read -r file; do
        case $file in
            *.sh) printf '%s\n' "$file" ;;
            *.swift | *.py | *.json | *.txt | *.md) ;;
            *)
                if head -n 1 "$file" | grep -q '^#!.*\bbash$'; then
                    printf '%s\n' "$file"
                fi
                ;;
        esac
    done
}

part_build() {
    require "release build" "$root/scripts/build"
}

part_spec() {
    run_suites SpecTests '^SpecTests\.'
}

# A16. On a clock that everything else on the machine disturbs, only a gross leak is a failure; the
# long setting, on a machine that does nothing else, takes the bound of the method.
part_timing() {
    local samples=10000 limit=30
    if [ -n "${POSTERN_LONG:-}" ]; then
        samples=1000000 limit=4.5
    fi
    report "machine code of what handles secrets" scripts/check-constant-time
    report "time of what handles secrets" .build/release/Bench timing "$samples" "$limit"
}

part_unit() {
    local folder target
    for folder in Tests/*Tests; do
        target=$(basename "$folder")
        case $target in
            SpecTests | SimulationTests) ;;
            *) run_target "$target" ;;
        esac
    done
}

part_vectors() {
    local public=${POSTERN_VECTORS:-$root/../shared/vectors}
    report "built-in vectors" .build/release/postern vectors
    if [ -d "$public" ]; then
        report "public vectors" .build/release/postern vectors "$public"
    else
        note "no folder of public vectors is here"
    fi
}

part_simulation() {
    run_target SimulationTests
}

part_e2e() {
    Tests/EndToEnd/run.py --results "$results/e2e.xml"
}

part_crash() {
    Tests/crash/run --xunit "$results/crash.xml"
}

part_demo() {
    report "the demo" scripts/demo
}

part_autobahn() {
    Tests/autobahn/run --xunit "$results/autobahn.xml"
}

part_python() {
    local python trips=200
    [ -z "${POSTERN_LONG:-}" ] || trips="10000 long"
    python=$("$root/scripts/python-env" python)
    report "Vectors are what vectorgen makes" same_vectors
    # Both leave their results in a file, failures too.
    "$python" Tests/python/read_vectors.py Vectors "$results/vectors.xml" || true
    "$python" Tests/python/ratchet_peer.py .build/release/vectorgen "$results/ratchet.xml" 4 ||
        true
    # shellcheck disable=SC2086  # One or two words.
    "$python" Tests/python/kem_peer.py .build/release/vectorgen "$results/kem.xml" $trips || true
}

# Whether a fresh generation gives the committed vector files, byte for byte.
same_vectors() {
    local folder status=0
    folder=$(mktemp -d "${TMPDIR:-/tmp}/postern.XXXXXX")
    .build/release/vectorgen "$folder" && diff --brief --recursive Vectors "$folder" || status=$?
    rm -rf "$folder"
    return "$status"
}

# A build works on one module at a time for most of its time, so two share two cores well.
part_variants() {
    report "both sanitizers and the fuzzer" xargs -P 2 -L 1 env <<'COMMANDS'
scripts/build --sanitize address
scripts/build --fuzz
scripts/build --sanitize thread
COMMANDS
}

part_fuzz() {
    local seconds=5
    [ -z "${POSTERN_LONG:-}" ] || seconds=300
    scripts/fuzz --seconds "$seconds" --xunit "$results/fuzz.xml"
}

part_asan() {
    # XCTest, which is linked but not used, leaks 368 bytes of its own.
    export ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$root/scripts/lsan.supp
    run_sanitized address
}

part_tsan() {
    run_sanitized thread
}

# Runs the test targets that are built with a sanitizer.
run_sanitized() {
    local target
    export POSTERN_SANITIZER=$1
    tests_program=$root/.build/$1/release/posternPackageTests.xctest
    for target in $(sanitized_targets "$1"); do
        run_target "$target"
    done
}

# Runs the tests of one target; one that has none yet is named and not counted.
run_target() {
    if grep -qr --include='*.swift' '@Test' "Tests/$1"; then
        run_suites "$1" "^$1\\."
    else
        note "$1 has no test yet"
    fi
}
