"""Compares handshake, ratchet and ephemeral frames with an independent implementation, byte for
byte, and lets the two talk to each other.

usage: ratchet_peer.py VECTORGEN XUNIT [SEEDS]

VECTORGEN is the program built from Sources/vectorgen. It prints recorded chats, all of which is
recomputed here from keys, nonces and contents (A4, DR-6, DR-13, EN-12), and it plays one side of
chats in which this program draws its own keys. Exit code 0 when everything agrees."""

import json
import os
import random
import re
import subprocess
import sys
import types
from xml.sax.saxutils import quoteattr

import session_spec as spec

UNHEX = bytes.fromhex


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def recipient_of(person):
    certificate = UNHEX(person["certificate"])
    account = spec.ed25519_public(UNHEX(person["account_seed"]))
    recipient = spec.Recipient(
        account, certificate[:68], UNHEX(person["identity_private"]),
        person["signed_prekey_id"], UNHEX(person["signed_prekey_private"]),
    )
    return account, certificate, recipient


class Replay:
    """Goes through one transcript, recomputing each step."""

    def __init__(self, transcript):
        self.transcript = transcript
        self.begin()
        self.envelopes, self.frames, self.counts = [], [], {}
        self.prefix = None

    def begin(self):
        begun = self.transcript["begin"]
        alice, bob = self.transcript["initiator"], self.transcript["recipient"]
        bob_account, bob_certificate, self.recipient = recipient_of(bob)
        alice_account, alice_certificate, _ = recipient_of(alice)
        expect(
            spec.device_certificate_is_valid(alice_account, alice_certificate),
            "the initiator's certificate",
        )
        signed = spec.x25519_public(UNHEX(bob["signed_prekey_private"]))
        one_time = None
        if begun["with_one_time"]:
            private = UNHEX(bob["one_time_prekey_private"])
            one_time = (bob["one_time_prekey_id"], spec.x25519_public(private))
            self.recipient.one_time[one_time[0]] = private
        prekeys = spec.PreKeys(
            bob_account, bob_certificate[:68], bob["signed_prekey_id"], signed, one_time
        )
        handle = b"" if begun["type"] == 1 else alice["name"].encode()
        server = spec.server_field(UNHEX(alice["server_key"]), alice["server_host"].encode())
        block = spec.inner_block(
            begun["type"], alice_account, alice_certificate, handle, server,
            spec.ed25519_public(UNHEX(alice["chat_read_seed"])),
            UNHEX(alice["chat_write_seed"]), UNHEX(begun["extensions"]),
        )
        draws = [UNHEX(draw) for draw in begun["random"]]
        session = spec.begin(block, UNHEX(alice["identity_private"]), prekeys, draws)
        expect(session.id.hex() == begun["session"], "session id")
        self.block = block
        self.sessions = {"initiator": session, "recipient": None}
        bundle = spec.recovery_bundle(
            bob["signed_prekey_id"], signed, self.transcript["hours"], UNHEX(bob["device_seed"])
        )
        expect(bundle.hex() == self.transcript["recovery_bundle"], "recovery bundle")
        number = spec.safety_number(alice_account, bob_account)
        expect(number == self.transcript["safety_number"], "safety number")

    def run(self):
        for index, step in enumerate(self.transcript["steps"]):
            try:
                getattr(self, step["op"])(step)
            except AssertionError as error:
                raise AssertionError(f"step {index}, {step['op']}: {error}") from None
            self.counts[step["op"]] = self.counts.get(step["op"], 0) + 1

    def seal(self, step):
        session = self.sessions[step["by"]]
        draws = [UNHEX(draw) for draw in step["random"]]
        envelope = session.seal(UNHEX(step["content"]), draws)
        expect(envelope.hex() == step["envelope"], "the envelope differs")
        expect(session.sent == step["number"], "the number differs")
        self.envelopes.append(envelope)

    def open(self, step):
        envelope = bytearray(self.envelopes[step["envelope"]])
        if step["flip"] >= 0:
            envelope[step["flip"]] ^= 1
        try:
            content, number = self.opened(step["by"], bytes(envelope))
            expect(step["taken"], "taken here, refused there")
            expect(content.hex() == step["content"], "the content differs")
            expect(number == step["number"], "the number differs")
        except spec.Refused as refused:
            expect(not step["taken"], f"refused here ({refused}), taken there")
        session = self.sessions[step["by"]]
        if session:
            expect(session.missing() == step["missing"], "the gaps differ")
            expect(session.confirmed == step["confirmed"], "confirmed differs")

    def opened(self, side, envelope):
        session = self.sessions[side]
        if session is None:
            made = self.recipient.accept(envelope)
            self.sessions[side], block, content, number, self.prefix = made
            expect(block == self.block, "the inner block differs")
            return content, number
        if side == "recipient" and envelope[:1147] == self.prefix[:1147]:
            if envelope[: len(self.prefix)] != self.prefix:
                raise spec.Refused("HS-14")
            return session.open_message(envelope[len(self.prefix):])
        return session.open(envelope)

    def owner_seed(self, side):
        """The write seed of the mailbox that a side reads."""
        return UNHEX(self.transcript[side]["chat_write_seed"])

    def frame(self, step):
        frame = spec.Frame(
            step["counter"], step["type"], step["echo"], step["newest"],
            [UNHEX(i) for i in step["delivered"]], [UNHEX(i) for i in step["read"]],
            UNHEX(step["fields"]),
        )
        other = "recipient" if step["by"] == "initiator" else "initiator"
        (nonce,) = step["random"]
        sealed = self.sessions[step["by"]].seal_frame(frame, self.owner_seed(other), UNHEX(nonce))
        expect(sealed.hex() == step["frame"], "the frame differs")
        self.frames.append((sealed, frame))

    def open_frame(self, step):
        sealed, frame = self.frames[step["frame"]]
        key = spec.ed25519_public(self.owner_seed(step["by"]))
        try:
            opened = self.sessions[step["by"]].open_frame(sealed, key)
            expect(step["taken"], "taken here, refused there")
            expect(vars(opened) == vars(frame), "the frame's contents differ")
        except spec.Refused:
            expect(not step["taken"], "refused here, taken there")


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
        expect(
            spec.device_certificate_is_valid(self.peer_account, self.peer_certificate),
            "the peer's certificate",
        )

    def draw(self, count=32):
        return self.random.randbytes(count)

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
        """This side writes first, with or without the one-time prekey."""
        with_one_time = self.random.random() < 0.5
        prekeys = spec.PreKeys(
            self.peer_account, self.peer_certificate[:68], *self.peer_signed,
            self.peer_one_time if with_one_time else None,
        )
        server = spec.server_field(spec.x25519_public(self.draw()), b"[2001:db8::1]:4443")
        extensions = spec.u16(5) + spec.u16(3) + b"abc" if self.random.random() < 0.5 else b""
        block = spec.inner_block(
            0, self.account, self.certificate, b"py.thon_3", server,
            spec.ed25519_public(self.read_seed), self.write_seed, extensions,
        )
        draws = [self.draw(), self.draw(1), self.draw()]
        self.session = spec.begin(block, self.identity, prekeys, draws)
        content = self.content(1000)
        envelope = self.session.seal(content, [self.draw(24)])
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
        envelope = self.session.seal(content, [self.draw(24)])
        answer = self.ask("open", envelope.hex())
        expect(answer == ["2", content.hex(), "-"], "the second message before the reply")
        # A third one is late: it comes some time after the reply.
        content = self.content(1000)
        self.to_peer.append((self.session.seal(content, [self.draw(24)]), content))
        content = self.content()
        (envelope,) = self.ask("seal", content.hex())
        expect(self.session.open(UNHEX(envelope)) == (content, 1), "the reply")

    def begin_there(self):
        """The other side writes first, from this side's recovery bundle."""
        signed_id = self.random.randrange(1, 2**32)
        bundle = spec.recovery_bundle(
            signed_id, spec.x25519_public(self.signed), 1, self.device_seed
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
        made = recipient.accept(UNHEX(envelope))
        self.session, block, opened, number, _ = made
        expect(self.session.id.hex() == session_id, "session id")
        expect((opened, number) == (content, 1), "the first message was read otherwise")
        expect(block[0] == 1 and block[1:33] == self.peer_account, "who writes")
        expect(self.ask("seal", self.content(15_000, 9_000).hex()) is None, "EN-2, too long")
        content = self.content()
        envelope = self.session.seal(content, [self.draw(), self.draw(24)])
        expect(self.ask("open", envelope.hex()) == ["1", content.hex(), "-"], "the reply")

    def chat(self, steps):
        """Messages and frames in both directions, late, doubled, damaged or lost."""
        to_peer, to_here = self.to_peer, []
        for _ in range(steps):
            kind = self.random.randrange(7)
            if kind == 0:
                content = self.content()
                new = [self.draw()] if self.session.sending is None else []
                to_peer.append((self.session.seal(content, new + [self.draw(24)]), content))
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
            for op in ("seal", "open", "frame", "open_frame"):
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


def altered_labels():
    """The specification's module once for each of its labels, with one bit of it flipped."""
    path = spec.__file__
    with open(path, encoding="utf-8") as file:
        source = file.read()
    for label in sorted(set(re.findall(r'b"(postern/1 [^"]+)"', source))):
        altered = label[:-1] + chr(ord(label[-1]) ^ 1)
        module = types.ModuleType("session_spec")
        module.__file__ = path
        code = source.replace(f'b"{label}"', f'b"{altered}"')
        exec(compile(code, path, "exec"), module.__dict__)
        yield label, module


def label_cases(program):
    """The comparison itself is tested: with any one label altered here it must fail."""
    output = subprocess.run(
        [program, "transcripts", "1"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    transcript = json.loads(output.splitlines()[0])
    for label, module in altered_labels():

        def run(module=module):
            global spec
            right, spec = spec, module
            try:
                Replay(transcript).run()
            except (AssertionError, module.Refused):
                return
            finally:
                spec = right
            raise AssertionError("an altered label goes unnoticed")

        yield f"altered label is noticed: {label}", run


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 64
    program, xunit = os.path.abspath(sys.argv[1]), sys.argv[2]
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    lines, failures, count = [], 0, 0
    cases = list(transcript_cases(program, seeds)) + list(label_cases(program))
    cases += live_cases(program, 2 * seeds)
    for name, run in cases:
        count += 1
        head = f'<testcase classname="ratchet_peer" name={quoteattr(name)}'
        try:
            run()
            lines.append(head + "/>")
        except Exception as error:  # Whatever goes wrong in a case is that case's failure.
            failures += 1
            message = f"{type(error).__name__}: {error}"
            print(f"{name}: {message}", file=sys.stderr)
            lines.append(f"{head}><failure message={quoteattr(message)}/></testcase>")
    with open(xunit, "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f'<testsuites><testsuite name="ratchet_peer" tests="{count}" ')
        file.write(f'failures="{failures}" errors="0" skipped="0">\n')
        file.write("\n".join(lines) + "\n</testsuite></testsuites>\n")
    print(f"{count - failures} passed, {failures} failed")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
