"""Real processes for the end-to-end tests: a server, people, and what they say.

Everything lies in one temporary folder and runs on loopback as an unprivileged user. Events are
awaited, never slept for."""

import json
import os
import pathlib
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = float(os.environ.get("POSTERN_PATIENCE", "30"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / ".build" / "release"))


class Failure(AssertionError):
    """A test did not see what it waited for."""


def user():
    """Arguments for subprocess that drop root; none when the caller is nobody special."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def eventually(condition, what, seconds=PATIENCE):
    """Waits until condition() gives something true and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(0.02)


class Lines:
    """The standard output of a process, line by line, with patience."""

    def __init__(self, process):
        self.process = process
        self.buffer = b""
        self.seen = []

    def next(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure(f"no further line within {seconds:g} s; seen so far: {self.seen}")
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            if ready:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    raise Failure(f"output ended; seen so far: {self.seen}")
                self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        text = line.decode()
        self.seen.append(text)
        return text

    def until(self, condition, what, seconds=PATIENCE):
        """The first line that meets the condition."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure(f"waited in vain for: {what}; seen: {self.seen}")
            line = self.next(left)
            if condition(line):
                return line

    def event(self, seconds=PATIENCE, **wanted):
        """The first JSON line that has these fields."""
        return json.loads(
            self.until(
                lambda line: all(json.loads(line).get(k) == v for k, v in wanted.items()),
                f"an event with {wanted}", seconds))


class World:
    """A folder, a server and its people."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-e2e."))
        self.give_away(self.folder)
        for name in ("postern", "posternd"):
            shutil.copy2(BUILD / name, self.folder / name)
            os.chmod(self.folder / name, 0o755)
        self.processes = []
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def give_away(path):
        """Makes a path belong to the user that the programs run as."""
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def spawn(self, program, *arguments, environment=None, **options):
        process = subprocess.Popen(
            [self.folder / program, *map(str, arguments)], cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "TZ": "UTC",
                 **(environment or {})},
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
               "stderr": subprocess.PIPE, **options, **user()})
        self.processes.append(process)
        return process

    def run(self, program, *arguments, stdin=b"", seconds=PATIENCE, environment=None):
        """Runs a command to its end: exit code, standard output, standard error."""
        process = self.spawn(
            program, *arguments, environment=environment, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"{program} {arguments} did not end within {seconds:g} s")
        self.processes.remove(process)
        return process.returncode, out.decode(), err.decode()

    def start(self, folder="server", listen="127.0.0.1:0", *more):
        """Starts a server and waits until it accepts connections."""
        server = Server(self, folder, listen, *more)
        self.server = self.server or server
        return server

    def person(self, name, *, server=None, register=False, passphrase=None):
        person = Person(self, name, passphrase)
        person.ok("init", (server or self.server).address,
                  *([] if passphrase else ["--no-passphrase"]))
        if register:
            person.ok("register", name)
        return person

    def friends(self, one="alice", other="bob"):
        """Two people who have accepted each other by an invite link."""
        first, second = self.person(one), self.person(other)
        link = first.ok("invite", "--name", other).strip()
        second.ok("accept", link, "--name", one)
        first.ok("receive")
        second.ok("receive")
        return first, second


class Server:
    def __init__(self, world, folder, listen, *more):
        self.world = world
        self.folder = world.folder / folder
        # Beside the folder of the world: a log on a disk under test would keep that disk busy.
        self.log = open(world.folder / f"{self.folder.name}.log", "ab")
        self.process = world.spawn(
            "posternd", "run", "--data", self.folder, "--listen", listen,
            "--admin", "127.0.0.1:0", *more, stderr=self.log)
        lines = Lines(self.process)
        ready = lines.until(lambda line: line.startswith("ready "), "the ready line")
        self.listen, self.admin = ready.split()[1:3]
        self.address = next(
            line.split()[-1] for line in lines.seen if "postern init " in line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds=15):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def again(self):
        """The same server on the same port."""
        return Server(self.world, self.folder.name, self.listen)

    def files(self):
        return [path for path in self.folder.rglob("*") if path.is_file()]


class Person:
    def __init__(self, world, name, passphrase=None):
        self.world = world
        self.name = name
        self.home = world.folder / name
        self.options = ["--home", str(self.home)]
        if passphrase:
            path = world.folder / f"{name}.passphrase"
            path.write_text(passphrase + "\n")
            path.chmod(0o600)
            world.give_away(path)
            self.options += ["--passphrase-file", str(path)]

    def run(self, *arguments, **options):
        return self.world.run("postern", *arguments, *self.options, **options)

    def ok(self, *arguments, **options):
        """Runs a command that must succeed; its standard output."""
        code, out, err = self.run(*arguments, **options)
        if code != 0:
            raise Failure(f"{self.name}: postern {' '.join(map(str, arguments))}: {code} {out}{err}")
        return out

    def fails(self, code, *arguments, **options):
        """Runs a command that must end with the code and say a sentence; its standard error."""
        got, out, err = self.run(*arguments, **options)
        if got != code:
            raise Failure(
                f"{self.name}: postern {' '.join(map(str, arguments))}: {got}, not {code}: {out}{err}")
        sentence = err.strip()
        if not sentence.endswith(".") or "Fatal" in err or "fault of the program" in err:
            raise Failure(f"no sentence for {code}: {err!r}")
        return err

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.ok(*arguments, "--json", **options).splitlines()]

    def texts(self, *arguments):
        """The texts of the messages that a `receive` or `history` prints."""
        return [line["text"] for line in self.json(*(arguments or ("receive",)))
                if line["type"] == "message"]

    def follow(self, *more):
        """A running `receive --follow --json`, connected."""
        process = self.world.spawn(
            "postern", "receive", "--follow", "--json", *self.options, *more)
        lines = Lines(process)
        lines.event(type="connection", state="connected")
        return process, lines

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        return process.wait(15)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
