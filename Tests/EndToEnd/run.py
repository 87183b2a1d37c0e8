#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py [--results FILE.xml] [NAME…]

Every function test_* of the modules cases_*.py is a test; its docstring is its name."""

import argparse
import importlib
import pathlib
import sys
import time
import traceback
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    suite = xml.Element("testsuite", name="EndToEnd")
    failed = 0
    for path in sorted(pathlib.Path(__file__).parent.glob("cases_*.py")):
        module = importlib.import_module(path.stem)
        for name in [n for n in vars(module) if n.startswith("test_")]:
            if arguments.names and not any(part in name for part in arguments.names):
                continue
            function = getattr(module, name)
            title = (function.__doc__ or name).splitlines()[0]
            case = xml.SubElement(suite, "testcase", classname=path.stem, name=title)
            began = time.monotonic()
            try:
                function()
                print(f"passed  {title}", flush=True)
            except Exception as error:  # Whatever goes wrong is a failed test, and the next runs.
                failed += 1
                xml.SubElement(case, "failure", message=str(error)[:2000])
                print(f"FAILED  {title}", flush=True)
                traceback.print_exc()
            case.set("time", f"{time.monotonic() - began:.3f}")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failed))
    if arguments.results:
        xml.ElementTree(suite).write(arguments.results, encoding="utf-8", xml_declaration=True)
    return 1 if failed or not len(suite) else 0


if __name__ == "__main__":
    sys.exit(main())
