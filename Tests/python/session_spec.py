"""Sections 5 to 7 of SPEC.md once more: handshake, ratchet, envelopes, ephemeral frames, safety
number. Written from the text of the specification with PyPI libraries; it shares no code, no
constants and no test material with the Swift side. Clear before fast."""

import copy
import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl import bindings
from nacl.exceptions import CryptoError

import kem


class Refused(Exception):
    """What a MUST of the specification refuses."""


# Section 2: notation.

def zeros(count):
    return b"\0" * count


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


def u64(value):
    return struct.pack(">Q", value)


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(salt, ikm, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(ikm)


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def aead(key, nonce, ad, plaintext):
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, ad)


def aead_open(key, nonce, ad, box):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, box, ad)
    except (InvalidTag, ValueError):
        return None


def xaead(key, nonce, ad, plaintext):
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, ad, nonce, key)


def xaead_open(key, nonce, ad, box):
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(box, ad, nonce, key)
    except CryptoError:
        return None


def x25519_public(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519(private, public):
    """HS-2: a canonical key, and no agreement of zeros."""
    if int.from_bytes(public, "little") >= 2**255 - 19:
        raise Refused("HS-2 not canonical")
    try:
        own = X25519PrivateKey.from_private_bytes(private)
        return own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("HS-2 zero") from None


def ed25519_public(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def ed25519_is_valid(public, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


# Section 5: handshake.

VERSION = b"\0"
FIRST_MESSAGE = 4096


def server_field(key, host):
    return key + bytes([len(host)]) + host + zeros(64 - len(host))


def handle_field(handle):
    return bytes([len(handle)]) + handle + zeros(32 - len(handle))


def device_certificate_is_valid(account, certificate):
    """Section 9.2."""
    signed = b"postern/1 device certificate" + b"\1" + account + certificate[:76]
    return ed25519_is_valid(account, certificate[76:140], signed)


def make_device_certificate(account_seed, device_id, identity, device, expiry):
    body = u32(device_id) + identity + device + u32(expiry) + u32(0)
    account = ed25519_public(account_seed)
    signed = b"postern/1 device certificate" + b"\1" + account + body
    return body + ed25519_sign(account_seed, signed)


def inner_block(type_, account, certificate, handle, server, read_key, write_seed, extensions):
    block = bytes([type_]) + account + certificate + handle_field(handle) + server
    block += read_key + write_seed + bytes([0, 0]) + zeros(104)
    return block + u16(len(extensions)) + extensions


class PreKeys:
    """What an initiator knows of a recipient; `kem` is (id, key), `one_time` that or None."""

    def __init__(self, account, identity_fields, signed_id, signed, kem_prekey, one_time=None):
        self.account = account
        self.identity_key = identity_fields[4:36]
        self.recipient = account + identity_fields
        self.signed_id = signed_id
        self.signed = signed
        self.kem_id, self.kem = kem_prekey
        self.one_time = one_time

    @property
    def bound(self):
        one_time_id, one_time = self.one_time or (0, zeros(32))
        prekeys = u32(self.signed_id) + self.signed + u32(one_time_id) + one_time
        return self.recipient + prekeys + u32(self.kem_id) + self.kem


def outer_key(dh1, ek_sent, signed):
    return hkdf(zeros(32), dh1, b"postern/1 handshake outer" + ek_sent + signed, 32)


def inner_key(agreed, opening, prekeys, ciphertext):
    context = sha256(b"postern/1 handshake context" + opening + prekeys.bound + ciphertext)
    return hkdf(zeros(32), agreed, b"postern/1 handshake inner" + context, 32)


def transcript(prefix, block, prekeys, ciphertext):
    bound = prekeys.bound + ciphertext
    return sha256(b"postern/1 handshake transcript" + prefix + block + bound)


def session_secrets(agreed, dh4, session_id):
    out = hkdf(zeros(32), agreed + dh4, b"postern/1 handshake session" + session_id, 96)
    return out[:32], out[32:64], out[64:]


def begin(block, identity_private, prekeys, draws):
    """H1 to H6 for the initiator. `draws`: EK, the coin for its top bit, what the KEM's secret is
    made from, A0."""
    ek_private, coin, kem_message, ratchet_private = draws
    ek = bytearray(x25519_public(ek_private))
    ek[31] |= coin[0] & 0x80
    ek_sent = bytes(ek)
    dh1 = x25519(ek_private, prekeys.signed)
    dh2 = x25519(ek_private, prekeys.identity_key)
    dh3 = x25519(ek_private, prekeys.one_time[1]) if prekeys.one_time else zeros(32)
    if not kem.is_public_key(prekeys.kem) or prekeys.kem == zeros(1184):
        raise Refused("WI-6")
    kem_secret, ciphertext = kem.encapsulate(prekeys.kem, kem_message)
    agreed = dh1 + dh2 + dh3 + kem_secret
    one_time_id = prekeys.one_time[0] if prekeys.one_time else 0
    outer = u32(one_time_id) + u32(prekeys.kem_id) + u16(len(block)) + ciphertext
    opening = VERSION + ek_sent
    opening += aead(outer_key(dh1, ek_sent, prekeys.signed), zeros(12), opening, outer)
    assert len(opening) == 1147
    inner = inner_key(agreed, opening, prekeys, ciphertext)
    prefix = opening + aead(inner, zeros(12), opening, block)
    session_id = transcript(prefix, block, prekeys, ciphertext)
    dh4 = x25519(identity_private, prekeys.signed)
    root, header_i, header_r = session_secrets(agreed, dh4, session_id)
    session = Session(session_id, 0)
    session.prefix = prefix
    session.trace = {
        "dh1": dh1, "outer key": outer_key(dh1, ek_sent, prekeys.signed), "dh2": dh2,
        "dh3": dh3, "KEM secret": kem_secret, "inner key": inner, "inner block": block,
        "prefix": prefix, "session": session_id, "dh4": dh4, "root key": root,
        "header key I": header_i, "header key R": header_r,
    }
    root, chain, next_header, frame = root_step(root, x25519(ratchet_private, prekeys.signed))
    session.root = root
    session.sending = SendingChain(chain, header_i, ratchet_private, 0)
    session.next_sending_header = next_header
    session.next_receiving_header = header_r
    session.own_frame_keys = [frame]
    return session


class Recipient:
    """Who reads first messages: its keys. `one_time` and `kem` map ids to private halves, of the
    KEM to seeds."""

    def __init__(self, account, identity_fields, identity_private, signed_id, signed_private):
        self.account = account
        self.identity_fields = identity_fields
        self.identity_private = identity_private
        self.signed_id = signed_id
        self.signed_private = signed_private
        self.one_time = {}
        self.kem = {}

    def accept(self, envelope):
        """H2 to H5 and the first message: (session, inner block, content, number, prefix)."""
        if len(envelope) != FIRST_MESSAGE or envelope[:1] != VERSION:
            raise Refused("HS-1")
        ek_sent = envelope[1:33]
        ek = ek_sent[:31] + bytes([ek_sent[31] & 0x7F])
        signed = x25519_public(self.signed_private)
        dh1 = x25519(self.signed_private, ek)
        outer = aead_open(
            outer_key(dh1, ek_sent, signed), zeros(12), envelope[:33], envelope[33:1147]
        )
        if outer is None:
            raise Refused("HS-4")
        one_time_id, kem_id, size = struct.unpack(">IIH", outer[:10])
        if not 475 <= size <= 987:
            raise Refused("5.2")
        ciphertext = outer[10:]
        if kem_id == 0 or kem_id not in self.kem:
            raise Refused("HS-6")
        if one_time_id and one_time_id not in self.one_time:
            raise Refused("HS-5")
        one_time_private = self.one_time.get(one_time_id) if one_time_id else None
        dh2 = x25519(self.identity_private, ek)
        dh3 = x25519(one_time_private, ek) if one_time_private else zeros(32)
        seed = self.kem[kem_id]
        agreed = dh1 + dh2 + dh3 + kem.decapsulate(seed, ciphertext)
        kem_prekey = (kem_id, kem.public_key(seed))
        one_time = (one_time_id, x25519_public(one_time_private)) if one_time_private else None
        prekeys = PreKeys(
            self.account, self.identity_fields, self.signed_id, signed, kem_prekey, one_time
        )
        opening = envelope[:1147]
        prefix = envelope[: 1147 + size + 16]
        inner = inner_key(agreed, opening, prekeys, ciphertext)
        block = aead_open(inner, zeros(12), opening, prefix[1147:])
        if block is None:
            raise Refused("inner")
        if block[0] > 1:
            raise Refused("HS-7")
        account, certificate = block[1:33], block[33:173]
        if not device_certificate_is_valid(account, certificate):
            raise Refused("HS-8")
        if certificate[4:36] == self.identity_fields[4:36]:
            raise Refused("HS-10")
        if block[367] != 0 or block[369:473] != zeros(104):
            raise Refused("HS-8 or HS-9")
        if len(block) != 475 + struct.unpack(">H", block[473:475])[0]:
            raise Refused("HS-8")
        session_id = transcript(prefix, block, prekeys, ciphertext)
        dh4 = x25519(self.signed_private, certificate[4:36])
        root, header_i, header_r = session_secrets(agreed, dh4, session_id)
        session = Session(session_id, 1)
        session.root = root
        session.signed_private = self.signed_private
        session.next_sending_header = header_r
        session.next_receiving_header = header_i
        content, number = session.open_message(envelope[len(prefix):])
        return session, block, content, number, prefix


# Section 6: ratchet.

SKIP_MAX = 1000


def root_step(root, dh, epoch=0):
    out = hkdf(root, dh, b"postern/1 ratchet root" + u32(epoch), 128)
    return out[:32], out[32:64], out[64:96], out[96:]


def chain_step(chain):
    return hmac_sha256(chain, b"\1"), hmac_sha256(chain, b"\2")


def link(before, number, tag):
    return sha256(before + u64(number) + tag)


class SendingChain:
    def __init__(self, key, header_key, private, previous):
        self.key, self.header_key, self.private = key, header_key, private
        self.previous, self.count = previous, 0


class ReceivingChain:
    def __init__(self, key, header_key, public, base, epoch):
        self.key, self.header_key, self.public = key, header_key, public
        self.base, self.epoch, self.count = base, epoch, 0


LAST_EPOCH = 2**32 - 1


def kem_maker(epoch):
    """The role that makes the key of an epoch."""
    return 0 if epoch % 2 == 1 else 1


def kem_chunks(data):
    data += zeros(1200 - len(data))
    return {i: data[240 * i: 240 * i + 240] for i in range(5)}


class KEMStep:
    """Section 6.8, one side: chunks of the next epoch's key and ciphertext, by index."""

    def __init__(self, role, epoch):
        self.role, self.epoch = role, epoch
        self.seed = self.secret = None
        self.key, self.ciphertext = {}, {}
        self.next, self.answered = 0, False

    @property
    def makes_key(self):
        return self.epoch < LAST_EPOCH and kem_maker(self.epoch + 1) == self.role

    @staticmethod
    def whole(chunks):
        return b"".join(chunks[i] for i in range(5)) if len(chunks) == 5 else None

    @property
    def binding(self):
        return sha256(self.whole(self.key)[:1184] + self.whole(self.ciphertext)[:1088])

    def field(self, draws):
        """DR-27: kind, index and chunk of the next message."""
        if self.makes_key:
            if self.answered or len(self.ciphertext) == 5:
                return zeros(242)
            if self.seed is None:
                self.seed = draws("kem", 64)
                key = kem.public_key(self.seed)
                self.key = kem_chunks(key + sha256(key)[:16])
            return self.chunk(1, self.key)
        if len(self.key) < 5:
            return zeros(242)
        if self.secret is None:
            key = self.whole(self.key)[:1184]
            self.secret, ciphertext = kem.encapsulate(key, draws("kem", 32))
            self.ciphertext = kem_chunks(ciphertext + sha256(key + ciphertext)[:16])
            self.next = 0
        return self.chunk(2, self.ciphertext)

    def chunk(self, kind, chunks):
        index, self.next = self.next, (self.next + 1) % 5
        return bytes([kind, index]) + chunks[index]

    def take(self, field, epoch):
        """DR-28, DR-29."""
        kind, index, chunk = field[0], field[1], field[2:]
        if epoch != self.epoch:
            return
        self.answered = kind == 2 and self.seed is not None
        if kind == 1 and self.key.get(index) != chunk:
            if index in self.key:
                self.key, self.ciphertext, self.secret = {}, {}, None
            self.key[index] = chunk
            whole = self.whole(self.key)
            if whole and (
                sha256(whole[:1184])[:16] != whole[1184:] or not kem.is_public_key(whole[:1184])
            ):
                self.key = {}
        if kind == 2 and self.seed and self.ciphertext.get(index) != chunk:
            if index in self.ciphertext:
                self.ciphertext = {}
            self.ciphertext[index] = chunk
            whole = self.whole(self.ciphertext)
            if whole and self.binding[:16] != whole[1088:1104]:
                self.ciphertext, self.answered = {}, False

    def decapsulated(self):
        """DR-30: the maker's secret, if the ciphertext has come."""
        if self.seed is None or len(self.ciphertext) < 5:
            return None
        return kem.decapsulate(self.seed, self.whole(self.ciphertext)[:1088])


class Session:
    def __init__(self, session_id, role):
        self.id, self.role = session_id, role
        self.prefix = b""
        self.root = None
        self.signed_private = None
        self.sending = self.receiving = None
        self.next_sending_header = self.next_receiving_header = None
        self.ended_length = 0
        self.sent, self.sent_link, self.sent_tag = 0, session_id, zeros(16)
        # (header key, ratchet key, base, epoch) -> {N: message key}
        self.skipped = {}
        # number -> (link, tag) of everything received; the specification lets a receiver forget
        # what it needs no more, this one is in no hurry.
        self.received = {0: (session_id, zeros(16))}
        self.confirmed = False
        self.own_frame_keys, self.peer_frame_key = [], None
        self.kem = KEMStep(role, 0)

    def data(self, sender):
        return self.id + bytes([sender])

    @property
    def highest(self):
        return max(self.received)

    def missing(self):
        """DR-13: runs of numbers below the highest."""
        runs = []
        for number in range(1, self.highest):
            if number in self.received:
                continue
            if runs and runs[-1][1] == number - 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return runs

    # Sealing.

    def seal(self, content, draws, change=lambda header: header):
        """`draws(name, count)` gives the new ratchet key ("key") if a chain begins, what an ML-KEM
        key or ciphertext is made from ("kem"), and the header's nonce ("nonce"). `change` is for
        a side that breaks the rules."""
        taken = len(self.prefix or VERSION) + 24 + 302 + 40 + len(content) + 1 + 16
        if taken > (FIRST_MESSAGE if self.prefix else 16384):
            raise Refused("EN-2")
        if self.prefix and self.sent >= 5:
            raise Refused("HS-13")
        step = None
        if self.sending is None:
            private = draws("key", 32)
            dh = x25519(private, self.receiving.public)
            secret, binding, epoch = self.kem.decapsulated(), b"", self.kem.epoch
            if secret:
                binding, epoch = self.kem.binding, epoch + 1
                self.kem = KEMStep(self.role, epoch)
            root, chain, next_header, frame = root_step(
                self.root, dh + (secret or b"") + binding, epoch
            )
            self.root = root
            self.sending = SendingChain(
                chain, self.next_sending_header, private, self.ended_length
            )
            self.next_sending_header = next_header
            self.own_frame_keys = (self.own_frame_keys + [frame])[-3:]
            step = {
                "ratchet key": x25519_public(private), "root key": root,
                "next header key": next_header, "frame key": frame,
            }
            mixed = {"secret": secret.hex(), "binding": binding.hex()} if secret else None
        had_secret = self.kem.secret is not None
        field = self.kem.field(draws)
        nonce = draws("nonce", 24)
        chain = self.sending
        message_key, chain.key = chain_step(chain.key)
        header = x25519_public(chain.private) + u32(chain.previous) + u32(chain.count)
        header = change(header + u32(self.kem.epoch) + field)
        assert len(header) == 286
        chain.count += 1
        sealed_header = xaead(chain.header_key, nonce, self.data(self.role), header)
        self.sent += 1
        self.sent_link = link(self.sent_link, self.sent, self.sent_tag)
        block = u64(self.sent) + self.sent_link + content + b"\x80"
        head = self.prefix or VERSION
        fixed = len(head) + 24 + 302 + 16
        if self.prefix:
            size = FIRST_MESSAGE
        else:
            size = min(s for s in (1024, 4096, 16384) if s >= fixed + len(block))
        block += zeros(size - fixed - len(block))
        data = self.data(self.role) + nonce + sealed_header
        envelope = head + nonce + sealed_header + aead(message_key, nonce[:12], data, block)
        assert len(envelope) == size
        self.sent_tag = envelope[-16:]
        self.made = {
            "header key": chain.header_key.hex(), "header block": header.hex(),
            "message key": message_key.hex(), "link": self.sent_link.hex(),
        }
        if step:
            step["chain key'"] = chain.key
            step["dh"] = dh
            self.made["root step"] = {name: value.hex() for name, value in step.items()}
            self.made["root step"]["epoch"] = self.kem.epoch
            if mixed:
                self.made["root step"]["kem"] = mixed
        if self.kem.secret is not None and not had_secret:
            self.made["encapsulation"] = {
                "secret": self.kem.secret.hex(), "binding": self.kem.binding.hex(),
            }
        return envelope

    # Opening.

    def open(self, envelope):
        if len(envelope) not in (1024, 4096, 16384) or envelope[:1] != VERSION:
            raise Refused("EN-1")
        return self.open_message(envelope[1:])

    def open_message(self, message):
        """(content, number); refused messages leave the state as it was (DR-6)."""
        work = copy.deepcopy(self)
        result = work.take(message)
        self.__dict__ = work.__dict__
        return result

    def take(self, message):
        nonce, header_box, body = message[:24], message[24:326], message[326:]
        data = self.data(1 - self.role)
        field_is_read = True
        chain = self.receiving
        if chain and (header := xaead_open(chain.header_key, nonce, data, header_box)):
            public, _, number, epoch = self.parse_header(header)
            if public != chain.public:
                raise Refused("DR-3")
            if epoch != chain.epoch:
                raise Refused("DR-26")
            if number < chain.count:
                key, base = self.skipped_key(chain.header_key, public, number)
            else:
                self.skip(number)
                key, chain.key = chain_step(chain.key)
                chain.count, base = number + 1, chain.base
        elif header := xaead_open(self.next_receiving_header, nonce, data, header_box):
            public, previous, number, epoch = self.parse_header(header)
            field_is_read = epoch == self.kem.epoch
            key, base = self.turn(public, previous, number, epoch)
        else:
            for header_key, public, _, chain_epoch in list(self.skipped):
                if header := xaead_open(header_key, nonce, data, header_box):
                    found, _, number, epoch = self.parse_header(header)
                    if found != public:
                        raise Refused("DR-3")
                    if epoch != chain_epoch:
                        raise Refused("DR-26")
                    key, base = self.skipped_key(header_key, public, number)
                    break
            else:
                raise Refused("no header key")
        block = aead_open(key, nonce[:12], data + nonce + header_box, body)
        if block is None:
            raise Refused("body")
        content = self.finish(block, base + number + 1, body[-16:])
        # DR-28: a chunk counts for the epoch that the root key had before the message's own step.
        if field_is_read:
            self.kem.take(header[44:], epoch)
        self.prefix = b""
        return content, base + number + 1

    def parse_header(self, header):
        """DR-2."""
        public, previous, number, epoch = header[:32], *struct.unpack(">III", header[32:44])
        if int.from_bytes(public, "little") >= 2**255 - 19 or number == 2**32 - 1:
            raise Refused("DR-2")
        kind, index = header[44], header[45]
        if kind == 0 and header[45:] != zeros(241) or kind > 2 or index > 4:
            raise Refused("DR-2")
        if kind != 0 and epoch == LAST_EPOCH:
            raise Refused("DR-2")
        sender = 1 - self.role
        if kind != 0 and (kind == 1) != (kem_maker(epoch + 1) == sender):
            raise Refused("DR-2")
        if kind == 2 and index == 4 and header[46 + 144:] != zeros(96):
            raise Refused("DR-2")
        return public, previous, number, epoch

    def skipped_key(self, header_key, public, number):
        for place, keys in list(self.skipped.items()):
            found, key, base, _ = place
            if found == header_key and key == public and number in keys:
                message_key = keys.pop(number)
                if not keys:
                    del self.skipped[place]
                return message_key, base
        raise Refused("DR-14")

    def skip(self, number):
        """Keeps the keys of the current chain up to `number` (DR-4)."""
        chain = self.receiving
        if number - chain.count > SKIP_MAX:
            raise Refused("DR-4")
        place = (chain.header_key, chain.public, chain.base, chain.epoch)
        while chain.count < number:
            key, chain.key = chain_step(chain.key)
            self.skipped.setdefault(place, {})[chain.count] = key
            chain.count += 1

    def turn(self, public, previous, number, epoch):
        chain, base = self.receiving, 0
        if chain:
            if public == chain.public or previous < chain.count:
                raise Refused("DR-3")
            self.skip(previous)
            base = chain.base + previous
        elif previous != 0:
            raise Refused("6.3")
        private = self.signed_private or (self.sending and self.sending.private)
        if not private:
            raise Refused("6.3: no own ratchet key")
        mixed = b""
        if epoch != self.kem.epoch:
            if epoch != self.kem.epoch + 1 or self.kem.secret is None:
                raise Refused("DR-26")
            mixed = self.kem.secret + self.kem.binding
            self.kem = KEMStep(self.role, epoch)
        root, key, next_header, frame = root_step(
            self.root, x25519(private, public) + mixed, epoch
        )
        self.confirmed = self.confirmed or self.signed_private is None
        self.root, self.signed_private = root, None
        self.receiving = ReceivingChain(key, self.next_receiving_header, public, base, epoch)
        self.next_receiving_header, self.peer_frame_key = next_header, frame
        if self.sending:
            self.ended_length, self.sending = self.sending.count, None
        self.skip(number)
        message_key, self.receiving.key = chain_step(self.receiving.key)
        self.receiving.count = number + 1
        return message_key, base

    def finish(self, block, number, tag):
        unpadded = block.rstrip(b"\0")
        if unpadded[-1:] != b"\x80" or len(unpadded) < 41:
            raise Refused("EN-3")
        claimed, claimed_link = struct.unpack(">Q", block[:8])[0], block[8:40]
        if claimed != number:
            raise Refused("DR-11")
        if number in self.received:
            raise Refused("DR-14")
        before = self.received.get(number - 1)
        if before and claimed_link != link(before[0], number, before[1]):
            raise Refused("DR-12 below")
        after = self.received.get(number + 1)
        if after and after[0] != link(claimed_link, number + 1, tag):
            raise Refused("DR-12 above")
        self.received[number] = (claimed_link, tag)
        return unpadded[40:-1]

    # Section 7.5: ephemeral frames.

    def seal_frame(self, frame, write_seed, nonce):
        if self.peer_frame_key is None:
            raise Refused("EN-20")
        block = frame.encode()
        block += ed25519_sign(write_seed, FRAME_LABEL + self.data(self.role) + block)
        box = xaead(self.peer_frame_key, nonce, VERSION + self.data(self.role), block)
        return VERSION + nonce + box

    def open_frame(self, data, write_key):
        if len(data) != 1024 or data[:1] != VERSION:
            raise Refused("EN-12")
        sender = self.data(1 - self.role)
        for key in self.own_frame_keys:
            block = xaead_open(key, data[1:25], VERSION + sender, data[25:])
            if block is None:
                continue
            if not ed25519_is_valid(write_key, block[919:], FRAME_LABEL + sender + block[:919]):
                raise Refused("EN-12 signature")
            return Frame.parse(block[:919])
        raise Refused("EN-12 key")


FRAME_LABEL = b"postern/1 ephemeral frame"


class Frame:
    def __init__(self, counter, type_, echo, newest, delivered, read, fields):
        self.counter, self.type, self.echo, self.newest = counter, type_, echo, newest
        self.delivered, self.read, self.fields = delivered, read, fields

    def encode(self):
        block = u64(self.counter) + u16(self.type) + u64(self.echo) + u64(self.newest)
        block += bytes([len(self.delivered), len(self.read)])
        block += b"".join(self.delivered) + b"".join(self.read) + self.fields
        if len(block) > 919 or len(self.delivered) + len(self.read) > 16:
            raise Refused("EN-17")
        if not 0 < self.counter < 2**62 or self.echo >= 2**62:
            raise Refused("7.5")
        return block + zeros(919 - len(block))

    @staticmethod
    def parse(block):
        counter, type_, echo, newest = struct.unpack(">QHQQ", block[:26])
        delivered, read = block[26], block[27]
        if not 0 < counter < 2**62 or echo >= 2**62 or delivered + read > 16:
            raise Refused("EN-12")
        ids = [block[28 + 16 * i: 44 + 16 * i] for i in range(delivered + read)]
        offset = start = 28 + 16 * (delivered + read)
        last = 0
        while offset < 919 and block[offset] != 0:
            if block[offset] <= last or offset + 3 > 919:
                raise Refused("EN-4")
            last = block[offset]
            offset += 3 + struct.unpack(">H", block[offset + 1: offset + 3])[0]
        if offset > 919 or block[offset:] != zeros(919 - offset):
            raise Refused("EN-12")
        fields = block[start:offset]
        return Frame(counter, type_, echo, newest, ids[:delivered], ids[delivered:], fields)


# Section 6.7: recovery bundle. Section 7.6: safety number.

def recovery_bundle(signed_id, signed, kem_prekey, hours, device_seed):
    body = u32(signed_id) + signed + u32(kem_prekey[0]) + kem_prekey[1] + u32(hours)
    return body + ed25519_sign(device_seed, b"postern/1 recovery bundle" + body)


def safety_half(account):
    digest = hashlib.sha512(b"postern/1 safety number" + account).digest()
    for _ in range(5199):
        digest = hashlib.sha512(digest + account).digest()
    groups = [int.from_bytes(digest[5 * k: 5 * k + 5], "big") % 10_000 for k in range(8)]
    return "".join(f"{group:04d}" for group in groups)


def safety_number(one, other):
    digits = "".join(sorted([safety_half(one), safety_half(other)]))
    return " ".join(digits[i: i + 4] for i in range(0, 64, 4))


# Section 7.2: content.

def content(type_, message_id, milliseconds, fields):
    out = u16(type_) + message_id + u64(milliseconds)
    for tag, value in sorted(fields):
        out += bytes([tag]) + u16(len(value)) + value
    return out
