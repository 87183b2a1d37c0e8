"""What the server and the disks hold: canaries that must be found nowhere."""

import base64
import binascii
import os
import pathlib
import urllib.parse

from world import Failure, World

CANARY = "canary-7f3a9b2e-zwitschert"
NAME = "kanarienvogel"


def forms(text):
    """The ways in which a text could lie somewhere: raw, UTF-16, base64, hexadecimal, percent."""
    raw = text.encode()
    found = {raw, text.encode("utf-16-le"), text.encode("utf-16-be"), binascii.hexlify(raw),
             binascii.hexlify(raw).upper(), urllib.parse.quote(text).encode()}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Without the characters that neighbours would change.
            found.add(encode(b"x" * shift + raw)[4 if shift else 0:-4])
    return found


def scan(data, text):
    return any(form in data for form in forms(text))


def memory(pid):
    """The readable memory of a process; only root may look."""
    data = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "r" not in rights or "[vvar" in line or "[vsyscall" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                mem.seek(start)
                data.append(mem.read(end - start))
            except (OSError, ValueError, OverflowError):
                continue
    return b"".join(data)


def test_canaries():
    """Z3 I8 a text, a name and a handle of a contact lie nowhere at the server and in no vault file"""
    with World() as world:
        server = world.start()
        alice = world.person("alice", passphrase="one")
        bob = world.person("bob", passphrase="two")
        link = alice.ok("invite", "--name", NAME).strip()
        bob.ok("accept", link, "--name", "alice")
        alice.ok("receive")
        bob.ok("receive")
        alice.ok("send", NAME, CANARY)
        places = {"server files": server.files(), "server log": [world.folder / "server.log"]}
        for home in (alice.home, bob.home):
            places[f"vault of {home.name}"] = [p for p in home.rglob("*") if p.is_file()]
        for place, files in places.items():
            assert files, place
            for path in files:
                data = path.read_bytes()
                for text in (CANARY, NAME):
                    if scan(data, text):
                        raise Failure(f"{text} found in {place}: {path.name}")
        assert bob.texts() == [CANARY]
        bob.ok("history", "alice")
        for path in [p for p in bob.home.rglob("*") if p.is_file()]:
            assert not scan(path.read_bytes(), CANARY), path
        if os.geteuid() == 0:
            data = memory(server.process.pid)
            assert b"postern" in data, "the scan of the memory saw nothing"
            for text in (CANARY, NAME):
                assert not scan(data, text), f"{text} in the server's memory"


def test_positive_control():
    """Z3 the scan finds a canary that is planted, in every form and place"""
    with World() as world:
        server = world.start()
        for number, form in enumerate(sorted(forms(CANARY))):
            path = server.folder / f"planted-{number}"
            path.write_bytes(os.urandom(1_000) + form + os.urandom(1_000))
            assert any(scan(p.read_bytes(), CANARY) for p in server.files()), form
            path.unlink()
        if os.geteuid() == 0:
            planted = bytearray(CANARY.encode())
            assert scan(memory(os.getpid()), CANARY) and planted


def test_arguments():
    """I7 no key or passphrase stands in arguments or environment of a running client"""
    with World() as world:
        world.start()
        alice = world.person("alice", passphrase="correct horse battery")
        bob = world.person("bob")
        bob.ok("accept", alice.ok("invite").strip())
        alice.ok("receive")
        process, _ = alice.follow()
        for part in ("cmdline", "environ"):
            data = pathlib.Path(f"/proc/{process.pid}/{part}").read_bytes() \
                if os.geteuid() == 0 else b""
            assert b"correct horse" not in data
        modes = {p.name: p.stat().st_mode & 0o777 for p in alice.home.rglob("*")}
        assert alice.home.stat().st_mode & 0o777 == 0o700
        assert all(mode in (0o600, 0o700) for mode in modes.values()), modes
        alice.stop(process)


def test_check():
    """Z4 posternd check names every column and fails on one that is not on the list"""
    import sqlite3
    with World() as world:
        server = world.start()
        world.friends()
        code, out, err = world.run("posternd", "check", "--data", server.folder)
        assert code == 0 and "envelope" in out.lower(), (code, out, err)
        assert server.terminate() == 0
        store = max((p for p in server.files() if p.suffix in ("", ".db", ".sqlite")),
                    key=lambda p: p.stat().st_size)
        database = sqlite3.connect(store)
        database.execute("CREATE TABLE sender_names (name TEXT NOT NULL) STRICT")
        database.commit()
        database.close()
        code, out, err = world.run("posternd", "check", "--data", server.folder)
        assert code != 0 and "sender_names" in out + err, (code, out, err)
