"""The operations of the suites `attachment` and `backup`, for read_vectors.py."""

import hashlib

UNHEX = bytes.fromhex


def fill(given):
    """Bytes that are repeated up to a count."""
    data, count = UNHEX(given["bytes"]), given["count"]
    return (data * (count // max(1, len(data)) + 1))[:count]


def sha256(data):
    return hashlib.sha256(data).digest()


class FileCases:
    """What needs `self.files`, the module files_spec."""

    def sealed(self, key, header, messages):
        """Also for who marks a message as the last one and goes on: the mark turns the key of what
        follows in libsodium, so each message is sealed behind others that go on."""
        result, before = [], []
        for message, mark in messages:
            stream = self.files.Stream(key, header)
            for other in before:
                stream.push(other, 0)
            result.append(stream.push(message, mark))
            before.append(message)
        return result

    def attachment_stream(self, case):
        given = case["in"]
        messages = [(UNHEX(message["bytes"]), message["mark"]) for message in given["messages"]]
        stream = self.files.Stream(UNHEX(given["key"]), UNHEX(given["header"]))
        sealed = [stream.push(*message) for message in messages]
        reader = self.files.Stream(UNHEX(given["key"]), UNHEX(given["header"]))
        for (message, mark), box in zip(messages, sealed):
            if reader.pull(box) != (mark, message):
                raise AssertionError("what is sealed does not open")
        return {"sealed": [box.hex() for box in sealed]}

    def attachment_seal(self, case):
        given, files = case["in"], self.files
        plaintext = fill(given)
        digest = UNHEX(given["told hash"]) or sha256(plaintext)
        attachment = files.Attachment(UNHEX(given["key"]), digest, len(plaintext))
        blobs = attachment.seal(plaintext)
        secret = UNHEX(given["erase secret"])
        reference = attachment.reference(
            UNHEX(given["server key"]), given["host"].encode(), given["expiry"]
        )
        indices = range(attachment.count)
        return {
            "hash": digest.hex(), "commitment": attachment.commitment.hex(),
            "stream key": attachment.stream_key.hex(), "stream header": attachment.header.hex(),
            "reference": reference.hex(),
            "ids": [attachment.blob_id(index).hex() for index in indices],
            "erase keys": [attachment.erase_key(index, secret).hex() for index in indices],
            "blob hashes": [sha256(blob).hex() for blob in blobs],
            "blob beginnings": [blob[:32].hex() for blob in blobs],
        }

    def attachment_size(self, case):
        size = case["in"]["size"]
        count = self.files.Attachment(bytes(32), bytes(32), size).count
        return {"blobs": count, "in the last": size - (count - 1) * self.files.PIECE}

    def attachment_open(self, case):
        given, files = case["in"], self.files
        data = UNHEX(given["reference"])
        attachment, server, expiry = files.read_reference(data)
        pieces = []
        for piece in given["pieces"]:
            message = fill(piece)
            pieces.append((message + bytes(files.PIECE - len(message)), piece["mark"]))
        sealed = self.sealed(attachment.stream_key, attachment.header, pieces)
        blobs = []
        for entry in given["order"]:
            blob = bytearray(sealed[entry["blob"]])
            if entry["flip"] >= 0:
                blob[entry["flip"]] ^= 1
            more = entry["more"]
            blobs.append(bytes(blob[:more] if more < 0 else blob + bytes(more)))
        plaintext = attachment.open(blobs, [fill(piece) for piece in given["kept"]])
        length = server[32]
        return {
            "size": len(plaintext), "hash": sha256(plaintext).hex(),
            "server key": server[:32].hex(), "host": server[33: 33 + length].decode(),
            "expiry": expiry,
        }

    def backup_seal(self, case):
        given, files = case["in"], self.files
        passphrase, salt = UNHEX(given["passphrase"]), UNHEX(given["salt"])
        costs = given["passes"], given["memory"]
        file = files.seal_backup(passphrase, *costs, salt, fill(given))
        password_key, key, header, _ = files.backup_keys(passphrase, file[:64], *costs)
        return {
            "password key": password_key.hex(), "stream key": key.hex(),
            "stream header": header.hex(), "header": file[:112].hex(), "size": len(file),
            "beginning": file[112:144].hex(), "hash": sha256(file).hex(),
        }

    def backup_size(self, case):
        chunks = self.files.bucket(case["in"]["contents"]) // self.files.CHUNK
        return {"chunks": chunks, "file": self.files.HEADER + chunks * (self.files.CHUNK + 17)}

    def backup_given(self, given):
        """The header, and key and header of the stream."""
        costs, salt = (given["passes"], given["memory"]), UNHEX(given["salt"])
        head = self.files.backup_head(*costs, salt)
        keys = self.files.backup_keys(UNHEX(given["passphrase"]), head, *costs)
        head += keys[3]
        return head + sha256(head)[:16], keys[1], keys[2]

    def edited(self, file, given):
        file = bytearray(file)
        for edit in given["edits"]:
            file[edit["at"]] ^= edit["flip"]
        if given["check again"]:
            file[96:112] = sha256(bytes(file[:96]))[:16]
        return bytes(file[: len(file) - given["cut"]])

    def backup_header(self, case):
        given = case["in"]
        header = self.edited(self.backup_given(given)[0], given)
        passes, memory, _ = self.files.read_header(header, UNHEX(given["opened with"]))
        return {
            "header": header.hex(), "commitment": header[64:96].hex(), "passes": passes,
            "memory": memory,
        }

    def backup_open(self, case):
        given, files = case["in"], self.files
        head, key, header = self.backup_given(given)
        size = given["chunks"] * files.CHUNK
        plaintext = fill(given)
        plaintext += bytes(size - 8 - len(plaintext)) + given["length"].to_bytes(8, "big")
        chunks = [
            (plaintext[start: start + files.CHUNK], 3 if start == given["last"] * files.CHUNK else 0)
            for start in range(0, size, files.CHUNK)
        ]
        file = self.edited(head + b"".join(self.sealed(key, header, chunks)), given)
        contents = files.open_backup(file, UNHEX(given["opened with"]))
        return {"length": len(contents), "hash": sha256(contents).hex()}
