"""Signals end the program whatever it is busy with, and the terminal is as it was."""

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import termios
import time

from cases_messages import Terminal
from world import PATIENCE, World, eventually


def test_stopped_reader():
    """SIGTERM ends a program whose output nobody takes"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        for number in range(3):
            alice.ok("send", "bob", str(number) * 9_000)
        reader, writer = os.pipe()
        # The least a pipe can hold: a third of one line.
        assert fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096) == 4_096
        process = world.spawn("postern", "receive", "--follow", "--json", *bob.options, stdout=writer)
        os.close(writer)
        seen = b""
        while b"0000" not in seen:
            seen += os.read(reader, 64)
        # The rest of the line has no room: the program waits for its reader, for ever.
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 130
        os.close(reader)
        # What could not be printed is not lost.
        assert len(bob.texts("history", "alice")) == 3


@contextlib.contextmanager
def dead_names(world):
    """The environment in which the name service never answers."""
    source, library = world.folder / "names.c", world.folder / "names.so"
    source.write_text("#include <unistd.h>\n"
                      "int getaddrinfo(const char *a, const char *b, const void *c, void **d)\n"
                      "{ (void)a; (void)b; (void)c; (void)d; for (;;) pause(); }\n")
    subprocess.run(["clang", "-shared", "-fPIC", "-o", library, source], check=True)
    yield {"LD_PRELOAD": str(library)}


def test_dead_name_service():
    """--timeout and control-C are heeded while a host name is looked up, and other servers are reached"""
    with World() as world, dead_names(world) as dead:
        server, named = world.start(), world.start("named")
        bob = world.person("bob", server=server)
        code, out, err = world.run(
            "postern", "init", named.address.replace("127.0.0.1", "localhost"), "--no-passphrase",
            "--home", world.folder / "alice")
        assert code == 0, (code, out, err)
        alice = ["--home", str(world.folder / "alice")]
        link = bob.ok("invite", "--name", "alice").strip()
        assert world.run("postern", "accept", link, "--name", "bob", *alice)[0] == 0
        bob.ok("receive")
        world.run("postern", "receive", *alice)
        began = time.monotonic()
        code, out, err = world.run(
            "postern", "receive", "--timeout", "1", *alice, environment=dead)
        assert code == 124 and time.monotonic() - began < 8, (code, err, time.monotonic() - began)
        process = world.spawn("postern", "receive", "--follow", *alice, environment=dead)
        eventually(lambda: looks_up(process), "a look-up")
        process.send_signal(signal.SIGINT)
        assert process.wait(2.5) == 130
        # Alice's server has no address now; Bob's own one and all in it is reached.
        bob.run("send", "alice", "later", "--timeout", "1", environment=dead)
        bob.ok("receive", environment=dead)
        code, _, err = world.run(
            "postern", "init", named.address.replace("127.0.0.1", "localhost"), "--no-passphrase",
            "--home", world.folder / "new", environment=dead, seconds=60)
        assert code == 69, (code, err)


def looks_up(process):
    """Whether a thread of the process asks for a name."""
    with os.scandir(f"/proc/{process.pid}/task") as tasks:
        return any(open(f"{task.path}/comm").read().strip() == "names" for task in tasks)


def controlled(world, *words, environment=None):
    """A program whose terminal controls it, and the person's end of that."""
    ours, theirs = pty.openpty()
    process = world.spawn(
        *words, stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=lambda: os.login_tty(theirs), environment={"TERM": "dumb", **(environment or {})})
    os.close(theirs)
    return Terminal(process, ours)


def modes(terminal):
    """Whether the terminal echoes, and whether it gathers lines."""
    flags = termios.tcgetattr(terminal.descriptor)[3]
    return bool(flags & termios.ECHO), bool(flags & termios.ICANON)


def test_prompt_interrupted():
    """I7 control-C at the passphrase prompt leaves a terminal that echoes"""
    with World() as world:
        world.start()
        alice = world.person("alice", passphrase="correct horse")
        for ending in ("\x03", signal.SIGTERM):
            terminal = controlled(world, "postern", "id", "--home", alice.home)
            terminal.until("Passphrase: ")
            assert modes(terminal) == (False, True)
            terminal.type("half of it")
            if ending == "\x03":
                terminal.type(ending)
            else:
                terminal.process.send_signal(ending)
            assert terminal.process.wait(PATIENCE) == 130
            assert modes(terminal) == (True, True)
            os.close(terminal.descriptor)


def test_chat_stopped():
    """Control-Z in a chat gives the terminal back, fg takes it again, its end gives it back"""
    with World() as world:
        world.start()
        alice, _ = world.friends()
        home = world.folder
        terminal = controlled(
            world, "/bin/bash", "--norc", "-mc",
            f"{home}/postern chat bob --home {alice.home}; stty -a > {home}/stopped; fg;"
            f" echo code $? > {home}/ended; stty -a >> {home}/ended")
        terminal.until("* connected")
        assert modes(terminal) == (False, False)
        terminal.type("\x1a")
        stopped = eventually(lambda: text(home / "stopped"), "a chat that stopped")
        assert " echo " in stopped and " icanon " in stopped, stopped
        eventually(lambda: modes(terminal) == (False, False), "a chat that goes on")
        terminal.type("\x03")
        assert terminal.process.wait(PATIENCE) == 0
        ended = text(home / "ended")
        assert "code 130" in ended and " echo " in ended and " icanon " in ended, ended
        os.close(terminal.descriptor)


def text(path):
    """What a file holds; nothing while it is being written."""
    held = path.read_text() if path.exists() else ""
    return held if "echoke" in held else ""


def test_chat_without_terminal():
    """A chat whose terminal goes ends with 130, not as if the disk had failed"""
    with World() as world:
        world.start()
        alice, _ = world.friends()
        terminal = controlled(world, "postern", "chat", "bob", *alice.options)
        terminal.until("* connected")
        os.close(terminal.descriptor)
        assert terminal.process.wait(PATIENCE) == 130


def test_killed_init():
    """CL-44 an init that is killed at any of its calls leaves an account or a place for one"""
    with World() as world:
        world.start()
        source, library = world.folder / "kill.c", world.folder / "kill.so"
        names = ["fsync", "fdatasync", "rename", "fchmod", "unlink", "pwrite64", "pwrite", "write"]
        arguments = {"fsync": "i", "fdatasync": "i", "rename": "pp", "fchmod": "ii", "unlink": "p"}
        types = {"i": "int", "p": "const char *"}
        # Without the headers, whose declarations say the same in other words.
        code = ["char *getenv(const char *); int atoi(const char *); int raise(int);",
                "void *dlsym(void *, const char *);",
                "static void count(void) { static int done; const char *at = getenv(\"KILL_AT\");",
                "  if (at && ++done == atoi(at)) raise(9); }"]
        for name in names:
            kinds = [types[kind] for kind in arguments[name]] if name in arguments else \
                ["int", "const void *", "long", "long"][:3 if name == "write" else 4]
            kind = "int" if name in arguments else "long"
            declared = ", ".join(f"{t} a{i}" for i, t in enumerate(kinds))
            passed = ", ".join(f"a{i}" for i in range(len(kinds)))
            code.append(f"{kind} {name}({declared}) {{ count(); {kind} (*real)({', '.join(kinds)}) = "
                        f"dlsym((void *)-1L, \"{name}\"); return real({passed}); }}")
        source.write_text("\n".join(code) + "\n")
        subprocess.run(["clang", "-shared", "-fPIC", "-w", "-fno-builtin", "-o", library, source], check=True)
        ends = {}
        for number in range(1, 400):
            home = ["--home", str(world.folder / f"home{number}")]
            words = ["init", world.server.address, "--no-passphrase", *home]
            code, _, err = world.run(
                "postern", *words, environment={"LD_PRELOAD": str(library), "KILL_AT": str(number)})
            if code == 0:
                break
            assert code == -signal.SIGKILL, (number, code, err)
            code, _, err = world.run("postern", "id", *home)
            ends.setdefault(code, []).append(number)
            if code == 0:
                continue
            assert code == 78 and "postern init" in err, (number, code, err)
            code, _, err = world.run("postern", *words)
            assert code == 0, (number, code, err)
            assert world.run("postern", "id", *home)[0] == 0, number
        # Both kinds of end were seen, and the sweep came to its own.
        assert number < 399 and set(ends) == {0, 78}, (number, ends)
