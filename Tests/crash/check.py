#!/usr/bin/env python3
"""Judges the history of a load generator whose server was killed again and again (R1).

usage: Tests/crash/check.py HISTORY

The history comes from the clients, outside the server; Sources/Bench/MailboxHistory.swift says what
its lines mean. What the server promised must hold:

- What it answered with done, or counted in the next counter it named, is delivered: none is lost.
- What is delivered was sent, byte for byte, under that counter: none is invented or altered.
- Once an envelope's acknowledgement was answered with done it is not delivered again, and never
  twice over one connection.
- Envelopes come over one connection in the order of their counters.
- The next counter never falls behind what was promised, nor goes beyond what was sent.
- The count of waiting envelopes that a reader is told is not below what was promised and not
  delivered, and not above what was sent and not erased.
- Every read attach is counted.
- What got no answer may have been kept or not.
"""

import bisect
import collections
import sys

LOST = "promised and not delivered"
BACK = "the server went back behind what it had promised"
ALTERED = "delivered what was not sent"
AGAIN = "delivered what was erased"
TWICE = "delivered twice or out of order over one connection"


class Box:
    """One mailbox, as its writer and its reader saw it."""

    def __init__(self):
        self.sent = {}
        self.promised = {}
        self.delivered = set()
        self.erased = set()
        self.attaches = 0
        # The counter delivered last over the reader's connection.
        self.last = 0
        # Promised and not delivered yet, now and when the reader's connection was opened.
        self.owed = 0
        self.owed_at_open = 0
        self.erased_at_open = 0


class Checker:
    def __init__(self, kills):
        self.boxes = collections.defaultdict(Box)
        self.problems = collections.OrderedDict()
        self.counts = collections.Counter()
        self.kills = sorted(kills)
        self.kills_in_flight = set()
        self.line = 0

    def wrong(self, kind, text):
        self.problems.setdefault(kind, []).append(f"{text}, line {self.line}")

    def promise(self, box, number, counter):
        if counter in box.promised:
            return
        if counter not in box.sent:
            self.wrong("answered what was never sent", f"box {number} counter {counter}")
        box.promised[counter] = self.line
        if counter not in box.delivered:
            box.owed += 1

    def take(self, words):
        kind, number = words[0], int(words[1])
        box = self.boxes[number]
        self.counts[kind] += 1
        getattr(self, "take_" + kind)(box, number, words[2:])

    def take_S(self, box, number, words):
        counter = int(words[0])
        if box.sent.setdefault(counter, words[1]) != words[1]:
            self.wrong("the generator sent two envelopes under one counter", f"{number} {counter}")

    def take_A(self, box, number, words):
        self.promise(box, number, int(words[0]))

    take_T = take_A

    def take_N(self, box, number, words):
        following = int(words[0])
        highest = max(box.promised, default=0)
        if following <= highest:
            self.wrong(BACK, f"box {number}: next {following} after {highest}")
        for counter in range(highest + 1, following):
            self.promise(box, number, counter)
            self.counts["kept without an answer"] += 1
        self.counts["gone without an answer"] += max(box.sent, default=0) - max(
            following - 1, highest)

    def take_G(self, box, number, words):
        # The writer sends in order and begins with the next counter it was told.
        self.wrong(BACK, f"box {number}: gap, next {words[0]}")

    def take_O(self, box, _, __):
        box.last = 0
        box.owed_at_open = box.owed
        box.erased_at_open = len(box.erased)

    def take_R(self, box, number, words):
        attaches, waiting = int(words[0]), int(words[1])
        if attaches <= box.attaches:
            self.wrong("a read attach was not counted", f"box {number}: {attaches}")
        box.attaches = attaches
        # The answer says how it was after the connection opened and before the answer came.
        highest = len(box.sent) - box.erased_at_open
        if not box.owed_at_open <= waiting <= highest:
            self.wrong("a wrong count of waiting envelopes",
                       f"box {number}: {waiting}, not from {box.owed_at_open} to {highest}")

    def take_D(self, box, number, words):
        counter = int(words[0])
        if box.sent.get(counter) != words[1]:
            self.wrong(ALTERED, f"box {number} counter {counter}")
        if counter in box.erased:
            self.wrong(AGAIN, f"box {number} counter {counter}")
        if counter <= box.last:
            self.wrong(TWICE, f"box {number}: {counter} after {box.last}")
        box.last = counter
        if counter in box.delivered:
            self.counts["delivered again, not erased"] += 1
            return
        box.delivered.add(counter)
        if counter in box.promised:
            box.owed -= 1

    def take_K(self, box, _, words):
        box.erased.add(int(words[0]))

    def take_E(self, _, number, words):
        self.wrong("an error that nobody should see", f"box {number}: code {words[0]}")

    def take_C(self, _, __, words):
        unanswered, moment = int(words[1]), int(words[2])
        place = bisect.bisect_right(self.kills, moment)
        if words[0] == "w" and unanswered and place:
            self.kills_in_flight.add(place)

    def finish(self):
        for number, box in self.boxes.items():
            self.counts["promised"] += len(box.promised)
            for counter, line in box.promised.items():
                if counter not in box.delivered:
                    self.counts["lost"] += 1
                    self.problems.setdefault(LOST, []).append(
                        f"box {number} counter {counter}, promised in line {line}")
        self.counts["kills with deposits in flight"] = len(self.kills_in_flight)


def check(lines, kills=()):
    """Returns what is wrong, and counts of what was seen.

    `kills` are the moments of the kills, in milliseconds of the machine's monotonic clock."""
    checker = Checker(kills)
    for checker.line, text in enumerate(lines, 1):
        checker.take(text.split())
    checker.finish()
    return checker.problems, checker.counts


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="ascii") as file:
        problems, counts = check(file)
    print(", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    for kind, cases in problems.items():
        print(f"{kind}: {len(cases)}, for example {cases[0]}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
