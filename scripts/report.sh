# shellcheck shell=bash disable=SC2034,SC2154
# How a part says what it found, and how what was found is counted. Sourced by scripts/test and by
# scripts/check-runner; $results is the folder of the part that runs.

escape_xml() {
    # Control characters have no place in XML, not even escaped.
    printf '%s' "$1" | tr -d '\000-\010\013-\037' |
        sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'
}

write_case() {
    local name=$1 body=$2 number file
    number=$(find "$results" -name 'case-*.xml' | wc -l)
    file=$(printf '%s/case-%04d.xml' "$results" "$number")
    printf '<testsuites><testsuite name="%s"><testcase classname="%s" name="%s">%s</testcase>%s\n' \
        "$part" "$part" "$(escape_xml "$name")" "$body" '</testsuite></testsuites>' >"$file"
}

# report_pass NAME
report_pass() {
    write_case "$1" ''
}

# report_failure NAME WHY
report_failure() {
    write_case "$1" "<failure message=\"$(escape_xml "$2")\" />"
}

# Runs a command and reports it as one test: report NAME COMMAND…
report() {
    local name=$1 status=0
    shift
    "$@" || status=$?
    if [ "$status" -eq 0 ]; then
        report_pass "$name"
    else
        report_failure "$name" "exit status $status"
    fi
    reported=$status
}

# The same for what the rest of the part cannot do without: a failure ends the part.
require() {
    report "$@"
    [ "$reported" -eq 0 ] || exit "$reported"
}

# Says something that must not be overlooked though it is no failure; shown above the last line.
note() {
    printf '%s\n' "$*" >>"$results/notes"
}

# Runs the Swift tests whose ids match a regular expression: run_suites NAME FILTER. The test
# program is run itself: `swift test` would take the package's lock and plan the build anew.
run_suites() {
    local name=$1 filter=$2 file=$results/$1.xml status=0
    local program=${tests_program:-$root/.build/release/posternPackageTests.xctest}
    "$program" --testing-library swift-testing --filter "$filter" --xunit-output "$file" ||
        status=$?
    case $status in
        0) ;;
        69)
            rm -f "$file"
            report_failure "$name" "no test matches $filter"
            ;;
        *)
            # A crash leaves half a file; a sanitizer's report or a leak at the end a whole one in
            # which nothing failed.
            if [ "$status" -ge 128 ] || [ ! -s "$file" ]; then
                rm -f "$file"
                report_failure "$name" "the tests ended with status $status"
            elif [ "$(count_cases "$file" | cut -d' ' -f2)" = 0 ]; then
                report_failure "$name" "the tests passed and then ended with status $status"
            fi
            ;;
    esac
}

# Prints "PASSED FAILED SKIPPED" of one xunit file. A file that does not end as it must counts as
# one failure more. With a second argument, prints the names of the cases of that verdict instead:
# count_cases FILE [passed|failed|skipped]
count_cases() {
    awk -v verdict="${2:-}" '
        function finish() {
            if (!inside) return
            inside = 0
            result = bad ? "failed" : (skipped ? "skipped" : "passed")
            count[result]++
            if (verdict == result) print name
        }
        BEGIN { RS = "<" }
        text { if (index($0, "]]>")) text = 0; next }
        /^!\[CDATA\[/ { text = !index($0, "]]>"); next }
        /^testcase[ \t\r\n]/ {
            finish()
            inside = 1; bad = 0; skipped = 0
            name = ""
            if (match($0, /[ \t\r\n]classname="[^"]*"/)) {
                name = substr($0, RSTART + 12, RLENGTH - 13) "/"
            }
            if (match($0, /[ \t\r\n]name="[^"]*"/)) {
                name = name substr($0, RSTART + 7, RLENGTH - 8)
            }
            tag = $0
            gsub(/"[^"]*"/, "", tag)
            if (tag ~ /^[^>]*\/>/) finish()
        }
        /^(failure|error)[ \t\r\n\/>]/ { bad = 1 }
        /^skipped[ \t\r\n\/>]/ { skipped = 1 }
        /^\/testcase[ \t\r\n]*>/ { finish() }
        /^\/testsuites?[ \t\r\n]*>/ { closed = 1 }
        /^testsuites?[ \t\r\n][^>]*\/>/ { closed = 1 }
        END {
            finish()
            if (!closed) {
                count["failed"]++
                if (verdict == "failed") print "(a result file that ends too early)"
            }
            if (verdict == "") print count["passed"] + 0, count["failed"] + 0, count["skipped"] + 0
        }
    ' "$1"
}
