"""Sections 4.7, 7.7 and 10.8 of SPEC.md once more: streams, attachments, backups. Written from the
text of the specification; the stream is put together from ChaCha20 and Poly1305, which libsodium's
own is not asked about (Tests/python/read_vectors.py compares the two)."""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305
from nacl import pwhash

from directory_spec import Reader, refuse
from session_spec import hkdf, server_field, sha256, u32, u64, zeros


def little32(value):
    return struct.pack("<I", value)


def little64(value):
    return struct.pack("<Q", value)


# Section 4.7: streams.

def rotate(value, count):
    return (value << count | value >> 32 - count) & 0xFFFFFFFF


def hchacha20(key, nonce):
    """draft-irtf-cfrg-xchacha-03 section 2.2."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in (columns + diagonals) * 10:
        for one, other, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[one] = (state[one] + state[other]) & 0xFFFFFFFF
            state[third] = rotate(state[third] ^ state[one], turn)
    return struct.pack("<8I", *state[:4], *state[12:])


def chacha20(key, nonce, counter, data):
    cipher = Cipher(algorithms.ChaCha20(key, little32(counter) + nonce), mode=None)
    return cipher.encryptor().update(data)


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


MESSAGE, FINAL = 0, 3


class Stream:
    def __init__(self, key, header):
        self.key = hchacha20(key, header[:16])
        self.nonce = little32(1) + header[16:24]

    def code(self, mark_block, sealed):
        poly_key = chacha20(self.key, self.nonce, 0, zeros(32))
        text = mark_block + sealed + zeros(len(sealed) % 16)
        text += little64(0) + little64(64 + len(sealed))
        return Poly1305.generate_tag(poly_key, text)

    def step(self, code):
        number = int.from_bytes(self.nonce[:4], "little") + 1
        self.nonce = little32(number) + xor(self.nonce[4:], code[:8])

    def push(self, message, mark):
        block = chacha20(self.key, self.nonce, 1, bytes([mark]) + zeros(63))
        sealed = chacha20(self.key, self.nonce, 2, message)
        code = self.code(block, sealed)
        self.step(code)
        return block[:1] + sealed + code

    def pull(self, box):
        """None when the message is not the one of this place; nothing changes then."""
        if len(box) < 17:
            return None
        first, sealed, code = box[:1], box[1:-16], box[-16:]
        clear = chacha20(self.key, self.nonce, 1, zeros(64))
        mark = first[0] ^ clear[0]
        if self.code(first + clear[1:], sealed) != code:
            return None
        message = chacha20(self.key, self.nonce, 2, sealed)
        self.step(code)
        return mark, message


# Section 7.7: attachments.

PIECE, BLOB, FILE_MAX = 32751, 32768, 2**34


class Attachment:
    def __init__(self, key, digest, size):
        refuse(size > FILE_MAX, "EN-30")
        salt = digest + u64(size)
        self.key, self.digest, self.size = key, digest, size
        self.salt = salt
        self.commitment = hkdf(salt, key, b"postern/1 file commitment", 32)
        both = hkdf(salt, key, b"postern/1 file stream", 56)
        self.stream_key, self.header = both[:32], both[32:]
        self.count = max(1, -(-size // PIECE))

    def blob_id(self, index):
        return hkdf(self.salt, self.key, b"postern/1 file blob" + u32(index), 32)

    def erase_key(self, index, secret):
        return hkdf(self.blob_id(index), secret, b"postern/1 file erase", 32)

    def reference(self, server_key, host, expiry):
        server = server_field(server_key, host)
        return self.key + self.commitment + self.digest + u64(self.size) + server + u32(expiry)

    def seal(self, plaintext):
        refuse(len(plaintext) != self.size or sha256(plaintext) != self.digest, "EN-32")
        stream = Stream(self.stream_key, self.header)
        blobs = []
        for index in range(self.count):
            is_last = index + 1 == self.count
            piece = plaintext[index * PIECE: (index + 1) * PIECE]
            piece += zeros(PIECE - len(piece))
            blobs.append(stream.push(piece, FINAL if is_last else MESSAGE))
        return blobs

    def open(self, blobs, kept=()):
        """`kept`: whole pieces that an earlier run has opened."""
        stream = Stream(self.stream_key, self.header)
        plaintext = b""
        refuse(len(kept) >= self.count, "EN-37")
        for piece in kept:
            stream.push(piece, MESSAGE)
            plaintext += piece
        for index, blob in enumerate(blobs, len(kept)):
            refuse(index == self.count, "EN-36")
            refuse(len(blob) != BLOB, "EN-34")
            opened = stream.pull(blob)
            refuse(opened is None, "EN-34")
            mark, piece = opened
            is_last = index + 1 == self.count
            refuse(mark != (FINAL if is_last else MESSAGE), "EN-35")
            if is_last:
                left = self.size - index * PIECE
                refuse(any(piece[left:]), "EN-35")
                piece = piece[:left]
            plaintext += piece
        refuse(len(kept) + len(blobs) != self.count, "EN-36")
        refuse(sha256(plaintext) != self.digest, "EN-36")
        return plaintext


def read_reference(data):
    refuse(len(data) != 205, "EN-30")
    reader = Reader(data)
    key, commitment, digest = (reader.take(32) for _ in range(3))
    size = int.from_bytes(reader.take(8), "big")
    server, expiry = reader.take(97), reader.whole(4)
    reader.end()
    refuse(not 1 <= server[32] <= 64 or any(server[33 + server[32]:]), "EN-30")
    attachment = Attachment(key, digest, size)
    refuse(attachment.commitment != commitment, "EN-31")
    return attachment, server, expiry


# Section 10.8: backups.

MAGIC = b"postern backup\r\n"
CHUNK = 65536
HEADER = 112


def bucket(size):
    """The smallest of 2^k and its quarters, from 2^20, that holds body and size."""
    refuse(size > FILE_MAX, "CL-66")
    step = 2**18
    while True:
        for quarters in (4, 5, 6, 7):
            if quarters * step >= size + 8:
                return quarters * step
        step *= 2


def backup_head(passes, memory, salt):
    return MAGIC + b"\1" + zeros(3) + u32(passes) + u32(memory) + zeros(4) + salt


def backup_keys(passphrase, head, passes, memory):
    salt = head[32:48]
    password_key = pwhash.argon2id.kdf(32, passphrase, salt, passes, memory * 1024)
    both = hkdf(head, password_key, b"postern/1 backup stream", 56)
    commitment = hkdf(head, password_key, b"postern/1 backup commitment", 32)
    return password_key, both[:32], both[32:], commitment


def seal_backup(passphrase, passes, memory, salt, body):
    head = backup_head(passes, memory, salt)
    _, key, header, commitment = backup_keys(passphrase, head, passes, memory)
    file = head + commitment
    file += sha256(file)[:16]
    size = bucket(len(body))
    plaintext = body + zeros(size - 8 - len(body)) + u64(len(body))
    stream = Stream(key, header)
    for start in range(0, size, CHUNK):
        mark = FINAL if start + CHUNK == size else MESSAGE
        file += stream.push(plaintext[start: start + CHUNK], mark)
    return file


def read_header(file, passphrase):
    """Of a whole file: its size is looked at before the key is derived."""
    refuse(len(file) < HEADER or file[:16] != MAGIC, "CL-63")
    refuse(sha256(file[:96])[:16] != file[96:112], "CL-63")
    refuse(file[16] != 1, "CL-67")
    refuse(any(file[17:20]) or any(file[28:32]), "CL-63")
    passes, memory = (int.from_bytes(file[i: i + 4], "big") for i in (20, 24))
    refuse(not 1 <= passes <= 16 or not 8 <= memory <= 4194304, "CL-63")
    _, key, header, commitment = backup_keys(passphrase, file[:64], passes, memory)
    refuse(commitment != file[64:96], "CL-64")
    return passes, memory, Stream(key, header)


def open_backup(file, passphrase):
    count, rest = divmod(max(0, len(file) - HEADER), CHUNK + 17)
    refuse(rest or count == 0 or bucket(count * CHUNK - 8) != count * CHUNK, "CL-63")
    _, _, stream = read_header(file, passphrase)
    plaintext = b""
    for index in range(count):
        start = HEADER + index * (CHUNK + 17)
        opened = stream.pull(file[start: start + CHUNK + 17])
        refuse(opened is None, "CL-65")
        refuse(opened[0] != (FINAL if index + 1 == count else MESSAGE), "CL-65")
        plaintext += opened[1]
    size = int.from_bytes(plaintext[-8:], "big")
    refuse(size > len(plaintext) - 8 or bucket(size) != len(plaintext), "CL-66")
    refuse(any(plaintext[size:-8]), "CL-65")
    return plaintext[:size]
