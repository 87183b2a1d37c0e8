"""Runs one of the Autobahn suite's fuzzing modes; the suite is on PYTHONPATH.

usage: suite.py client URL FOLDER [--big]     tests the server at URL and ends
       suite.py server FOLDER [--big]         prints the port it chose, tests who connects

FOLDER gets `expected.json`, the ids and descriptions of the cases that must be run, and from the
suite `index.json`, which says what came of them. --big adds section 9, the big messages. Sections
12 and 13 are compression, which Postern never negotiates.
"""

import json
import pathlib
import sys
import types

# The suite imports these for encrypted connections and for HTML reports.
for name in ("twisted.internet.ssl", "jinja2"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["twisted.internet.ssl"].ClientContextFactory = lambda: None
import twisted.internet  # noqa: E402
import txaio  # noqa: E402

txaio.use_twisted()
twisted.internet.ssl = sys.modules["twisted.internet.ssl"]

from autobahntestsuite import fuzzing  # noqa: E402
from twisted.internet import reactor  # noqa: E402


def specification(folder, big, **more):
    excluded = ["12.*", "13.*"] + ([] if big else ["9.*"])
    return {
        "outdir": str(folder), "options": {"failByDrop": False}, "cases": ["*"],
        "exclude-cases": excluded, "exclude-agent-cases": {}, **more,
    }


def write_expected(factory, folder):
    described = {}
    for case in factory.specCases:
        text = factory.CaseSet.CasesById[case].DESCRIPTION
        described[case] = " ".join(text.replace("<br>", " ").replace("<br/>", " ").split())
    (folder / "expected.json").write_text(json.dumps(described), encoding="utf-8")


def without_pages(create):
    return lambda factory, *_: create(factory, False, True)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--big"]
    big = "--big" in sys.argv
    folder = pathlib.Path(arguments[-1])
    fuzzing.FuzzingFactory.createReports = without_pages(fuzzing.FuzzingFactory.createReports)
    if arguments[0] == "client":
        servers = [{"agent": "postern", "url": arguments[1]}]
        factory = fuzzing.FuzzingClientFactory(specification(folder, big, servers=servers))
        write_expected(factory, folder)
    else:
        # The address is told once it is known: a client that names another one is refused.
        factory = fuzzing.FuzzingServerFactory(
            specification(folder, big, url="ws://127.0.0.1:1"))
        write_expected(factory, folder)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
        factory.setSessionParameters(url=f"ws://127.0.0.1:{port}", server="AutobahnTestSuite")
        print(f"listening on 127.0.0.1:{port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
