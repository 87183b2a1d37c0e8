"""Goes through a recorded chat (operation `chat` of the vectors), recomputing each step with the
independent implementation: intermediate values, envelopes, frames and refusals."""

import kem
import session_spec as spec

UNHEX = bytes.fromhex
# What the initiator draws for a session, in this order.
DRAWS = ("ephemeral key", "coin", "KEM message", "ratchet key")


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def recipient_of(person, one_time):
    certificate = UNHEX(person["certificate"])
    recipient = spec.Recipient(
        spec.ed25519_public(UNHEX(person["account seed"])), certificate[:68],
        UNHEX(person["identity private"]), person["signed prekey id"],
        UNHEX(person["signed prekey private"]),
    )
    if one_time:
        private = UNHEX(person["one-time prekey private"])
        recipient.one_time[person["one-time prekey id"]] = private
        recipient.kem[person["one-time KEM prekey id"]] = UNHEX(person["one-time KEM prekey seed"])
    recipient.kem[person["KEM prekey id"]] = UNHEX(person["KEM prekey seed"])
    return recipient


class Replay:
    def __init__(self, case, module=None):
        self.spec = module or spec
        self.given, self.wanted = case["in"], case["out"]
        self.envelopes, self.frames, self.counts = [], [], {}
        self.prefix = None
        self.begin()

    def begin(self):
        given = self.given
        alice, bob = given["initiator"], given["recipient"]
        self.recipient = recipient_of(bob, given["one-time"])
        # The module in use may be another one than that of `recipient_of`.
        plain = self.recipient
        self.recipient = self.spec.Recipient(
            plain.account, plain.identity_fields, plain.identity_private, plain.signed_id,
            plain.signed_private,
        )
        self.recipient.one_time, self.recipient.kem = plain.one_time, plain.kem
        account = spec.ed25519_public(UNHEX(alice["account seed"]))
        certificate = UNHEX(alice["certificate"])
        expect(
            self.spec.device_certificate_is_valid(account, certificate),
            "the initiator's certificate",
        )
        one_time = None
        if given["one-time"]:
            private = UNHEX(bob["one-time prekey private"])
            one_time = (bob["one-time prekey id"], spec.x25519_public(private))
        kind = "one-time KEM prekey" if given["one-time"] else "KEM prekey"
        kem_prekey = (bob[f"{kind} id"], kem.public_key(UNHEX(bob[f"{kind} seed"])))
        prekeys = self.spec.PreKeys(
            plain.account, plain.identity_fields, bob["signed prekey id"],
            spec.x25519_public(plain.signed_private), kem_prekey, one_time,
        )
        handle = b"" if given["type"] == 1 else alice["name"].encode()
        server = spec.server_field(UNHEX(alice["server key"]), alice["server host"].encode())
        block = self.spec.inner_block(
            given["type"], account, certificate, handle, server,
            spec.ed25519_public(UNHEX(alice["chat read seed"])),
            UNHEX(alice["chat write seed"]), UNHEX(given["extensions"]),
        )
        draws = [UNHEX(given[name]) for name in DRAWS]
        session = self.spec.begin(block, UNHEX(alice["identity private"]), prekeys, draws)
        for name, value in session.trace.items():
            expect(value.hex() == self.wanted[name], name)
        self.sessions = {"initiator": session, "recipient": None}
        self.block = block

    def run(self):
        expect(len(self.given["steps"]) == len(self.wanted["steps"]), "number of steps")
        for index, step in enumerate(self.given["steps"]):
            wanted = self.wanted["steps"][index]
            name = f"step {index}, {step['op']}"
            try:
                found = getattr(self, step["op"].replace(" ", "_"))(step)
            except self.spec.Refused as refused:
                expect("error" in wanted, f"{name}: refused here ({refused}), taken there")
                self.count("refused")
                continue
            expect("error" not in wanted, f"{name}: taken here, {wanted.get('error')} there")
            for key, value in found.items():
                expect(wanted[key] == value, f"{name}: {key} differs")
            self.count(step["op"])

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def session(self, side):
        if self.sessions[side] is None:
            raise self.spec.Refused("no session")
        return self.sessions[side]

    @staticmethod
    def draws(step):
        return lambda name, count: UNHEX(step[name])[:count]

    def seal(self, step):
        session = self.session(step["by"])
        envelope = session.seal(UNHEX(step["content"]), self.draws(step))
        self.envelopes.append(envelope)
        return dict(session.made, number=session.sent, envelope=envelope.hex())

    def forge(self, step):
        def change(header):
            for place in step["header"]:
                data, offset = UNHEX(place["bytes"]), place["offset"]
                header = header[:offset] + data + header[offset + len(data):]
            return header

        session = self.session(step["by"])
        envelope = session.seal(UNHEX(step["content"]), self.draws(step), change)
        self.envelopes.append(envelope)
        return dict(session.made, envelope=envelope.hex())

    def hear(self, step):
        self.taken(step["by"], self.chosen(self.envelopes, step, "envelope"))
        return {"epoch": self.sessions[step["by"]].kem.epoch}

    def chosen(self, made, step, name):
        if step[name] >= len(made):
            raise self.spec.Refused("nothing was made")
        data = bytearray(made[step[name]])
        if "flip" in step:
            data[step["flip"]] ^= 1
        return bytes(data)

    def open(self, step):
        return self.taken(step["by"], self.chosen(self.envelopes, step, "envelope"))

    def deliver(self, step):
        return self.taken(step["by"], UNHEX(step["bytes"]))

    def taken(self, side, envelope):
        session = self.sessions[side]
        if session is None:
            made = self.recipient.accept(envelope)
            self.sessions[side], block, content, number, self.prefix = made
            expect(block == self.block, "the inner block differs")
        elif side == "recipient" and envelope[:1147] == self.prefix[:1147]:
            if envelope[: len(self.prefix)] != self.prefix:
                raise self.spec.Refused("HS-14")
            content, number = session.open_message(envelope[len(self.prefix):])
        else:
            content, number = session.open(envelope)
        session = self.sessions[side]
        return {
            "number": number, "content": content.hex(), "missing": session.missing(),
            "confirmed": session.confirmed, "epoch": session.kem.epoch,
        }

    def write_seed(self, owner):
        """The write seed of the mailbox that a side reads."""
        return UNHEX(self.given[owner]["chat write seed"])

    def frame(self, step):
        frame = self.spec.Frame(
            step["counter"], step["type"], step["echo"], step["newest"],
            [UNHEX(i) for i in step["delivered"]], [UNHEX(i) for i in step["read"]],
            UNHEX(step["fields"]),
        )
        other = "recipient" if step["by"] == "initiator" else "initiator"
        session = self.session(step["by"])
        sealed = session.seal_frame(frame, self.write_seed(other), UNHEX(step["nonce"]))
        self.frames.append(sealed)
        return {
            "frame": sealed.hex(), "block": frame.encode().hex(),
            "frame key": session.peer_frame_key.hex(),
        }

    def open_frame(self, step):
        return self.taken_frame(step, self.chosen(self.frames, step, "frame"))

    def deliver_frame(self, step):
        return self.taken_frame(step, UNHEX(step["bytes"]))

    def taken_frame(self, step, sealed):
        key = spec.ed25519_public(self.write_seed(step["by"]))
        if "write key" in step:
            key = UNHEX(step["write key"])
        frame = self.session(step["by"]).open_frame(sealed, key)
        return {"block": frame.encode().hex()}
