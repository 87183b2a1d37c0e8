"""What single commands answer: codes, words, and what they leave alone."""

import json
import os
import shutil
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
        findings = alice.json("doctor")
        assert all(f["good"] for f in findings) and findings[0]["subject"] == "server", findings
        server.kill()
        with silent(server.listen):
            code, out, err = alice.run("doctor", "--json", seconds=60)
        findings = [json.loads(line) for line in out.splitlines()]
        assert code == 69 and [f["subject"] for f in findings if f["good"] is False] == ["server"], (
            code, out, err)


def test_doctor_without_server():
    """doctor says of what only the server knows that it is not known, and counts what waits"""
    with World() as world:
        server = world.start()
        alice = world.person("alice", register=True)
        bob = world.person("bob")
        bob.ok("add", "alice")
        server.kill()
        bob.fails(75, "send", "alice", "later")
        code, out, err = bob.run("doctor", "--json", seconds=60)
        findings = {f["subject"]: f for f in map(json.loads, out.splitlines())}
        assert code == 69 and next(iter(findings)) == "server", (code, out, err)
        assert findings["server"]["good"] is False and findings["clock"]["good"] is None, out
        assert findings["outbox"]["text"].startswith("1 message waits for a server"), out
        code, out, _ = alice.run("doctor", seconds=60)
        assert code == 69 and "?    prekeys: Not known" in out, out
        assert "error 111" not in out and "kept" not in out, out


def test_known_contact():
    """accept and add of a contact say that nothing was sent, and the link stays open"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        alice.ok("register", "alice")
        invite = alice.json("invite")[0]
        for words, rest in ((["accept", invite["link"]], "the link was not used and stays open."),
                            (["add", "alice"], "nothing was sent.")):
            code, out, err = bob.run(*words, "--name", "other")
            assert code == 0 and out.strip() == "alice is a contact already; " + rest, (code, out)
            assert "--name was not used" in err and "called alice" in err, err
        assert alice.texts() == []
        states = {i["id"]: i["state"] for i in alice.json("invite", "--list")}
        assert states[invite["id"]] == "open", states
        carol = world.person("carol")
        assert carol.ok("accept", invite["link"]).startswith("Added ")
        assert "invite --list" in alice.fails(67, "invite", "--withdraw", "0" * 16)


def test_parallel_commands():
    """CL-25 short commands of one account follow each other; none is refused or lost"""
    with World() as world:
        world.start()
        alice, bob = world.friends()
        texts = [f"number {number}" for number in range(4)]
        started = [world.spawn("postern", "send", "bob", text, *alice.options) for text in texts]
        assert [process.wait(PATIENCE) for process in started] == [0] * 4
        assert sorted(bob.texts()) == texts


def test_late_taker():
    """CL-21 who took a link late is told what to do, and its maker who is not accused"""
    with World() as world:
        world.start()
        alice, dave, erin = (world.person(name) for name in ("alice", "dave", "erin"))
        link = alice.ok("invite", "--name", "dave").strip()
        for person in (dave, erin):
            person.ok("accept", link, "--name", "alice")
        told = alice.ok("receive")
        assert "Somebody tried your invite for dave" in told and "(dave)" not in told, told
        # The maker deletes the link's mailbox once the new chat has one of its own. CL-27
        for person in (dave, alice, dave, alice):
            person.ok("receive")
        assert "ask for a new link" in erin.fails(75, "send", "alice", "hello?")


def test_presence_sentence():
    """Switching presence on says that both sides have to"""
    with World() as world:
        world.start()
        alice, _ = world.friends()
        code, _, err = alice.run("settings", "bob.presence", "on")
        assert code == 0 and "both" in err, (code, err)
        code, _, err = alice.run("settings", "bob.presence", "off")
        assert code == 0 and err == "", (code, err)


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
        code, _, err = world.run("postern", "vectors", folder / "deep")
        assert code == 65 and "Nothing ran" in err, (code, err)
        assert world.run("postern", "vectors")[0] == 0
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


def test_closed_streams():
    """A stream that was handed over closed is an error, and a limit on files is a full disk"""
    with World() as world:
        server = world.start()
        alice, bob = world.friends()

        def shell(words):
            """What a shell makes of the words: exit code and standard error."""
            done = world.run("sh", "-c", words, seconds=60)
            return done[0], done[2]

        shutil.copy2("/bin/sh", world.folder / "sh")
        options = " ".join(map(str, alice.options))
        code, err = shell(f"./postern send bob - {options} <&-")
        assert code not in (0, 124) and err.strip(), (code, err)
        code, err = shell(f"./postern id {options} >&-")
        assert code == 74, (code, err)
        code, err = shell(f"ulimit -f 8; ./postern send bob 'much too large' {options}")
        assert code == 74 and "disk" in err, (code, err)
        alice.ok("send", "bob", "after it")
        assert bob.texts()[-1] == "after it"
        assert server.process.poll() is None
