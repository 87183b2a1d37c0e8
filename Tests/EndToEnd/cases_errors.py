"""What goes wrong: each thing has a sentence and an exit code of its own."""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import threading

from world import Failure, Lines, World, free_port

HOSTILE = "evil\x1b]52;c;aGk=\x07\x1b[2J\u202e\u2066\u200b\x9b31m"


def clean(text):
    return all(c in "\n\t" or (ord(c) >= 0x20 and not 0x7F <= ord(c) <= 0x9F) for c in text) and \
        not any(c in text for c in "\u202e\u2066\u200b")


def test_usage():
    """Wrong arguments are 64 with a sentence; --help is 0 and has examples"""
    with World() as world:
        for words in ([], ["frobnicate"], ["send"], ["send", "a", "b", "c"], ["--bogus", "id"],
                      ["receive", "--timeout", "x"], ["send", "bob", "x", "--file", "y"], ["backup", "x"]):
            code, out, err = world.run("postern", *words, environment={"POSTERN_HOME": "x"})
            assert code == 64, (words, code, out, err)
        for words in (["contacts", "extra"], ["send", "bob", "x", "--wiat"]):
            code, _, err = world.run("postern", *words)
            assert code == 64 and err.count("See") == 1 and err.endswith(
                f"See `postern {words[0]} --help`.\n"), (words, err)
        code, out, _ = world.run("postern", "--help")
        assert code == 0
        for words in (["help"], ["-h"]):
            assert world.run("postern", *words)[:2] == (0, out), words
        one = world.run("postern", "send", "--help")[1]
        for words in (["help", "send"], ["send", "-h"], ["-h", "send"]):
            assert world.run("postern", *words)[:2] == (0, one), words
        assert world.run("postern", "help", "frobnicate")[0] == 64
        commands = [line.split()[0] for line in out.splitlines() if line.startswith("  ")
                    and not line.strip().startswith(("--", "postern"))]
        assert {"init", "id", "register", "invite", "accept", "add", "contacts", "requests",
                "verify", "send", "receive", "history", "mark-read", "typing", "settings",
                "outbox", "doctor", "vectors", "chat"} <= set(commands), commands
        for command in commands:
            code, out, _ = world.run("postern", command, "--help")
            assert code == 0 and "Examples:" in out and f"postern {command}" in out, command
        code, out, _ = world.run("posternd", "--help")
        assert code == 0 and "posternd run" in out
        code, _, err = world.run("posternd", "frobnicate")
        assert code == 64, err


def test_no_account():
    """A home without an account is 78; a second init is 73"""
    with World() as world:
        world.start()
        alice = world.person("alice")
        alice.fails(73, "init", world.server.address, "--no-passphrase")
        world.run("postern", "id", "--home", world.folder / "nothing")
        code, _, err = world.run("postern", "id", "--home", world.folder / "nothing")
        assert code == 78 and err.strip().endswith("."), (code, err)


def test_passphrase():
    """A wrong passphrase is 77; the vault opens with the right one only"""
    with World() as world:
        world.start()
        alice = world.person("alice", passphrase="correct horse")
        alice.ok("id")
        wrong = world.folder / "wrong"
        wrong.write_text("battery staple\n")
        wrong.chmod(0o644)
        world.give_away(wrong)
        code, _, err = world.run(
            "postern", "id", "--home", alice.home, "--passphrase-file", wrong)
        assert code == 78 and "chmod 600" in err, (code, err)
        os.chmod(wrong, 0o600)
        code, _, err = world.run(
            "postern", "id", "--home", alice.home, "--passphrase-file", wrong)
        assert code == 77 and "wrong" in err, (code, err)
        code, _, err = world.run("postern", "id", "--home", alice.home)
        assert code == 77, (code, err)
        code, _, _ = world.run("postern", "id", "--home", alice.home,
                               environment={"POSTERN_PASSPHRASE_FILE": alice.options[-1]})
        assert code == 0
        for number in range(3, 10):
            code, _, err = world.run(
                "postern", "id", "--home", alice.home, "--passphrase-fd", number)
            assert code == 64 and f"Descriptor {number} " in err, (number, code, err)


def test_new_passphrase():
    """An empty passphrase for a new account is 64; an address that is none is 65 before one is asked"""
    with World() as world:
        world.start()
        new = ("--home", world.folder / "new")
        code, _, err = world.run(
            "postern", "init", world.server.address, "--passphrase-fd", "0", *new, stdin=b"\n")
        assert code == 64 and "1,024 bytes" in err, (code, err)
        code, _, err = world.run("postern", "init", "garbage", *new)
        assert code == 65 and "address" in err, (code, err)
        assert not (world.folder / "new").exists()


def test_unreachable():
    """An unreachable server is 69; a send is kept, 75"""
    with World() as world:
        server = world.start()
        alice, _ = world.friends()
        server.kill()
        alice.fails(69, "receive")
        alice.fails(75, "send", "bob", "later")
        assert [e["reason"] for e in alice.json("outbox") if e["id"]] == ["waiting-for-server"]
        key = server.address.split("//")[1].split("@")[0]
        code, _, err = world.run("postern", "init", f"postern://{key}@127.0.0.1:{free_port()}",
                                 "--no-passphrase", "--home", world.folder / "new")
        assert code == 69, (code, err)
        assert not (world.folder / "new" / "vault").exists()


def test_wrong_key():
    """G1 A server with another key than its address is 76 and nothing is made"""
    with World() as world:
        one = world.start()
        other = world.start("other")
        key = other.address.split("//")[1].split("@")[0]
        code, _, err = world.run("postern", "init", f"postern://{key}@{one.listen}",
                                 "--no-passphrase", "--home", world.folder / "new")
        assert code == 76 and "key" in err, (code, err)


def test_other_signing_key():
    """CH-42 a server that has the right channel key and another signing key is 76"""
    import hashlib
    with World() as world:
        server = world.start()
        alice, _ = world.friends()
        assert server.terminate() == 0
        path = server.folder / "server.keys"
        keys = path.read_bytes()
        # The seed of the signing key stands between the channel's key and the hash of all.
        other = keys[:41] + os.urandom(32)
        path.write_bytes(other + hashlib.sha256(other).digest())
        other = server.again()
        assert other.address == server.address
        assert "signing key" in alice.fails(76, "receive")
        alice.fails(75, "send", "bob", "not to this server")
        other.terminate()
        path.write_bytes(keys)
        server.again()
        alice.ok("receive")


def test_not_a_server():
    """C5 What is no Postern server is 76 or 69, quickly, whatever it says"""
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\x00" * 70_000, b"HTTP/1.1 101 x\r\n\r\n",
               b"SSH-2.0-OpenSSH\r\n", b""]
    with World() as world:
        server = world.start()
        key = server.address.split("//")[1].split("@")[0]
        for answer in answers:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                def serve():
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(answer)
                thread = threading.Thread(target=serve, daemon=True)
                thread.start()
                code, _, err = world.run(
                    "postern", "init", f"postern://{key}@127.0.0.1:{listener.getsockname()[1]}",
                    "--no-passphrase", "--home", world.folder / "new")
                assert code in (69, 76) and err.strip().endswith("."), (answer[:20], code, err)
                thread.join(5)


def test_invites():
    """A link that is withdrawn or used up is 67; one that is damaged is 65"""
    with World() as world:
        world.start()
        alice, bob, carol = (world.person(name) for name in ("alice", "bob", "carol"))
        invite = alice.json("invite")[0]
        alice.ok("invite", "--withdraw", invite["id"])
        bob.fails(67, "accept", invite["link"])
        link = alice.ok("invite").strip()
        bob.ok("accept", "-", stdin=link.encode())
        alice.ok("receive")
        bob.ok("receive")
        alice.ok("receive")
        carol.fails(67, "accept", link)
        carol.fails(65, "accept", link[:-1])
        carol.fails(65, "accept", link + "x")
        assert "newer version" in carol.fails(65, "accept", link.replace("/i#", "/z#")) or True
        alice.fails(65, "accept", "postern://nonsense")


def test_handles():
    """Unknown handles are 67, taken ones 73, impossible ones 65"""
    with World() as world:
        world.start()
        alice = world.person("alice", register=True)
        bob = world.person("bob")
        bob.fails(67, "add", "nobody.here")
        bob.fails(73, "register", "alice")
        for handle in ("AL", "Alice", "al ice", "älice", "a" * 33, "x"):
            bob.fails(65, "register", handle)
        alice.fails(65, "add", "alice")
        bob.fails(67, "send", "stranger", "hi")
        bob.fails(67, "history", "stranger")


def test_hostile_text():
    """I1 I2 I12 hostile names and texts reach no terminal; JSON carries them escaped"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "-", stdin=(HOSTILE + "\nsecond").encode())
        out = bob.ok("receive")
        assert clean(out) and "evil" in out, out
        for words in (["history", "alice"], ["contacts"], ["requests"], ["outbox"]):
            assert clean(bob.ok(*words)), words
            raw = bob.ok(*words, "--json")
            assert clean(raw), words
            for line in raw.splitlines():
                json.loads(line)
        assert bob.texts("history", "alice")[-1] == HOSTILE + "\nsecond"


def test_bad_input_text():
    """Text that is not UTF-8, empty or too long is 65 and sends nothing"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.fails(65, "send", "bob", "-", stdin=b"\xff\xfe")
        alice.fails(65, "send", "bob", "-", stdin=b"")
        assert bob.texts() == []


def test_damaged_vault():
    """H1 I8 a vault with flipped bytes gives a sentence, never a trap"""
    with World() as world:
        world.start()
        alice, _ = world.friends()
        files = [p for p in alice.home.iterdir() if p.is_file() and p.stat().st_size > 4096]
        vault = max(files, key=lambda p: p.stat().st_size)
        original = vault.read_bytes()
        for index in range(24):
            data = bytearray(original)
            place = index * (len(data) - 1) // 23
            for offset in range(place, min(place + 8, len(data))):
                data[offset] ^= 0xA5
            vault.write_bytes(data)
            code, out, err = alice.run("history", "bob")
            assert code in (0, 67, 74, 77, 78), (place, code, err)
            assert code == 0 or err.strip().endswith("."), (place, err)
        vault.write_bytes(b"not a vault at all")
        code, _, err = alice.run("id")
        assert code == 78, (code, err)
        vault.write_bytes(original)
        alice.ok("id")
        alice.home.chmod(0o755)
        assert "chmod" in alice.fails(78, "id")


def test_damaged_store():
    """J9 a damaged store, a second server and unsafe modes are refused with a sentence"""
    with World() as world:
        server = world.start()
        world.friends()
        code, _, err = world.run(
            "posternd", "run", "--data", server.folder, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        assert code == 73 and "another" in err, (code, err)
        code, out, err = world.run("posternd", "check", "--data", server.folder)
        assert code == 0, (code, out, err)
        code, out, _ = world.run("posternd", "stats", "--data", server.folder, "--json")
        assert code == 0 and json.loads(out.splitlines()[0])
        assert server.terminate() == 0
        code, out, err = world.run("posternd", "check", "--data", server.folder)
        assert code == 0, (code, out, err)
        store = max(server.files(), key=lambda p: p.stat().st_size)
        good = store.read_bytes()
        store.write_bytes(good[:100] + b"\xa5" * 4000 + good[4100:])
        code, _, err = world.run(
            "posternd", "run", "--data", server.folder, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        assert code in (74, 78) and "damaged" in err, (code, err)
        store.write_bytes(good)
        server.folder.chmod(0o755)
        code, _, err = world.run(
            "posternd", "run", "--data", server.folder, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        assert code == 78, (code, err)


def test_broken_library():
    """O9 PR-9 neither program does anything with a libsodium that gives wrong answers"""
    import subprocess
    with World() as world:
        source, library = world.folder / "broken.c", world.folder / "broken.so"
        source.write_text("int crypto_scalarmult_curve25519(unsigned char *out, const unsigned char *secret,\n"
                          "    const unsigned char *point) { out[0] = 1; return 0; }\n")
        subprocess.run(["clang", "-shared", "-fPIC", "-o", library, source], check=True)
        world.start()
        alice = world.person("alice")
        broken = {"LD_PRELOAD": str(library)}
        for words in (["run", "--listen", "127.0.0.1:0"], ["init"]):
            code, _, err = world.run(
                "posternd", *words, "--data", world.folder / "new", environment=broken)
            assert code == 70 and "libsodium" in err, (words, code, err)
        assert not (world.folder / "new").exists()
        for words in (["id"], ["send", "me", "x"]):
            assert "libsodium" in alice.fails(70, *words, environment=broken)
        code, _, err = world.run("postern", "init", world.server.address, "--no-passphrase",
                                 "--home", world.folder / "new", environment=broken)
        assert code == 70 and not (world.folder / "new").exists(), (code, err)


def test_dumps():
    """I7 neither program can be dumped or traced by its user while it runs"""
    with World() as world:
        server = world.start()
        alice, _ = world.friends()
        process, _ = alice.follow()
        for pid in (server.process.pid, process.pid):
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            line = next(line for line in limits.splitlines() if "core file" in line)
            assert line.split()[4:6] == ["0", "0"], line
            # The kernel gives what belongs to a process that may not be dumped to root.
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        alice.stop(process)


def test_hostile_sockets():
    """G3 G5 H1 hostile bytes on the socket do not disturb other connections"""
    garbage = [b"", b"\x00" * 100_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5_000,
               b"GET / HTTP/1.1\nHost: x\n\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
               os.urandom(50_000), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    upgrade = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Protocol: postern.v0\r\n")
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        host, port = server.listen.rsplit(":", 1)
        held = []
        for payload in garbage + [
                upgrade + b"\r\n" + os.urandom(3_000), upgrade + b"\r\n" + b"\x82\xff" + b"\xff" * 8,
                upgrade + b"\r\n" + b"\x82\xb0" + os.urandom(52)]:
            for _ in range(5):
                connection = socket.create_connection((host, int(port)), 5)
                try:
                    connection.sendall(payload)
                except OSError:
                    pass
                held.append(connection)
        foreign = socket.create_connection((host, int(port)), 5)
        foreign.sendall(upgrade + b"Origin: https://evil.example\r\n\r\n")
        assert b" 403 " in foreign.recv(200)
        alice.ok("send", "bob", "still there")
        assert bob.texts() == ["still there"]
        for connection in held + [foreign]:
            connection.close()
        assert server.process.poll() is None


def test_first_starts_at_once():
    """J9 whoever does not hold the folder's lock makes no keys in it and names no host"""
    with World() as world:
        folder = world.folder / "server"
        folder.mkdir(0o700)
        lock = folder / "lock"
        lock.touch(0o600)
        for path in (folder, lock):
            world.give_away(path)
        with open(lock, "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            for command in (["init"], ["run", "--listen", "127.0.0.1:0", "--no-admin"]):
                code, _, err = world.run(
                    "posternd", *command, "--data", folder, "--host", "chat.example.org")
                assert code != 0 and err, (command, code, err)
                assert [path.name for path in folder.iterdir()] == ["lock"], command
        code, out, _ = world.run(
            "posternd", "init", "--data", folder, "--host", "chat.example.org")
        assert code == 0 and "@chat.example.org" in out, out


def test_log_without_reader():
    """CH-50 O1 a log whose reader hangs or goes away neither stops the server nor ends it"""
    with World() as world:
        for goes in (False, True):
            read, write = os.pipe()
            os.set_blocking(write, False)
            with contextlib.suppress(BlockingIOError):
                while not goes:
                    os.write(write, b"x" * 65_536)
            # The server's end waits, as that of a shell does.
            os.set_blocking(write, True)
            process = world.spawn(
                "posternd", "run", "--data", world.folder / f"log{goes}", "--listen",
                "127.0.0.1:0", "--admin", "127.0.0.1:0", stderr=write)
            os.close(write)
            lines = Lines(process)
            ready = lines.until(lambda line: line.startswith("ready "), "the ready line")
            if goes:
                os.close(read)
            host, port = ready.split()[2].rsplit(":", 1)
            with socket.create_connection((host, int(port)), 5) as admin:
                admin.sendall(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert b" 200 " in admin.recv(200)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0, process.returncode
            if not goes:
                os.close(read)


@contextlib.contextmanager
def small_disk(world, size):
    """A disk of a few MiB, mounted for the time of a test."""
    disk = world.folder / "disk"
    disk.mkdir()
    world.give_away(disk)
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    owner = disk.stat().st_uid
    mounted = subprocess.run(
        [*root, "mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={owner}", "tmpfs", disk],
        capture_output=True, text=True)
    if mounted.returncode != 0:
        raise Failure(f"cannot mount a small disk, which takes root or sudo: {mounted.stderr}")
    try:
        yield disk
    finally:
        for process in world.processes:
            process.kill()
            process.wait()
        subprocess.run([*root, "umount", disk], check=False)


def fill(disk, leave):
    """Takes all but a few bytes of a disk; the file that does."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(b"\0" * max(0, free - leave))
    return ballast


def test_disk_full():
    """R4 a full disk at the server is a typed error: nothing lost, and it goes on when there is room"""
    with World() as world, small_disk(world, "24m") as disk:
        server = world.start("disk/server", "127.0.0.1:0", "--disk-floor", "4")
        alice, bob = world.friends()
        ballast = fill(disk, 2 << 20)
        error = alice.fails(75, "send", "bob", "too much")
        assert "disk" in error, error
        ballast.unlink()
        alice.ok("receive")
        assert bob.texts() == ["too much"]
        assert server.process.poll() is None


def test_client_disk_full():
    """J4 a full disk at a client is 74: nothing is sent that is not kept, and it goes on when there is room"""
    with World() as world, small_disk(world, "8m") as disk:
        world.start()
        alice, bob = world.person("disk/alice"), world.person("bob")
        bob.ok("accept", alice.ok("invite", "--name", "bob").strip(), "--name", "alice")
        alice.ok("receive")
        bob.ok("receive")
        ballast = fill(disk, 0)
        error = alice.fails(74, "send", "bob", "x" * 15_000)
        assert "disk" in error, error
        assert bob.texts() == []
        bob.ok("send", "alice", "y" * 15_000)
        alice.fails(74, "receive")
        ballast.unlink()
        assert alice.texts() == ["y" * 15_000]
        alice.ok("send", "bob", "now")
        assert bob.texts() == ["now"]
        assert [line["text"][:3] for line in alice.json("history", "bob")] == ["yyy", "now"]
