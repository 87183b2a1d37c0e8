"""Two people who talk while they and their server are killed at random moments."""

import json
import os
import random
import subprocess
import time

from world import Failure, World

# An hour in the long setting; the seed is printed and can be given.
ROUNDS = 450 if os.environ.get("POSTERN_LONG") == "1" else 1
ROUND_SECONDS = 8
SEED = int(os.environ.get("POSTERN_SEED", "1"))


class Talker:
    """A person in a `chat` that is killed and started again, and what it was given to say."""

    def __init__(self, person, peer):
        self.person = person
        self.peer = peer
        self.count = 0
        self.process = None

    def toggle(self):
        """Kills the chat, or starts it when there is none."""
        if self.process:
            self.stop()
        else:
            self.process = self.person.world.spawn(
                "postern", "chat", self.peer, *self.person.options, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.person.world.processes.remove(self.process)
            self.process = None

    def say(self):
        if self.process:
            self.count += 1
            try:
                os.write(self.process.stdin.fileno(), f"{self.person.name} {self.count}\n".encode())
            except BrokenPipeError:
                raise Failure(f"{self.person.name}'s chat ended with {self.process.wait()}")

    def history(self):
        """What the client keeps: texts of its own, and of the other side, oldest first."""
        out = self.person.ok("history", self.peer, "--json", "--limit", "1000000")
        lines = [json.loads(line) for line in out.splitlines()]
        return [[line["text"] for line in lines if line["author"] == author]
                for author in ("me", "peer")]


def settled(one, other):
    """Histories that agree, after both have fetched and sent what there was."""
    for _ in range(5):
        for talker in (one, other):
            talker.person.run("receive")
        mine, theirs = one.history(), other.history()
        if mine == theirs[::-1]:
            break
    return mine, theirs


def test_random_kills():
    """C1 R1 two clients survive random kills of both and of the server: nothing lost or doubled"""
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    with World() as world:
        server = world.start()
        alice, bob = world.friends()
        one, other = Talker(alice, "bob"), Talker(bob, "alice")
        kills = 0
        for _ in range(ROUNDS):
            end = time.monotonic() + ROUND_SECONDS
            while time.monotonic() < end:
                chance = dice.random()
                if chance < 0.05:
                    server.kill()
                    server = server.again()
                    kills += 1
                elif chance < 0.25:
                    talker = dice.choice((one, other))
                    kills += talker.process is not None
                    talker.toggle()
                else:
                    dice.choice((one, other)).say()
                # No wait for an event: the pace of what is done to them.
                time.sleep(dice.random() * 0.06)
            one.stop()
            other.stop()
            mine, theirs = settled(one, other)
            for said, heard, talker in ((mine[0], theirs[1], one), (theirs[0], mine[1], other)):
                if said != heard:
                    lost = [text for text in said if text not in set(heard)]
                    raise Failure(f"{talker.person.name} said what was not heard so: lost {lost}, "
                                  f"said {len(said)}, heard {len(heard)}")
                numbers = [int(text.split()[1]) for text in said]
                if numbers != sorted(set(numbers)):
                    raise Failure(f"{talker.person.name}: doubled or out of order: {numbers}")
            if not (mine[0] and theirs[0] and kills):
                raise Failure("nothing was said, or nobody was killed")
        print(f"{kills} kills, {len(mine[0])} and {len(theirs[0])} texts")
