"""Checks the files of Vectors with an implementation that was written from SPEC.md alone.

usage: read_vectors.py FOLDER XUNIT

Every case of every suite but `wire` is computed anew: what comes out must be what the file says, and
what the file says is refused must be refused. Each label of the specification is then altered by one
bit, which some case must notice. Exit code 0 when everything agrees."""

import json
import os
import re
import sys
import types

import directory_spec
import files_spec
import kem
import session_spec
from chat_replay import Replay, expect, recipient_of
from file_cases import FileCases
from xunit import write_report

UNHEX = bytes.fromhex


def unhexed(given, *names):
    return [UNHEX(given[name]) for name in names]


class Suites(FileCases):
    """The operations. Each returns what it finds; what it leaves out is not compared."""

    def __init__(self, session, directory, files):
        self.session, self.directory, self.files = session, directory, files
        self.refused = session.Refused

    # Sessions.

    def chat(self, case):
        Replay(case, self.session).run()
        return {}

    def accept(self, case):
        given = case["in"]
        plain = recipient_of(given["recipient"], given["one-time"])
        recipient = self.session.Recipient(
            plain.account, plain.identity_fields, plain.identity_private, plain.signed_id,
            plain.signed_private,
        )
        recipient.one_time, recipient.kem = plain.one_time, plain.kem
        session, block, content, number, _ = recipient.accept(UNHEX(given["envelope"]))
        directory = self.directory
        directory.certificate(block[33:173], directory.ed25519_key(block[1:33]))
        expiry = int.from_bytes(block[33 + 68: 33 + 72], "big")
        directory.refuse(given["now"] >= expiry * 3600, "KD-2")
        handle = directory.handle_text(block[173:206], optional=True)
        directory.ed25519_key(block[303:335])
        extensions = directory.tagged_fields(block[475:])
        directory.refuse(any(tag & 0x8000 for tag, _ in extensions), "HS-8")
        directory.refuse(block[367] > 0 or block[368] < block[367], "HS-9")
        return {
            "session": session.id.hex(), "type": block[0], "account": block[1:33].hex(),
            "handle": handle, "number": number, "content": content.hex(),
        }

    def recovery_bundle(self, case):
        given = case["in"]
        key, kem_key, seed = unhexed(given, "signed prekey", "KEM prekey", "device seed")
        made = self.session.recovery_bundle(
            given["signed prekey id"], key, (given["KEM prekey id"], kem_key), given["made"], seed
        )
        return {"bundle": made.hex()}

    def read_recovery_bundle(self, case):
        bundle, device = unhexed(case["in"], "bundle", "device key")
        signed_id, key, (kem_id, kem), made = self.directory.recovery_bundle(bundle, device)
        return {
            "signed prekey id": signed_id, "signed prekey": key.hex(), "KEM prekey id": kem_id,
            "KEM prekey": kem.hex(), "made": made,
        }

    def content(self, case):
        type_, message_id, time, fields = self.directory.content(UNHEX(case["in"]["content"]))
        fields = [{"tag": tag, "value": value.hex()} for tag, value in fields]
        return {"type": type_, "id": message_id.hex(), "time": time, "fields": fields}

    def size(self, case):
        given = case["in"]
        return {"envelope": self.directory.envelope_size(given["fields"], given["prefix"])}

    def number(self, case):
        one, other = (self.directory.ed25519_key(k) for k in unhexed(case["in"], "one", "other"))
        text = self.session.safety_number(one, other)
        return {"text": text, "digits": text.replace(" ", "")}

    def compare(self, case):
        one, other = unhexed(case["in"], "one", "other")
        self.directory.safety_number_matches(one, other, case["in"]["typed"])
        return {"same": True}

    # The directory.

    def certificate(self, case):
        given = case["in"]
        seed, identity, device = unhexed(given, "account seed", "identity key", "device key")
        made = self.directory.make_certificate(
            seed, given["device id"], identity, device, given["expiry"], given["capabilities"]
        )
        account = self.session.ed25519_public(seed)
        return {"certificate": made.hex(), "account": account.hex()}

    def read_certificate(self, case):
        data, account = unhexed(case["in"], "certificate", "account")
        device_id, keys, (expiry, capabilities) = self.directory.certificate(data, account)
        return {
            "device id": device_id, "identity key": keys[:32].hex(),
            "device key": keys[32:].hex(), "expiry": expiry, "capabilities": capabilities,
        }

    def record(self, case):
        return {"record": self.directory.make_record(case["in"]).hex()}

    def read_record(self, case):
        record = self.directory.Record(UNHEX(case["in"]["record"]))
        return {
            "number": record.number, "handle": record.handle, "account": record.account.hex(),
            "recovery hash": record.recovery_hash.hex(), "devices": record.devices,
            "extensions": [tag for tag, _ in record.extensions],
            "recovered": record.proof is not None,
        }

    def succession(self, case):
        old, new = (self.directory.Record(data) for data in unhexed(case["in"], "old", "new"))
        return {"succession": new.follows(old)}

    def KEM_tree(self, case):
        return self.tree(case, "one-time KEM prekeys")

    def tree(self, case, name="one-time prekeys"):
        directory = self.directory
        keys = [UNHEX(key) for key in case["in"][name]]
        leaves = [directory.leaf(key) for key in keys]
        root, paths = directory.tree(leaves)
        issued = [directory.issue(key, i, paths[i]).hex() for i, key in enumerate(keys)]
        return {"leaves": [leaf.hex() for leaf in leaves], "root": root.hex(), "issued": issued}

    def bundle(self, case):
        return {"bundle": self.directory.make_bundle(case["in"]).hex()}

    def fetched(self, case):
        given, directory = case["in"], self.directory
        record, bundle, issued = unhexed(given, "record", "bundle", "issued")
        record, bundle = directory.Record(record), directory.Bundle(bundle)
        issued = directory.Issued(issued, directory.ONE_TIME)
        issued_kem = directory.Issued(UNHEX(given["issued KEM"]), directory.ONE_TIME_KEM)
        asked = given["device id"] or record.devices[0]
        bundle.check(record, asked, given["now"], 168)
        issued.check(bundle)
        issued_kem.check(bundle)
        return {
            "number": bundle.number, "signed prekey id": bundle.signed_id,
            "signed prekey": bundle.signed.hex(), "one-time prekey id": issued.id,
            "one-time prekey": issued.key.hex() if issued.key else None,
            "KEM prekey id": issued_kem.id or bundle.last_resort_id,
            "KEM prekey is one-time": issued_kem.id != 0,
        }

    def signed(self, seed, message):
        signature = self.session.ed25519_sign(seed, message)
        return {"signed": message.hex(), "signature": signature.hex()}

    def prekey_status(self, case):
        given, session = case["in"], self.session
        seed, channel = unhexed(given, "device seed", "handshake hash")
        message = b"postern/1 prekey status" + b"\5" + channel
        message += session.handle_field(given["handle"].encode()) + session.u32(given["device id"])
        return self.signed(seed, message)

    def handle_release(self, case):
        given, session = case["in"], self.session
        seed, channel = unhexed(given, "account seed", "handshake hash")
        message = b"postern/1 handle release" + b"\6" + channel
        message += session.handle_field(given["handle"].encode())
        message += session.u64(given["record number"])
        return self.signed(seed, message)

    # Invites: `seal` and `open` of the suite `invite`.

    def invite_seal(self, case):
        key, blob_id, blob_key, blob = self.directory.seal_invite(case["in"])
        return {
            "link key": key.hex(), "blob id": blob_id.hex(), "blob key": blob_key.hex(),
            "blob": blob.hex(),
        }

    def invite_open(self, case):
        blob, key = unhexed(case["in"], "blob", "link key")
        invite = self.directory.Invite(blob, key, case["in"]["now"])
        return {
            "random": invite.random.hex(), "handle": invite.record.handle,
            "account": invite.record.account.hex(), "mailbox": invite.bundle.mailbox.hex(),
            "signed prekey": invite.bundle.signed.hex(), "one-time prekey id": invite.issued.id,
            "KEM prekey id": invite.issued_kem.id or invite.bundle.last_resort_id,
        }

    # Mailboxes.

    def id(self, case):
        keys = [UNHEX(key) for key in case["in"]["keys"]]
        return {"id": self.directory.mailbox_id(case["in"]["kind"], keys).hex()}

    def attach(self, case):
        given = case["in"]
        seed, identifier, channel = unhexed(given, "seed", "id", "handshake hash")
        return self.signed(seed, self.directory.attach(given["role"], identifier, channel))

    def verify_attach(self, case):
        given = case["in"]
        key, identifier, channel, signature = unhexed(
            given, "key", "id", "handshake hash", "signature"
        )
        message = self.directory.attach(given["role"], identifier, channel)
        self.directory.ed25519_verify(key, signature, message, "MB-4")
        return {"valid": True}

    # The channel; `open` is of the suite `channel`.

    def channel(self, case):
        given, directory = case["in"], self.directory
        server, up, seed, down, message = unhexed(
            given, "server private", "client ephemeral", "client KEM seed", "server ephemeral",
            "server KEM message",
        )
        versions = given["offer"].encode(), given["choice"].encode()
        client, first = directory.connect(self.session.x25519_public(server), up, seed, *versions)
        _, second = directory.respond(server, first, down, message, *versions)
        directory.finish(client, up, seed, second)
        key_up, key_down = client.keys()
        encapsulation_key = kem.public_key(seed)
        secret, ciphertext = kem.encapsulate(encapsulation_key, message)
        es = self.session.x25519(up, self.session.x25519_public(server))
        ee = self.session.x25519(up, self.session.x25519_public(down))
        messages, plaintext = [], UNHEX(given["plaintext"])
        for wanted in given["messages"]:
            number = wanted["number"]
            nonce = directory.transport_nonce(number)
            keys = [directory.transport_key(key, number) for key in (key_up, key_down)]
            sealed = [self.session.aead(key, nonce, b"", plaintext) for key in keys]
            messages.append({
                "number": number, "key up": keys[0].hex(), "key down": keys[1].hex(),
                "nonce": nonce.hex(), "up": sealed[0].hex(), "down": sealed[1].hex(),
            })
        return {
            "prologue": client.prologue.hex(), "es": es.hex(),
            "encapsulation key": encapsulation_key.hex(), "first": first.hex(), "ee": ee.hex(),
            "ciphertext": ciphertext.hex(), "KEM secret": secret.hex(), "second": second.hex(),
            "hash": client.hash.hex(), "key up": key_up.hex(), "key down": key_down.hex(),
            "messages": messages,
        }

    def respond(self, case):
        given = case["in"]
        server, first, ephemeral, message = unhexed(
            given, "server private", "first", "server ephemeral", "server KEM message"
        )
        channel, second = self.directory.respond(
            server, first, ephemeral, message, given["offer"].encode(), given["choice"].encode()
        )
        return {"second": second.hex(), "hash": channel.hash.hex()}

    def client_side(self, given):
        key, ephemeral, seed, second = unhexed(
            given, "server key", "client ephemeral", "client KEM seed", "second"
        )
        channel, _ = self.directory.connect(
            key, ephemeral, seed, given["offer"].encode(), given["choice"].encode()
        )
        return self.directory.finish(channel, ephemeral, seed, second)

    def finish(self, case):
        return {"hash": self.client_side(case["in"]).hash.hex()}

    def channel_open(self, case):
        key = self.client_side(case["in"]).keys()[1]
        plaintext = self.directory.open_transport(key, UNHEX(case["in"]["message"]))
        return {"plaintext": plaintext.hex()}

    def run(self, suite, case):
        """Raises AssertionError when the case does not come to what it says."""
        name = case["op"].replace(" ", "_")
        operation = getattr(self, f"{suite}_{name}", None) or getattr(self, name)
        try:
            found = operation(case)
        except self.refused as refused:
            expect("error" in case, f"refused here ({refused})")
            return
        expect("error" not in case, f"accepted here, {case.get('rule')} refuses it")
        for key, value in found.items():
            expect(case["out"][key] == value, f"{key} differs")


def altered_labels():
    """The modules once for each of their labels, with one bit of it flipped."""
    sources = {}
    for module in (session_spec, directory_spec, files_spec):
        with open(module.__file__, encoding="utf-8") as file:
            sources[module.__name__] = file.read()
    labels = set(re.findall(r'b"(postern/1 [^"]+)"', "".join(sources.values())))
    for label in sorted(labels):
        altered = label[:-1] + chr(ord(label[-1]) ^ 1)
        made = {}
        for name, source in sources.items():
            module = types.ModuleType(name)
            code = source.replace(f'b"{label}"', f'b"{altered}"')
            saved = {other: sys.modules[other] for other in made}
            sys.modules.update(made)
            try:
                exec(compile(code, name, "exec"), module.__dict__)
            finally:
                sys.modules.update(saved)
            made[name] = module
        yield label, Suites(*made.values())


def is_noticed(suites, files):
    for suite, cases in files:
        for case in cases:
            # Refusals are no sign: a wrong label refuses too much.
            if "error" in case or suite == "ratchet" and case["op"] == "chat":
                continue
            try:
                suites.run(suite, case)
            except AssertionError:
                return True
    return False


def cases_of(folder):
    files = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            content = json.load(file)
        expect(content["format"] == "postern/1 vectors", f"{name}: format")
        expect(content["suite"] + ".json" == name, f"{name}: suite")
        if content["suite"] != "wire":
            files.append((content["suite"], content["cases"]))
    expect(len(files) == 11, "number of files")
    suites = Suites(session_spec, directory_spec, files_spec)
    for suite, cases in files:
        for case in cases:
            yield f"{suite}: {case['name']}", lambda s=suite, c=case: suites.run(s, c)
    for label, altered in altered_labels():
        yield (
            f"altered label is noticed: {label}",
            lambda a=altered: expect(is_noticed(a, files), "an altered label goes unnoticed"),
        )


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 64
    return write_report("read_vectors", list(cases_of(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
