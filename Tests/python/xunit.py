"""Runs cases and writes what they came to as an xunit file."""

import sys
from xml.sax.saxutils import quoteattr


def write_report(suite, cases, path):
    """`cases`: (name, function) each; a function fails by raising. Returns the exit code."""
    lines, failures = [], 0
    for name, run in cases:
        head = f"<testcase classname={quoteattr(suite)} name={quoteattr(name)}"
        try:
            run()
            lines.append(head + "/>")
        except Exception as error:  # Whatever goes wrong in a case is that case's failure.
            failures += 1
            message = f"{type(error).__name__}: {error}"
            print(f"{name}: {message}", file=sys.stderr)
            lines.append(f"{head}><failure message={quoteattr(message)}/></testcase>")
    with open(path, "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f'<testsuites><testsuite name={quoteattr(suite)} tests="{len(lines)}" ')
        file.write(f'failures="{failures}" errors="0" skipped="0">\n')
        file.write("\n".join(lines) + "\n</testsuite></testsuites>\n")
    print(f"{suite}: {len(lines) - failures} passed, {failures} failed")
    return 1 if failures or not lines else 0
