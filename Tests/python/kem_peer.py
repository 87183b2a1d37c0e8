"""Compares ML-KEM-768 with two independent implementations, kyber-py and OpenSSL (PR-11, PR-13, A13).

usage: kem_peer.py VECTORGEN XUNIT ROUND-TRIPS [long]

VECTORGEN is the program built from Sources/vectorgen. Many seeds hashed into one value must give
what kyber-py and OpenSSL give; keys that OpenSSL draws are used both ways, with ciphertexts that were
made for them and ones that were changed. `long` adds the value of C2SP for 10,000 seeds."""

import hashlib
import os
import subprocess
import sys

import kem
from chat_replay import expect
from xunit import write_report

SEEDS = 40
# C2SP/CCTV, ML-KEM, accumulated vectors.
C2SP = "8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc"


def accumulated(count):
    """As C2SP's accumulated vectors; decapsulation by OpenSSL, encapsulation by kyber-py."""
    source = hashlib.shake_128(b"").digest(count * (64 + 32 + 1088))
    result = hashlib.shake_128()
    for number in range(count):
        drawn = source[number * 1184:(number + 1) * 1184]
        seed, message, other = drawn[:64], drawn[64:96], drawn[96:]
        key = kem.public_key(seed)
        secret, ciphertext = kem.encapsulate(key, message)
        expect(kem.decapsulate(seed, ciphertext) == secret, "the two others disagree")
        for part in (key, ciphertext, secret, kem.decapsulate(seed, other)):
            result.update(part)
    return result.hexdigest(32)


def ours(program, count):
    done = subprocess.run([program, "kem-accumulated", str(count)], stdout=subprocess.PIPE,
                          text=True, check=True, timeout=600)
    return done.stdout.strip()


def round_trips(program, count):
    process = subprocess.Popen(
        [program, "kem"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(*parts):
        process.stdin.write(" ".join(part.hex() for part in parts) + "\n")
        process.stdin.flush()
        return process.stdout.readline().split()

    try:
        for number in range(count):
            pair = kem.mlkem.MLKEM768PrivateKey.generate()
            seed = pair.private_bytes_raw()
            key = pair.public_key().public_bytes_raw()
            secret, ciphertext = pair.public_key().encapsulate()
            if number % 4 == 3:
                # One bit of it is turned: both must come to the same rejection.
                place, bit = number % len(ciphertext), 1 << number // 4 % 8
                changed = ciphertext[place] ^ bit
                ciphertext = ciphertext[:place] + bytes([changed]) + ciphertext[place + 1:]
                expect(pair.decapsulate(ciphertext) != secret, "OpenSSL rejects nothing")
                secret = pair.decapsulate(ciphertext)
            found, made, made_secret = ask(seed, key, ciphertext)
            expect(found == secret.hex(), f"round trip {number}: another secret")
            expect(pair.decapsulate(bytes.fromhex(made)).hex() == made_secret,
                   f"round trip {number}: OpenSSL finds another secret")
        # A key with a coefficient of q, which OpenSSL refuses as well.
        bad = bytes([0x01, key[1] & 0xF0 | 0x0D]) + key[2:]
        expect(not kem.is_public_key(bad), "the reader takes a coefficient of q")
        expect(ask(seed, bad, ciphertext) == ["refused"], "a coefficient of q is taken")
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[4:] not in ([], ["long"]):
        print(__doc__, file=sys.stderr)
        return 64
    program, count = sys.argv[1], int(sys.argv[3])
    if not os.access(program, os.X_OK):
        print(f"kem_peer: there is no {program}; build it with scripts/build", file=sys.stderr)
        return 69

    def same_value():
        expected = accumulated(SEEDS)
        expect(ours(program, SEEDS) == expected, "another accumulated value")
        # One seed more or less would be noticed.
        expect(ours(program, SEEDS - 1) != expected, "the value does not depend on the seeds")

    cases = [
        (f"{SEEDS} seeds hashed into one value", same_value),
        (f"{count} round trips with OpenSSL", lambda: round_trips(program, count)),
    ]
    if sys.argv[4:]:
        cases.append(("10,000 seeds hashed into C2SP's value",
                      lambda: expect(ours(program, 10_000) == C2SP, "another value")))
    return write_report("kem_peer", cases, sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
