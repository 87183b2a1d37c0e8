"""Sections 2, 7, 9, 10 and 11 of SPEC.md once more, as far as session_spec.py has them not: keys,
content, certificates, records, prekeys, bundles, invites, mailboxes, the channel's handshake.
Written from the text of the specification; it shares nothing with the Swift side."""

import struct

import kem
import session_spec as base
from session_spec import Refused, sha256, u16, u32, u64, zeros

# Section 4.2: public keys. Curve arithmetic for the small orders only.

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P


def refuse(condition, rule):
    if condition:
        raise Refused(rule)


def ed25519_points(y):
    """Both points with this y, or none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return [(x, y), (P - x, y)] if x * x % P == square else []


def add(a, b):
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, P - 2, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, P - 2, P) % P
    return x, y


def is_small_order(encoded):
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    for point in ed25519_points(y % P):
        for _ in range(3):
            point = add(point, point)
        return point == (0, 1)
    return False


def ed25519_key(key):
    refuse(len(key) != 32, "WI-6 length")
    refuse(int.from_bytes(key, "little") & (2**255 - 1) >= P, "PR-2")
    refuse(is_small_order(key), "PR-3")
    return key


def x25519_key(key):
    refuse(len(key) != 32, "WI-6 length")
    refuse(int.from_bytes(key, "little") >= P, "PR-2")
    base.x25519(sha256(b"any private key"), key)
    return key


def kem_key(key):
    refuse(not kem.is_public_key(key), "PR-11")
    refuse(key == zeros(1184), "WI-6")
    return key


def ed25519_verify(key, signature, message, rule):
    refuse(len(signature) != 64 or is_small_order(signature[:32]), rule)
    refuse(not base.ed25519_is_valid(key, signature, message), rule)


class Reader:
    def __init__(self, data):
        self.data, self.offset = data, 0

    def take(self, count):
        refuse(self.offset + count > len(self.data), "WI-1")
        self.offset += count
        return self.data[self.offset - count: self.offset]

    def whole(self, count):
        return int.from_bytes(self.take(count), "big")

    def zeros(self, count):
        refuse(self.take(count) != zeros(count), "WI-3")

    def end(self):
        refuse(self.offset != len(self.data), "WI-2")


def tagged_fields(data):
    reader, last, fields = Reader(data), -1, []
    while reader.offset < len(data):
        tag = reader.whole(2)
        refuse(tag <= last, "WI-4")
        last = tag
        fields.append((tag, reader.take(reader.whole(2))))
    return fields


def handle_text(field, optional=False):
    if optional and field == zeros(33):
        return ""
    length, rest = field[0], field[1:]
    refuse(not 3 <= length <= 32 or rest[length:] != zeros(32 - length), "WI-3, WI-10")
    text = rest[:length]
    refuse(any(c not in b"abcdefghijklmnopqrstuvwxyz0123456789_." for c in text), "WI-10")
    return text.decode()


# Section 7.2 and 7.3: content.

def content(data):
    refuse(len(data) < 26, "EN-4")
    type_, message_id, time = struct.unpack(">H16sQ", data[:26])
    fields, offset = [], 26
    while offset < len(data):
        refuse(offset + 3 > len(data), "EN-4")
        tag, size = data[offset], struct.unpack(">H", data[offset + 1: offset + 3])[0]
        refuse(tag <= (fields[-1][0] if fields else 0), "EN-4")
        refuse(offset + 3 + size > len(data), "EN-4")
        fields.append((tag, data[offset + 3: offset + 3 + size]))
        offset += 3 + size
    known = dict(fields)
    refuse(0xc1 in known and len(known[0xc1]) != 1292, "EN-7")
    if 0xc0 in known:
        refuse(not 0 < len(known[0xc0]) <= 720 or len(known[0xc0]) % 40, "EN-7")
    own = known.get(1)
    if type_ in (0x0001, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006, 0x8007, 0x8014):
        refuse(own is None, "EN-7")
    if type_ == 0x0001:
        try:
            refuse(not own.decode("utf-8"), "EN-8")
        except UnicodeDecodeError:
            raise Refused("EN-8") from None
    elif type_ in (0x8001, 0x8002, 0x8014):
        refuse(not own or len(own) % 16, "EN-7")
    elif type_ in (0x8003, 0x8004):
        refuse(own not in (b"\0", b"\1"), "EN-7")
    elif type_ in (0x8005, 0x8006):
        refuse(len(own) not in ((161,) if type_ == 0x8005 else (161, 322)), "EN-7")
    elif type_ == 0x8007:
        refuse(len(own) != 2048, "EN-7")
    elif type_ == 0x8008:
        refuse(0xc1 not in known, "EN-7")
    return type_, message_id, time, fields


def envelope_size(fields, prefix):
    """EN-2: 410 bytes are not the fields'; behind a prefix one version byte less is."""
    if prefix:
        refuse(prefix + 409 + fields > 4096, "EN-2")
        return 4096
    for size in (1024, 4096, 16384):
        if 410 + fields <= size:
            return size
    raise Refused("EN-2")


def safety_number_matches(one, other, typed):
    digits = typed.translate({ord(c): None for c in " \n\r\t-"})
    refuse(digits != base.safety_number(one, other).replace(" ", ""), "EN-21")


def recovery_bundle(data, device):
    refuse(len(data) != 1292 or data[:4] == zeros(4), "DR-22")
    x25519_key(data[4:36])
    refuse(data[36:40] == zeros(4), "DR-22")
    kem_prekey = int.from_bytes(data[36:40], "big"), kem_key(data[40:1224])
    ed25519_verify(device, data[1228:], b"postern/1 recovery bundle" + data[:1228], "DR-22")
    made = int.from_bytes(data[1224:1228], "big")
    return int.from_bytes(data[:4], "big"), data[4:36], kem_prekey, made


# Section 9: certificates and records.

def make_certificate(account_seed, device_id, identity, device, expiry, capabilities):
    body = u32(device_id) + identity + device + u32(expiry) + u32(capabilities)
    account = base.ed25519_public(account_seed)
    signed = b"postern/1 device certificate" + b"\1" + account + body
    return body + base.ed25519_sign(account_seed, signed)


def certificate(data, account):
    refuse(len(data) != 140, "WI-1, WI-2")
    refuse(data[:4] == zeros(4), "9.2")
    x25519_key(data[4:36])
    ed25519_key(data[36:68])
    signed = b"postern/1 device certificate" + b"\1" + account + data[:76]
    ed25519_verify(account, data[76:], signed, "KD-1")
    return struct.unpack(">I", data[:4])[0], data[4:68], struct.unpack(">II", data[68:76])


RECORD = b"postern/1 account record"


def recovery_hash(key):
    return sha256(b"postern/1 recovery key" + key)


def make_record(given):
    unhex = bytes.fromhex
    account_seed, recovery_seed = unhex(given["account seed"]), unhex(given["recovery seed"])
    recovery = base.ed25519_public(recovery_seed)
    handle = given["handle"].encode()
    body = b"\2\1" + u64(given["number"])
    body += base.handle_field(handle) if handle else zeros(33)
    body += base.ed25519_public(account_seed) + recovery_hash(recovery)
    if "moved to host" in given:
        body += base.server_field(unhex(given["moved to key"]), given["moved to host"].encode())
        body += base.handle_field(given["moved to handle"].encode())
    else:
        body += zeros(130)
    body += u64(given["capabilities"]) + bytes([len(given["certificates"])])
    body += b"".join(unhex(c) for c in given["certificates"])
    extensions = unhex(given["extensions"])
    body += u16(len(extensions)) + extensions
    if given["recovered"]:
        signature = base.ed25519_sign(recovery_seed, b"postern/1 recovered record" + body)
        body += b"\1" + recovery + signature
    else:
        body += b"\0"
    body += base.ed25519_sign(account_seed, RECORD + body)
    return body + zeros(2048 - len(body))


class Record:
    def __init__(self, data):
        refuse(len(data) != 2048, "KD-3")
        self.data, reader = data, Reader(data)
        refuse(reader.take(2) != b"\2\1", "WI-7")
        self.number = reader.whole(8)
        refuse(self.number == 0, "9.3")
        self.handle = handle_text(reader.take(33), optional=True)
        self.account = ed25519_key(reader.take(32))
        self.recovery_hash = reader.take(32)
        server, handle = reader.take(97), reader.take(33)
        if server == zeros(97):
            refuse(handle != zeros(33), "WI-3")
        else:
            x25519_key(server[:32])
            refuse(not 1 <= server[32] <= 64 or any(server[33 + server[32]:]), "WI-3")
            handle_text(handle)
        reader.take(8)
        count = reader.whole(1)
        refuse(not 1 <= count <= 8, "9.3")
        self.certificates = [reader.take(140) for _ in range(count)]
        size = reader.whole(2)
        refuse(size > 512, "9.3")
        self.extensions = tagged_fields(reader.take(size))
        refuse(any(tag & 0x8000 for tag, _ in self.extensions), "KD-6")
        before_proof = reader.offset
        proof = reader.whole(1)
        refuse(proof > 1, "9.3")
        self.proof = None
        if proof:
            self.proof, signature = ed25519_key(reader.take(32)), reader.take(64)
            message = b"postern/1 recovered record" + data[:before_proof]
            ed25519_verify(self.proof, signature, message, "KD-3 proof")
        signed = data[: reader.offset]
        ed25519_verify(self.account, reader.take(64), RECORD + signed, "KD-3")
        reader.zeros(2048 - reader.offset)
        self.devices = [certificate(c, self.account)[0] for c in self.certificates]
        refuse(len(set(self.devices)) != count, "9.3 device ids")

    def follows(self, old):
        if self.data == old.data:
            return "same"
        refuse(self.handle != old.handle, "KD-4")
        refuse(self.number <= old.number, "KD-4")
        stays = (self.account, self.recovery_hash) == (old.account, old.recovery_hash)
        if self.proof:
            refuse(recovery_hash(self.proof) != old.recovery_hash, "KD-5")
        else:
            refuse(not stays, "KD-5")
        return "newer" if self.account == old.account else "recovered"


# Section 9.4 and 9.5: prekeys.

def leaf(prekey):
    return sha256(b"\0" + prekey)


def tree(leaves):
    """RFC 6962 section 2.1: the root and the path of each leaf."""
    if len(leaves) == 1:
        return leaves[0], [[]]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    left, left_paths = tree(leaves[:split])
    right, right_paths = tree(leaves[split:])
    paths = [path + [right] for path in left_paths] + [path + [left] for path in right_paths]
    return sha256(b"\1" + left + right), paths


def issue(prekey, index, path):
    return prekey + bytes([index, len(path)]) + b"".join(path) + zeros(160 - 32 * len(path))


def path_root(found, index, count, path):
    """The root that a path leads to, from the leaf's place in a tree of `count`."""
    if count == 1:
        refuse(path, "KD-7 too long")
        return found
    refuse(not path, "KD-7 too short")
    split = 1
    while 2 * split < count:
        split *= 2
    if index < split:
        return sha256(b"\1" + path_root(found, index, split, path[:-1]) + path[-1])
    return sha256(b"\1" + path[-1] + path_root(found, index - split, count - split, path[:-1]))


# Size and check of the key of each kind, and its tree in a bundle.
ONE_TIME = (32, x25519_key, lambda bundle: (bundle.one_time_count, bundle.one_time_root))
ONE_TIME_KEM = (1184, kem_key, lambda bundle: (bundle.kem_count, bundle.kem_root))


class Issued:
    def __init__(self, data, kind):
        size, check, self.tree_of = kind
        refuse(len(data) != 4 + size + 162, "9.4")
        reader = Reader(data)
        self.id = reader.whole(4)
        if self.id == 0:
            reader.zeros(size + 162)
            self.key = None
            return
        self.key = check(reader.take(size))
        self.leaf = leaf(data[: 4 + size])
        self.index, count = reader.whole(1), reader.whole(1)
        refuse(count > 5, "9.4")
        self.path = [reader.take(32) for _ in range(count)]
        reader.zeros(160 - 32 * count)

    def check(self, bundle):
        if self.id:
            count, root = self.tree_of(bundle)
            refuse(self.index >= count, "KD-7 index")
            refuse(path_root(self.leaf, self.index, count, self.path) != root, "KD-7")


BUNDLE = b"postern/1 prekey bundle"


def make_bundle(given):
    unhex = bytes.fromhex
    keys = [unhex(key) for key in given["one-time prekeys"]]
    root = tree([leaf(key) for key in keys])[0] if keys else zeros(32)
    body = b"\3\1" + u16(given["version floor"]) + u64(given["number"])
    body += u32(given["from"]) + u32(given["expiry"]) + unhex(given["account"])
    body += unhex(given["certificate"]) + u32(given["signed prekey id"])
    body += unhex(given["signed prekey"]) + bytes([len(keys)]) + root
    kem_keys = [unhex(key) for key in given["one-time KEM prekeys"]]
    body += bytes([len(kem_keys)])
    body += tree([leaf(key) for key in kem_keys])[0] if kem_keys else zeros(32)
    body += u32(given["last-resort KEM id"]) + unhex(given["last-resort KEM key"])
    body += base.server_field(unhex(given["server key"]), given["server host"].encode())
    extensions = unhex(given["extensions"])
    body += unhex(given["mailbox"]) + u16(len(extensions)) + extensions
    return body + base.ed25519_sign(unhex(given["device seed"]), BUNDLE + body)


class Bundle:
    def __init__(self, data):
        reader = Reader(data)
        refuse(reader.take(2) != b"\3\1", "WI-7")
        reader.take(2)
        self.number = reader.whole(8)
        self.valid_from, self.expiry = reader.whole(4), reader.whole(4)
        self.account = ed25519_key(reader.take(32))
        self.certificate = reader.take(140)
        self.signed_id = reader.whole(4)
        refuse(self.number == 0 or self.signed_id == 0, "9.5")
        self.signed = x25519_key(reader.take(32))
        self.one_time_count, self.one_time_root = reader.whole(1), reader.take(32)
        self.kem_count, self.kem_root = reader.whole(1), reader.take(32)
        for count, root in (
            (self.one_time_count, self.one_time_root), (self.kem_count, self.kem_root),
        ):
            refuse(count > 32, "9.5")
            refuse(count == 0 and root != zeros(32), "KD-11")
        self.last_resort_id = reader.whole(4)
        refuse(self.last_resort_id == 0, "KD-11")
        self.last_resort = kem_key(reader.take(1184))
        x25519_key(reader.take(97)[:32])
        self.mailbox = reader.take(32)
        size = reader.whole(2)
        refuse(size > 512, "9.5")
        extensions = tagged_fields(reader.take(size))
        refuse(any(tag & 0x8000 for tag, _ in extensions), "KD-6")
        signed = data[: reader.offset]
        signature = reader.take(64)
        reader.end()
        self.device_id = certificate(self.certificate, self.account)[0]
        ed25519_verify(self.certificate[36:68], signature, BUNDLE + signed, "KD-8")

    def check(self, record, device_id, now, hours_max):
        refuse(self.account != record.account, "KD-9")
        same = [c for c in record.certificates if c[:68] == self.certificate[:68]]
        refuse(not same, "KD-9")
        refuse(device_id is not None and self.device_id != device_id, "KD-9")
        refuse(self.expiry - self.valid_from > hours_max, "KD-10")
        hours = now // 3600
        refuse(hours + 48 < self.valid_from, "KD-10")
        refuse(now > (self.expiry + 48) * 3600, "KD-10")


# Section 9.6: invites.

def seal_invite(given):
    unhex = bytes.fromhex
    bundle = unhex(given["bundle"])
    plaintext = b"\0" + unhex(given["random"]) + unhex(given["record"]) + unhex(given["issued"])
    plaintext += unhex(given["issued KEM"]) + u16(len(bundle)) + bundle
    plaintext += zeros(8176 - len(plaintext))
    key = sha256(b"postern/1 invite" + plaintext)
    blob_id = base.hkdf(b"", key, b"postern/1 link blob id", 32)
    blob_key = base.hkdf(b"", key, b"postern/1 link blob key", 32)
    return key, blob_id, blob_key, base.aead(blob_key, zeros(12), b"", plaintext)


class Invite:
    def __init__(self, blob, key, now):
        refuse(len(blob) != 8192, "9.6")
        blob_key = base.hkdf(b"", key, b"postern/1 link blob key", 32)
        plaintext = base.aead_open(blob_key, zeros(12), b"", blob)
        refuse(plaintext is None, "9.6 sealed")
        refuse(sha256(b"postern/1 invite" + plaintext) != key, "KD-12")
        reader = Reader(plaintext)
        refuse(reader.whole(1) != 0, "KD-13")
        self.random = reader.take(32)
        self.record = Record(reader.take(2048))
        self.issued = Issued(reader.take(198), ONE_TIME)
        self.issued_kem = Issued(reader.take(1350), ONE_TIME_KEM)
        size = reader.whole(2)
        refuse(not 1677 <= size <= 2189, "9.6")
        self.bundle = Bundle(reader.take(size))
        reader.zeros(8176 - reader.offset)
        self.bundle.check(self.record, None, now, 720)
        self.issued.check(self.bundle)
        self.issued_kem.check(self.bundle)


# Section 10.1: mailboxes.

def mailbox_id(kind, keys):
    refuse(kind not in (1, 2, 3), "MB-25")
    refuse(len(keys) != {1: 2, 2: 1, 3: 3}[kind], "MB-3")
    body = b"".join(ed25519_key(key) for key in keys) + (zeros(32) if kind == 2 else b"")
    return sha256(b"postern/1 mailbox" + bytes([kind]) + body)


def attach(role, identifier, handshake_hash):
    return b"postern/1 attach" + bytes([role]) + identifier + handshake_hash


# Section 11.2: the channel.

class Channel:
    """Noise_NKhfs_25519+MLKEM768_ChaChaPoly_SHA256 with empty payloads; ephemerals and seeds are
    the private halves."""

    def __init__(self, server_key, offer, choice):
        self.hash = self.chaining = sha256(b"Noise_NKhfs_25519+MLKEM768_ChaChaPoly_SHA256")
        self.prologue = b"".join(
            u16(len(text)) + text for text in (b"postern/1 channel", offer, choice)
        )
        self.key, self.number = None, 0
        self.mix(self.prologue)
        self.mix(server_key)

    def mix(self, data):
        self.hash = sha256(self.hash + data)

    def mix_key(self, shared):
        out = base.hkdf(self.chaining, shared, b"", 64)
        self.chaining, self.key, self.number = out[:32], out[32:], 0

    def nonce(self):
        self.number += 1
        return transport_nonce(self.number - 1)

    def seal(self, plaintext):
        sealed = base.aead(self.key, self.nonce(), self.hash, plaintext)
        self.mix(sealed)
        return sealed

    def open(self, sealed):
        plaintext = base.aead_open(self.key, self.nonce(), self.hash, sealed)
        refuse(plaintext is None, "CH-23")
        self.mix(sealed)
        return plaintext

    def keys(self):
        out = base.hkdf(self.chaining, b"", b"", 64)
        return out[:32], out[32:]


def handshake_message(message, size):
    """The ephemeral key, what is sealed for the KEM, and the tag."""
    refuse(len(message) != size, "CH-20")
    return x25519_key(message[:32]), message[32:-16], message[-16:]


def respond(server, first, ephemeral, kem_message, offer, choice):
    key, sealed, tag = handshake_message(first, 1248)
    channel = Channel(base.x25519_public(server), offer, choice)
    channel.mix(key)
    channel.mix_key(base.x25519(server, key))
    encapsulation_key = channel.open(sealed)
    refuse(not kem.is_public_key(encapsulation_key), "CH-28")
    channel.open(tag)
    own = base.x25519_public(ephemeral)
    channel.mix(own)
    channel.mix_key(base.x25519(ephemeral, key))
    secret, ciphertext = kem.encapsulate(encapsulation_key, kem_message)
    sealed = channel.seal(ciphertext)
    channel.mix_key(secret)
    return channel, own + sealed + channel.seal(b"")


def connect(server_key, ephemeral, kem_seed, offer, choice):
    channel = Channel(server_key, offer, choice)
    own = base.x25519_public(ephemeral)
    channel.mix(own)
    channel.mix_key(base.x25519(ephemeral, server_key))
    sealed = channel.seal(kem.public_key(kem_seed))
    return channel, own + sealed + channel.seal(b"")


def finish(channel, ephemeral, kem_seed, second):
    key, sealed, tag = handshake_message(second, 1152)
    channel.mix(key)
    channel.mix_key(base.x25519(ephemeral, key))
    channel.mix_key(kem.decapsulate(kem_seed, channel.open(sealed)))
    channel.open(tag)
    return channel


def transport_nonce(number):
    return zeros(4) + struct.pack("<Q", number)


def rekey(key):
    return base.aead(key, zeros(4) + b"\xff" * 8, b"", zeros(32))[:32]


def transport_key(key, number):
    """CH-25."""
    for _ in range(number // 4096):
        key = rekey(key)
    return key


def open_transport(key, message):
    refuse(not 16 <= len(message) <= 65535, "CH-27")
    plaintext = base.aead_open(key, transport_nonce(0), b"", message)
    refuse(plaintext is None, "CH-23")
    return plaintext


