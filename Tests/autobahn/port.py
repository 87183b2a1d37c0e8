# SPDX-License-Identifier: Apache-2.0
"""Makes autobahntestsuite 25.10.1, which is written in Python 2, run on Python 3.11.

usage: port.py FOLDER, which holds the packages autobahn and autobahntestsuite; they are changed in
place. Only what the two fuzzing modes use is looked after. The suite keeps bytes in strings, one
character a byte; the port lets it, and converts where it meets the WebSocket library, which wants
bytes. Every replacement must find its text, so a suite of another version fails here and not in
the middle of a run.
"""

import pathlib
import re
import sys
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)
from lib2to3 import refactor  # noqa: E402

SHIM = '''
import binascii as _binascii
from autobahn.websocket.utf8validator import Utf8Validator as _Utf8Validator


def to_bytes(value):
    if value is None or isinstance(value, (bytes, bytearray)):
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")


def to_text(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


class binascii:
    @staticmethod
    def b2a_hex(value):
        return _binascii.b2a_hex(to_bytes(value)).decode("ascii")

    @staticmethod
    def a2b_hex(value):
        return to_text(_binascii.a2b_hex(value))


def same(left, right):
    return _normal(left) == _normal(right)


def _normal(value):
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    return to_bytes(value) if isinstance(value, str) else value


class Utf8Validator(_Utf8Validator):
    def validate(self, value):
        return _Utf8Validator.validate(self, to_bytes(value))


class Converting:
    """Stands before the library's protocol class: text in, bytes out."""

    def sendFrame(self, opcode, payload=b"", **options):
        return super().sendFrame(opcode, payload=to_bytes(payload), **options)

    def sendMessage(self, payload, isBinary=False, **options):
        return super().sendMessage(to_bytes(payload), isBinary, **options)

    def sendMessageFrameData(self, payload, sync=False):
        return super().sendMessageFrameData(to_bytes(payload), sync)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        return super().sendCloseFrame(code=code, reasonUtf8=to_bytes(reasonUtf8), isReply=isReply)
'''

# What the fuzzing modes do not need, or what the translator from Python 2 leaves behind.
REPLACEMENTS = {
    "autobahntestsuite/__init__.py": [
        # The command line, which would load every mode.
        ("from . import wstest\n", ""),
    ],
    "autobahntestsuite/case/case.py": [
        ("return pickle.dumps(obj1) == pickle.dumps(obj2)",
         "from autobahntestsuite.shim import same; return same(obj1, obj2)"),
    ],
    "autobahntestsuite/case/case10_1_1.py": [
        ("len(self.payload) / self.p.autoFragmentSize",
         "len(self.payload) // self.p.autoFragmentSize"),
    ],
    "autobahntestsuite/fuzzing.py": [
        ("import os, json, binascii, time, textwrap, pkg_resources",
         "import os, json, time, textwrap, pkg_resources\n"
         "from autobahntestsuite.shim import binascii, to_text, to_bytes, Converting"),
        ("return dd.decode('utf8', errors = 'replace' if replace else 'strict')",
         "return to_bytes(dd).decode('utf8', errors = 'replace' if replace else 'strict')"),
        ("dd = data[:maxlen] + ellipses\n", "dd = to_text(data[:maxlen]) + ellipses\n"),
        ("p = ''.join(payload)", "p = b''.join(payload)"),
        ("class FuzzingServerProtocol(FuzzingProtocol, WebSocketServerProtocol):",
         "class FuzzingServerProtocol(Converting, FuzzingProtocol, WebSocketServerProtocol):"),
        ("class FuzzingClientProtocol(FuzzingProtocol, WebSocketClientProtocol):",
         "class FuzzingClientProtocol(Converting, FuzzingProtocol, WebSocketClientProtocol):"),
        ("   def onPong(self, payload):\n",
         "   def onPong(self, payload):\n      payload = to_text(payload)\n"),
        ("   def onMessage(self, msg, binary):\n",
         "   def onMessage(self, msg, binary):\n      msg = to_text(msg)\n"),
        ("'w')", "'w', encoding='utf-8')"),
        ('.encode("utf-8")', ""),
        (".encode('utf8')", ""),
        ('pl.encode("UTF-8")', "pl"),
    ],
    "autobahn/websocket/protocol.py": [
        ("range(payload_len / len(payload))", "range(payload_len // len(payload))"),
    ],
}


def main():
    folder = pathlib.Path(sys.argv[1])
    suite = folder / "autobahntestsuite"
    sources = sorted(suite.glob("*.py")) + sorted((suite / "case").glob("*.py"))

    tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))
    for path in sources:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            text += "\n"
        path.write_text(str(tool.refactor_string(text, str(path))), encoding="utf-8")

    (suite / "shim.py").write_text(SHIM, encoding="utf-8")
    for name, replacements in REPLACEMENTS.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in replacements:
            if old not in text:
                sys.exit(f"port.py: {name} does not hold {old!r}")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    for path in sources:
        path.write_text(port(path.read_text(encoding="utf-8")), encoding="utf-8")


def port(text):
    """The changes that many files need."""
    text = re.sub(r"^import binascii$", "from autobahntestsuite.shim import binascii", text,
                  flags=re.MULTILINE)
    text = text.replace("from autobahn.websocket.utf8validator import Utf8Validator",
                        "from autobahntestsuite.shim import Utf8Validator")
    # A class may not name object before a class derived from it. The comma is for the classes
    # that are made by type().
    text = re.sub(r"\(object, Case(, ?)?\)", "(Case, )", text)
    text = text.replace("from zope.interface import implements\n",
                        "from zope.interface import implementer\n")
    text = re.sub(
        r"^( *)class (\w+)(\([^)]*\))?:\n((?:\s*\n)*)(\s+)implements\(([\w., ]+)\)\n",
        lambda m: f"{m[1]}@implementer({m[6]})\n{m[1]}class {m[2]}{m[3] or ''}:\n",
        text, flags=re.MULTILINE)
    # Reports and messages hold bytes, which JSON cannot.
    text = re.sub(r"json\.dumps\(([^\n]*?), indent", r"json.dumps(\1, default=to_text, indent", text)
    # A character beyond ASCII stood for the bytes of its UTF-8.
    return "".join(
        c if ord(c) < 128 else "".join(f"\\x{byte:02x}" for byte in c.encode("utf-8"))
        for c in text)


if __name__ == "__main__":
    main()
