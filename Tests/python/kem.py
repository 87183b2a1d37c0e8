"""ML-KEM-768 for the readers in this folder. Keys and decapsulation by OpenSSL (`cryptography`);
encapsulation of a given message, which OpenSSL does not offer, by kyber-py. Each value is computed
once: the readers ask for the same ones again and again."""

import functools

from cryptography.hazmat.primitives.asymmetric import mlkem
from kyber_py.ml_kem import ML_KEM_768

KEY_BYTES, CIPHERTEXT_BYTES, SEED_BYTES = 1184, 1088, 64
MODULUS = 3329


@functools.lru_cache(maxsize=None)
def key_pair(seed):
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(seed)


@functools.lru_cache(maxsize=None)
def public_key(seed):
    return key_pair(seed).public_key().public_bytes_raw()


@functools.lru_cache(maxsize=None)
def encapsulate(key, message):
    """Secret and ciphertext."""
    return ML_KEM_768._encaps_internal(key, message)


@functools.lru_cache(maxsize=None)
def decapsulate(seed, ciphertext):
    return key_pair(seed).decapsulate(ciphertext)


def coefficients(key):
    """The 768 coefficients of an encapsulation key, 12 bits each (FIPS 203 algorithm 6)."""
    packed = int.from_bytes(key[:1152], "little")
    return [packed >> 12 * index & 0xFFF for index in range(768)]


def is_public_key(key):
    """PR-11."""
    return len(key) == KEY_BYTES and all(value < MODULUS for value in coefficients(key))
