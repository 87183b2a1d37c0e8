"""What single commands answer: codes, words, and what they leave alone."""

import json
import os
import signal
import subprocess

from cases_servers import silent
from world import PATIENCE, World, eventually


def test_recipients():
    """A list of names with a gap is 64 and sends nothing; a name that stands twice gets one text"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        for names in ("", ",", "bob,", ",bob", "bob,,me"):
            alice.fails(64, "send", names, "nobody")
        assert bob.texts() == [] and alice.json("history", "bob") == []
        alice.ok("send", "bob,bob", "once")
        assert bob.texts() == ["once"]


def test_message_of_another_chat():
    """An id of another chat marks nothing, sends no receipt and bounds no history"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        carol = world.person("carol")
        alice.ok("accept", carol.ok("invite", "--name", "alice").strip(), "--name", "carol")
        carol.ok("receive")
        alice.ok("receive")
        bob.ok("send", "alice", "from bob")
        carol.ok("send", "alice", "from carol")
        alice.ok("receive")
        alice.ok("send", "me", "a note")
        foreign = [alice.json("history", name)[-1]["id"] for name in ("carol", "me")]
        for other in foreign:
            assert "no message" in alice.fails(67, "mark-read", "bob", other)
            alice.fails(67, "history", "bob", "--before", other)
        assert {c["name"]: c["unread"] for c in alice.json("contacts")} == {"bob": 1, "carol": 1}
        bob.ok("receive")
        assert bob.json("history", "alice")[-1]["state"] == "delivered"
        own = alice.json("history", "bob")[-1]["id"]
        alice.ok("mark-read", "bob", own)
        bob.ok("receive")
        assert bob.json("history", "alice")[-1]["state"] == "read"


def test_contact_called_nick():
    """A contact called nick has settings of its own"""
    with World() as world:
        world.start()
        alice, _ = world.friends("alice", "nick")
        alice.ok("settings", "nick.presence", "on")
        assert alice.json("settings", "nick.presence")[0]["value"] == "on"
        server = next(s["key"] for s in alice.json("settings") if s["key"].startswith("nick.postern"))
        alice.ok("settings", server, "home")
        assert alice.json("settings", server)[0]["value"] == "home"
        alice.fails(65, "settings", "nick.colour", "red")


def test_codes_without_server():
    """mark-read is 75 and typing 69 when nothing can be sent; the receipts go later"""
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "read me")
        bob.ok("receive")
        server.kill()
        bob.fails(75, "mark-read", "alice")
        bob.fails(69, "typing", "alice")
        assert bob.json("contacts")[0]["unread"] == 0
        server.again()
        bob.ok("receive")
        alice.ok("receive")
        assert alice.json("history", "bob")[-1]["state"] == "read"


def test_interrupted_codes():
    """Control-C ends doctor, mark-read and typing with 130 while the server is silent"""
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        alice.ok("send", "bob", "hello")
        bob.ok("receive")
        server.kill()
        with silent(server.listen) as held:
            for words in (["doctor"], ["mark-read", "alice"], ["typing", "alice"]):
                count = len(held)
                process = world.spawn("postern", *words, *bob.options)
                eventually(lambda: len(held) > count, "a connection")
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE) == 130, words


def test_doctor_of_a_silent_server():
    """doctor is 69 for a server that takes connections and says nothing"""
    with World() as world:
        server = world.start()
        alice, _ = world.friends()
        assert not [f for f in alice.json("doctor") if not f["good"]]
        server.kill()
        with silent(server.listen):
            code, out, err = alice.run("doctor", "--json", seconds=60)
        findings = [json.loads(line) for line in out.splitlines()]
        assert code == 69 and [f["subject"] for f in findings if not f["good"]] == ["server"], (
            code, out, err)


def test_closed_reader():
    """CL-33 a message that stays in the outbox is 75 though nobody reads the results"""
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        server.kill()
        for words in (["send", "bob", "one", "--json"], ["mark-read", "bob", "--json"]):
            assert without_reader(world, alice, *words) == 75, words
        chat = world.spawn(
            "postern", "chat", "bob", *alice.options, stdin=subprocess.PIPE, stdout=closed_pipe())
        chat.communicate(b"two\n/who\n", timeout=PATIENCE)
        assert chat.returncode == 75
        server.again()
        assert without_reader(world, alice, "send", "bob", "three", "--json") == 0
        assert bob.texts() == ["one", "two", "three"]


def closed_pipe():
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def without_reader(world, person, *words):
    writer = closed_pipe()
    process = world.spawn("postern", *words, *person.options, stdout=writer)
    os.close(writer)
    return process.wait(PATIENCE)


def test_vector_paths():
    """vectors runs what a named link leads to; a path without any file to run is 66"""
    with World() as world:
        folder = world.folder / "vectors"
        for part in (folder / "deep" / "er", folder / "empty", folder / "closed"):
            part.mkdir(parents=True)
        (folder / "deep" / "er" / "a.json").write_text("{}")
        os.mkfifo(folder / "fifo")
        (folder / "link").symlink_to("deep")
        (folder / "nowhere").symlink_to("missing")
        (folder / "round").symlink_to("round")
        with open(folder / "large.json", "wb") as large:
            large.truncate((64 << 20) + 1)
        (folder / "closed" / "b.json").write_text("{}")
        (folder / "closed").chmod(0)
        for name in ("fifo", "empty", "nowhere", "round", "closed", "large.json", "none"):
            code, out, err = world.run("postern", "vectors", folder / name)
            assert code == 66 and err.strip().endswith("."), (name, code, out, err)
        for name in ("deep", "link"):
            code, out, _ = world.run("postern", "vectors", folder / name, "--json")
            assert len(out.splitlines()) == 1 and "a.json" in out, (name, out)
        (folder / "closed").chmod(0o700)


def test_going_away():
    """CL-42 who follows a server that ends comes back after the seconds that it named"""
    with World() as world:
        server = world.start()
        alice, _ = world.friends()
        process, lines = alice.follow()
        assert server.terminate() == 0
        event = lines.event(type="connection", state="lost")
        assert 1_000 <= event["retryMilliseconds"] <= 30_000, event
        alice.stop(process)


def test_address():
    """posternd address says when it assumes a host; the wrong user's name makes no folder"""
    with World() as world:
        server = world.start()
        code, out, err = world.run("posternd", "address", "--data", server.folder)
        assert code == 0 and out.count("\n") == 1 and "--host" in err, (code, out, err)
        code, named, err = world.run(
            "posternd", "address", "--data", server.folder, "--host", "chat.example.org")
        assert code == 0 and named.strip().endswith("@chat.example.org") and not err, (named, err)
        if os.geteuid() == 0:
            for command in ("init", "run"):
                done = subprocess.run(
                    [world.folder / "posternd", command, "--data", world.folder / "typo",
                     "--user", "nobodyy"], capture_output=True, text=True)
                assert done.returncode == 77 and "nobodyy" in done.stderr, done
                assert not (world.folder / "typo").exists()
