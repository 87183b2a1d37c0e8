"""People who talk: the main job, with real processes, sockets and disk."""

import codecs
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import unicodedata

from world import PATIENCE, Failure, Lines, World, eventually


def test_invite():
    """A link makes two contacts; texts go both ways, receipts come back"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "hello bob")
        assert bob.texts() == ["hello bob"]
        bob.ok("send", "alice", "-", stdin="grüße\nzweite Zeile".encode())
        assert alice.texts() == ["grüße\nzweite Zeile"]
        bob.ok("receive")
        history = alice.json("history", "bob")
        assert [line["text"] for line in history] == ["hello bob", "grüße\nzweite Zeile"]
        assert history[0]["state"] == "delivered", history[0]
        assert alice.json("outbox") == []
        assert [c["state"] for c in alice.json("contacts")] == ["accepted"]


def test_handle():
    """A handle leads to a request; strangers learn nothing until it is accepted (E2)"""
    with World() as world:
        world.start()
        alice = world.person("alice", register=True)
        bob = world.person("bob", register=True)
        alice.ok("add", "bob")
        alice.ok("send", "bob", "do you know me?")
        lines = bob.json("receive")
        assert any(line["type"] == "request" for line in lines), lines
        requests = bob.json("requests")
        assert [r["name"] for r in requests] == ["alice"]
        assert requests[0]["texts"] == ["do you know me?"], requests
        alice.ok("receive")
        assert alice.json("history", "bob")[0]["state"] == "sent"
        assert [c["state"] for c in alice.json("contacts")] == ["invited"]
        bob.ok("accept", "alice")
        alice.ok("receive")
        assert [c["state"] for c in alice.json("contacts")] == ["accepted"]
        bob.ok("send", "alice", "now I do")
        assert alice.texts() == ["now I do"]


def test_crossing():
    """First messages that cross lose nothing"""
    with World() as world:
        world.start()
        alice = world.person("alice", register=True)
        bob = world.person("bob", register=True)
        alice.ok("add", "bob")
        bob.ok("add", "alice")
        alice.ok("send", "bob", "from alice")
        bob.ok("send", "alice", "from bob")
        for _ in range(3):
            alice.ok("receive")
            bob.ok("receive")
        assert "from bob" in alice.texts("history", "bob")
        assert "from alice" in bob.texts("history", "alice")
        alice.ok("send", "bob", "and again")
        assert "and again" in bob.texts()
        assert len(alice.json("contacts")) == len(bob.json("contacts")) == 1


def test_safety_numbers():
    """D6 both sides see one number; the right one verifies, another is refused"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        one = alice.json("verify", "bob")[0]["number"]
        assert one == bob.json("verify", "alice")[0]["number"]
        bob.ok("verify", "alice", "-", stdin=one.encode())
        assert bob.json("contacts")[0]["verified"]
        digits = "".join(c for c in one if c.isdigit())
        wrong = str((int(digits[0]) + 1) % 10) + digits[1:]
        alice.fails(65, "verify", "bob", wrong)
        alice.fails(65, "verify", "bob", digits[:-5])
        assert not alice.json("contacts")[0]["verified"]
        # As it is shown, in groups; a number that differs takes nothing back and says so.
        alice.ok("verify", "bob", *one.split())
        assert "stays verified" in alice.fails(65, "verify", "bob", wrong)
        assert alice.json("contacts")[0]["verified"]


def test_live():
    """Typing, presence and receipts are seen live; presence only where both opted in (C3 C7)"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "one")
        bob.ok("receive")
        bob.ok("send", "alice", "two")
        alice.ok("receive")
        process, lines = bob.follow()
        alice.ok("typing", "bob")
        lines.event(type="typing", contact="alice", typing=True)
        assert alice.ok("send", "bob", "there?", "--wait", "delivered").strip() == "delivered to bob"
        lines.event(type="message", text="there?")
        bob.stop(process)
        assert not any('"presence"' in line for line in lines.seen), lines.seen
        alice.ok("settings", "bob.presence", "on")
        bob.ok("settings", "alice.presence", "on")
        _, bobs = bob.follow()
        _, alices = alice.follow()
        bobs.event(type="presence", contact="alice", online=True)
        alices.event(type="presence", contact="bob", online=True)


def test_read_receipts():
    """mark-read tells the other side; with receipts off it does not"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "read me")
        bob.ok("receive")
        bob.ok("mark-read", "alice")
        alice.ok("receive")
        assert alice.json("history", "bob")[0]["state"] == "read"
        bob.ok("settings", "receipts", "off")
        alice.ok("send", "bob", "secretly")
        bob.ok("receive")
        bob.ok("mark-read", "alice")
        alice.ok("receive")
        assert alice.json("history", "bob")[-1]["state"] == "sent"


def test_away_and_kill():
    """R1 what the server acknowledged survives kill -9, once"""
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        for number in range(5):
            alice.ok("send", "bob", f"message {number}")
        server.kill()
        alice.fails(75, "send", "bob", "while it is down")
        server.again()
        assert bob.texts() == [f"message {number}" for number in range(5)]
        alice.ok("receive")
        assert bob.texts() == ["while it is down"]
        assert bob.texts() == []


def test_kill_clients():
    """A client killed at any moment neither loses nor doubles a message"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        wanted = []
        for number in range(12):
            text = f"kill {number}"
            wanted.append(text)
            process = world.spawn("postern", "send", "bob", text, *alice.options)
            try:
                process.wait(0.004 * number * number)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process = world.spawn("postern", "receive", *bob.options)
            try:
                process.wait(0.005 * number * number)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for _ in range(2):
            alice.ok("receive")
            bob.ok("receive")
        got = bob.texts("history", "alice")
        kept = alice.texts("history", "bob")
        # A text that the killed command had not stored yet was never sent; all others are there.
        assert got == kept, (got, kept)
        assert [t for t in wanted if t in got] == got and len(set(got)) == len(got), got


def test_note_to_self():
    """`me` keeps notes and needs no server"""
    with World() as world:
        server = world.start()
        alice = world.person("alice")
        server.kill()
        alice.ok("send", "me", "buy milk")
        assert alice.texts("history", "me") == ["buy milk"]
        assert alice.ok("send", "me", "eggs", "--wait", "delivered") == "delivered to me\n"


def test_chat_pipe():
    """chat works in a pipe: sends its lines, shows what comes, ends when all is sent"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("chat", "bob", "--plain", stdin=b"one\n//two\n/help\n\n")
        assert bob.texts() == ["one", "/two"]
        process = world.spawn("postern", "chat", "alice", *bob.options, stdin=subprocess.PIPE)
        alice.ok("send", "bob", "hello chat")
        Lines(process).until(lambda line: "alice: hello chat" in line, "the message")
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        alice.ok("receive")
        assert alice.json("history", "bob")[-1]["state"] == "read"


def test_chat_pipe_refusals():
    """CL-33 a bad line of a pipe is named and left out, the others are sent; nothing follows /quit"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("chat", "bob", stdin=b"before\n/quit\nafter\n")
        assert bob.texts() == ["before"]
        fitting = b"x" * 15_971
        lines = [b"one", b"bad\xff", fitting, fitting + b"x", b"y" * 40_000, b"two"]
        err = alice.fails(65, "chat", "bob", stdin=b"\n".join(lines))
        assert [line.split()[2] for line in err.splitlines() if line.startswith("postern: line")] == [
            "2:", "4:", "5:"], err
        assert "15972 bytes; 15971 fit" in err and "40000 bytes; 15971 fit" in err, err
        assert bob.texts() == ["one", fitting.decode(), "two"]
        assert "line 1: There is no command /nosuch" in alice.fails(
            64, "chat", "bob", stdin=b"/nosuch\nthree\n")
        assert bob.texts() == ["three"]


def test_wait_names_the_missing():
    """send --wait delivered to several says whose receipt is missing"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        carol = world.person("carol")
        alice.ok("accept", carol.ok("invite", "--name", "alice").strip(), "--name", "carol")
        carol.ok("receive")
        alice.ok("receive")
        process, _ = bob.follow()
        code, out, err = alice.run(
            "send", "me,bob,carol", "hello", "--wait", "delivered", "--timeout", "3")
        assert code == 124 and out == "delivered to me\ndelivered to bob\n", (code, out, err)
        assert "to carol: it is on the server" in err and "bob" not in err, err
        bob.stop(process)


def test_chat_terminal():
    """chat in a terminal: typing is seen, events stand above the line being typed, receipts name the text"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        terminals = {}
        for person, other in ((alice, "bob"), (bob, "alice")):
            ours, theirs = pty.openpty()
            process = world.spawn(
                "postern", "chat", other, *person.options, stdin=theirs, stdout=theirs,
                environment={"TERM": "dumb"})
            os.close(theirs)
            terminals[person.name] = Terminal(process, ours)
            terminals[person.name].until("* connected")
        a, b = terminals["alice"], terminals["bob"]
        a.type("Hello")
        b.until("* alice is typing")
        b.type("half a l")
        a.type(" Bob\r")
        b.until("alice: Hello Bob\n> half a l")
        a.until("* bob has read: Hello Bob\n> ")
        # Backspace takes a character, not a byte, and both columns of a wide one.
        b.type("\x15H\u00e9\u4f60\x7f!\r")
        a.until("bob: H\u00e9!")
        # Joiners and marks of direction belong to the text, though the terminal gets none.
        typed = "mi\u200cravam rtl\u200fmark \U0001f3f3\ufe0f\u200d\U0001f308"
        b.type(typed + "\r")
        a.until("bob: miravam rtlmark")
        for terminal in (a, b):
            # Nothing but text, backspaces and line ends reaches the terminal.
            control = [c for c in terminal.seen if c < " " and c not in "\n\r\b"]
            assert not control, control
            terminal.type("\x04")
            assert terminal.process.wait(PATIENCE) == 0
            os.close(terminal.descriptor)
        assert alice.texts("history", "bob")[-1] == typed


class Terminal:
    """The person's end of a terminal that a process runs in."""

    def __init__(self, process, descriptor):
        self.process, self.descriptor, self.seen, self.decoder = (
            process, descriptor, "", codecs.getincrementaldecoder("utf-8")())

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def until(self, text):
        """Waits until the text stands there, after what earlier calls waited for."""
        eventually(lambda: self.shows(text), f"{text!r} on the terminal of {self.seen!r}")

    def shows(self, text):
        while select.select([self.descriptor], [], [], 0)[0]:
            self.seen += self.decoder.decode(os.read(self.descriptor, 65536))
        return text in self.screen()

    def screen(self):
        """What a person sees: backspaces carried out, wide characters in two columns."""
        cells = []
        for character in self.seen.replace("\r\n", "\n"):
            if character == "\b":
                cells.pop()
            elif unicodedata.east_asian_width(character) == "W":
                cells += [character, ""]
            else:
                cells.append(character)
        return "".join(cells)


def test_beside():
    """Reading commands work beside a running one; a second writer gets a sentence"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        process, _ = bob.follow()
        assert bob.json("contacts")[0]["name"] == "alice"
        bob.ok("history", "alice")
        bob.ok("id")
        bob.fails(78, "send", "alice", "me too", seconds=60)
        assert bob.stop(process) == 130


def test_long_texts():
    """Texts of every size class arrive whole; one byte above the limit is refused"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        bob.ok("send", "alice", "x")
        alice.ok("receive")
        for size in (1, 500, 700, 3_000, 4_000, 15_000):
            text = "".join(chr(97 + (i * 7 + size) % 26) for i in range(size))
            alice.ok("send", "bob", text)
            assert bob.texts() == [text], size
        error = alice.fails(65, "send", "bob", "-", stdin=b"y" * 20_000)
        assert "20000" in error


def test_receive_timeout():
    """receive --timeout ends with 124 when nothing came and 0 when something did"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        code, out, _ = bob.run("receive", "--timeout", "1")
        assert (code, out) == (124, ""), (code, out)
        alice.ok("send", "bob", "now")
        code, out, _ = bob.run("receive", "--timeout", "20", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        assert code == 0 and [m["text"] for m in lines if m["type"] == "message"] == ["now"], out
        process, _ = bob.follow()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_old_vault():
    """An old copy of an account put back is noticed, told, and heals by itself (B2, B11, DR-36)"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "before")
        assert bob.texts() == ["before"]
        alice.ok("receive")
        old = shutil.copytree(alice.home, alice.home.with_name("old"))
        alice.ok("send", "bob", "from the newer state")
        assert bob.texts() == ["from the newer state"]
        bob.ok("send", "alice", "read by the newer state")
        assert alice.texts() == ["read by the newer state"]
        bob.ok("receive")
        shutil.rmtree(alice.home)
        old.rename(alice.home)
        for path in [alice.home, *alice.home.rglob("*")]:
            world.give_away(path)
        # Noticed when it connects to write, and mended in the same command.
        alice.ok("send", "bob", "from the old state")
        notices = [line["notice"] for line in bob.json("receive") if line["type"] == "notice"]
        assert notices == ["reset-received"], notices
        lines = alice.json("receive")
        missing = [line for line in lines if line["type"] == "missing"]
        assert [line["author"] for line in missing] == ["peer"], lines
        lines = bob.json("receive")
        texts = [line["text"] for line in bob.json("history", "alice") if line["author"] == "peer"]
        assert texts == ["before", "from the newer state", "from the old state"], texts
        bob.ok("send", "alice", "read again")
        assert alice.texts() == ["read again"]
        alice.ok("send", "bob", "and answered")
        assert bob.texts() == ["and answered"]
