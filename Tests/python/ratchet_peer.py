"""Compares handshake, ratchet and ephemeral frames with an independent implementation, byte for
byte, and lets the two talk to each other.

usage: ratchet_peer.py VECTORGEN XUNIT [SEEDS]

VECTORGEN is the program built from Sources/vectorgen. It prints recorded chats, all of which is
recomputed here from keys, nonces and contents (A4, DR-6, DR-13, EN-12), and it plays one side of
chats in which this program draws its own keys. Exit code 0 when everything agrees."""

import json
import os
import random
import subprocess
import sys

import kem
import session_spec as spec
from chat_replay import Replay, expect
from xunit import write_report

UNHEX = bytes.fromhex


class Live:
    """A chat with the other implementation; this side draws its own keys."""

    def __init__(self, program, seed):
        self.random = random.Random(seed)
        self.process = subprocess.Popen(
            [program, "peer", str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.account_seed, self.device_seed, self.identity = (self.draw() for _ in range(3))
        self.signed, self.write_seed, self.read_seed = (self.draw() for _ in range(3))
        self.account = spec.ed25519_public(self.account_seed)
        self.certificate = spec.make_device_certificate(
            self.account_seed, 1, spec.x25519_public(self.identity),
            spec.ed25519_public(self.device_seed), 600_000,
        )
        self.to_peer = []
        words = self.ask("keys")
        self.peer_account, self.peer_certificate = UNHEX(words[0]), UNHEX(words[1])
        self.peer_signed = (int(words[2]), UNHEX(words[3]))
        self.peer_one_time = (int(words[4]), UNHEX(words[5]))
        self.peer_write_seed = UNHEX(words[6])
        self.peer_kem = (int(words[7]), UNHEX(words[8]))
        self.peer_one_time_kem = (int(words[9]), UNHEX(words[10]))
        expect(
            spec.device_certificate_is_valid(self.peer_account, self.peer_certificate),
            "the peer's certificate",
        )

    def draw(self, count=32):
        return self.random.randbytes(count)

    def seal(self, content):
        return self.session.seal(content, lambda _, count: self.draw(count))

    def ask(self, *words):
        """The words of an answer, or None when the other side refuses."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        expect(answer and answer[0] in ("ok", "refused"), f"no answer to {words[0]}")
        return answer[1:] if answer[0] == "ok" else None

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        expect(self.process.wait(timeout=30) == 0, "the peer's exit code")

    def content(self, limit=15_000, least=1):
        text = "x" * self.random.randrange(least, limit)
        return spec.content(1, self.draw(16), 1, [(1, text.encode()), (0x70, b"unknown")])

    def begin_here(self):
        """This side writes first, with or without the one-time prekey of each kind."""
        with_one_time, with_one_time_kem = (self.random.random() < 0.5 for _ in range(2))
        prekeys = spec.PreKeys(
            self.peer_account, self.peer_certificate[:68], *self.peer_signed,
            self.peer_one_time_kem if with_one_time_kem else self.peer_kem,
            self.peer_one_time if with_one_time else None,
        )
        server = spec.server_field(spec.x25519_public(self.draw()), b"[2001:db8::1]:4443")
        extensions = spec.u16(5) + spec.u16(3) + b"abc" if self.random.random() < 0.5 else b""
        block = spec.inner_block(
            0, self.account, self.certificate, b"py.thon_3", server,
            spec.ed25519_public(self.read_seed), self.write_seed, extensions,
        )
        draws = [self.draw(), self.draw(1), self.draw(), self.draw()]
        self.session = spec.begin(block, self.identity, prekeys, draws)
        content = self.content(1000)
        envelope = self.seal(content)
        for _ in range(20):
            bad = bytearray(envelope)
            bad[self.random.randrange(4096)] ^= 1 << self.random.randrange(8)
            expect(self.ask("accept", bad.hex()) is None, "a damaged first message was taken")
        answer = self.ask("accept", envelope.hex())
        expect(answer is not None, "the first message was refused")
        expected = [self.session.id.hex(), "1", content.hex(), "0", self.account.hex()]
        expect(answer == expected, "the first message was read otherwise")
        # A second one before the reply, behind the same prefix.
        content = self.content(1000)
        envelope = self.seal(content)
        answer = self.ask("open", envelope.hex())
        expect(answer == ["2", content.hex(), "-"], "the second message before the reply")
        # A third one is late: it comes some time after the reply.
        content = self.content(1000)
        self.to_peer.append((self.seal(content), content))
        content = self.content()
        (envelope,) = self.ask("seal", content.hex())
        expect(self.session.open(UNHEX(envelope)) == (content, 1), "the reply")

    def begin_there(self):
        """The other side writes first, from this side's recovery bundle."""
        signed_id, kem_id = (self.random.randrange(1, 2**32) for _ in range(2))
        kem_seed = self.draw(64)
        bundle = spec.recovery_bundle(
            signed_id, spec.x25519_public(self.signed), (kem_id, kem.public_key(kem_seed)), 1,
            self.device_seed,
        )
        words = (self.account.hex(), self.certificate[:68].hex())
        bad = bytearray(bundle)
        bad[self.random.randrange(1292)] ^= 1
        expect(self.ask("begin", *words, bad.hex()) is None, "a damaged bundle was taken")
        (session_id,) = self.ask("begin", *words, bundle.hex())
        content = self.content(1000)
        (envelope,) = self.ask("seal", content.hex())
        recipient = spec.Recipient(
            self.account, self.certificate[:68], self.identity, signed_id, self.signed
        )
        recipient.kem[kem_id] = kem_seed
        made = recipient.accept(UNHEX(envelope))
        self.session, block, opened, number, _ = made
        expect(self.session.id.hex() == session_id, "session id")
        expect((opened, number) == (content, 1), "the first message was read otherwise")
        expect(block[0] == 1 and block[1:33] == self.peer_account, "who writes")
        expect(self.ask("seal", self.content(15_000, 9_000).hex()) is None, "EN-2, too long")
        content = self.content()
        envelope = self.seal(content)
        expect(self.ask("open", envelope.hex()) == ["1", content.hex(), "-"], "the reply")

    def chat(self, steps):
        """Messages and frames in both directions, late, doubled, damaged or lost."""
        to_peer, to_here = self.to_peer, []
        for _ in range(steps):
            kind = self.random.randrange(7)
            if kind == 0:
                content = self.content()
                to_peer.append((self.seal(content), content))
            elif kind == 1:
                content = self.content()
                (envelope,) = self.ask("seal", content.hex())
                to_here.append((UNHEX(envelope), content))
            elif kind in (2, 3) and to_peer:
                self.deliver_there(to_peer)
            elif kind in (4, 5) and to_here:
                self.deliver_here(to_here)
            elif kind == 6:
                self.frames()
        expect(self.session.missing() is not None, "gaps")

    def epochs(self, last):
        """Over KEM steps: every message one way is lost at times, late at times; what one side
        writes goes on from where the other is."""
        late_there, late_here = [], []
        for _ in range(400):
            if self.session.kem.epoch >= last:
                break
            for _ in range(self.random.randrange(1, 4)):
                content = self.content(300)
                self.forward(late_there, self.seal(content), content, self.deliver_there)
            for _ in range(self.random.randrange(1, 4)):
                content = self.content(300)
                (envelope,) = self.ask("seal", content.hex())
                self.forward(late_here, UNHEX(envelope), content, self.deliver_here)
        for _ in range(2):
            # Nothing late or lost: both sides end in one epoch.
            content = self.content(300)
            self.deliver_there([(self.seal(content), content)])
            (envelope,) = self.ask("seal", content.hex())
            self.deliver_here([(UNHEX(envelope), content)])
        (epoch,) = self.ask("epoch")
        expect(abs(int(epoch) - self.session.kem.epoch) <= 1, "the sides are in other epochs")
        expect(self.session.kem.epoch >= last, "too few KEM steps")

    def forward(self, late, envelope, content, deliver):
        fate = self.random.randrange(10)
        if fate == 0:
            return
        late.append((envelope, content))
        if fate > 1:
            while late and self.random.randrange(4):
                deliver(late)

    def deliver_there(self, waiting):
        envelope, content = waiting.pop(self.random.randrange(len(waiting)))
        bad = bytearray(envelope)
        bad[self.random.randrange(len(bad))] ^= 1
        expect(self.ask("open", bad.hex()) is None, "a damaged envelope was taken")
        answer = self.ask("open", envelope.hex())
        expect(answer is not None, "an envelope was refused")
        expect(answer[1] == content.hex(), "an envelope was read otherwise")
        expect(self.ask("open", envelope.hex()) is None, "a double was taken")

    def deliver_here(self, waiting):
        envelope, content = waiting.pop(self.random.randrange(len(waiting)))
        opened, _ = self.session.open(envelope)
        expect(opened == content, "an envelope is read otherwise here")

    def frames(self):
        counter, echo, newest = (self.random.randrange(1, 2**62) for _ in range(3))
        if self.session.peer_frame_key:
            frame = spec.Frame(counter, 0x8000, echo, newest, [self.draw(16)], [], b"")
            sealed = self.session.seal_frame(frame, self.peer_write_seed, self.draw(24))
            answer = self.ask("openframe", sealed.hex())
            # None after more turns than keys are kept for, which cannot be here.
            expected = [str(counter), str(0x8000), str(echo), str(newest)]
            expect(answer == expected, "a frame was read otherwise")
            bad = bytearray(sealed)
            bad[self.random.randrange(1024)] ^= 1
            expect(self.ask("openframe", bad.hex()) is None, "a damaged frame was taken")
        seed = self.write_seed.hex()
        answer = self.ask("frame", str(counter), str(echo), str(newest), seed)
        if answer:
            key = spec.ed25519_public(self.write_seed)
            try:
                frame = self.session.open_frame(UNHEX(answer[0]), key)
            except spec.Refused:
                # The peer sealed under a ratchet key of this side that is four turns old.
                return
            expect(
                (frame.counter, frame.type, frame.echo, frame.newest)
                == (counter, 0x8000, echo, newest), "a frame is read otherwise here",
            )


def transcript_cases(program, seeds):
    output = subprocess.run(
        [program, "transcripts", str(seeds)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    for index, line in enumerate(output.splitlines()):
        transcript = json.loads(line)

        def run(transcript=transcript):
            replay = Replay(transcript)
            replay.run()
            for op in ("seal", "open", "frame", "refused"):
                expect(replay.counts.get(op, 0) > 0, f"no {op} in the transcript")

        yield f"transcript {index + 1}: {transcript['name']}", run


def live_cases(program, seeds):
    for seed in range(1, seeds + 1):
        for name in ("begin_here", "begin_there"):

            def run(seed=seed, name=name):
                live = Live(program, seed)
                getattr(live, name)()
                live.chat(120)
                live.close()

            yield f"live {seed}: {name}", run

            def run_epochs(seed=seed, name=name):
                live = Live(program, seed)
                getattr(live, name)()
                live.epochs(4)
                live.close()

            yield f"live {seed}: {name}, four KEM epochs", run_epochs


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 64
    program, xunit = os.path.abspath(sys.argv[1]), sys.argv[2]
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    cases = list(transcript_cases(program, seeds)) + list(live_cases(program, 2 * seeds))
    return write_report("ratchet_peer", cases, xunit)


if __name__ == "__main__":
    sys.exit(main())
