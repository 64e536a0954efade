"""Private keys as people have them, read into what paramiko signs in with: Ed25519, ECDSA, RSA, with or without passphrase."""

import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from chalicelib.errors import Unacceptable
from chalicelib.model.credentials import KeyCredentials

LEAST_RSA_BITS = 2048


def read(credentials: KeyCredentials) -> paramiko.PKey:
    phrase = credentials.passphrase.get_secret_value() if credentials.passphrase else None
    return private_key(credentials.private_key.get_secret_value(), phrase)


def private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """The key in `text`: OpenSSH's form, or PEM (PKCS#1, SEC1, PKCS#8). Raises Unacceptable, which never quotes it."""
    stripped = text.strip().encode() + b"\n"
    if stripped.startswith(b"PuTTY-User-Key-File"):
        raise _refused("This is a key in PuTTY's form; export it as an OpenSSH key in PuTTYgen (Conversions) and send that")
    if stripped.startswith((b"ssh-", b"ecdsa-", b"---- BEGIN SSH2 PUBLIC")):
        raise _refused("This is the public half of a key; the private half is needed, and the customer gets the public one")
    secret = passphrase.encode() if passphrase else None
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in stripped else load_pem_private_key
    try:
        loaded = load(stripped, secret)
    except TypeError as trouble:  # cryptography's way to say that there should, or should not, be a passphrase
        raise _refused("The key has no passphrase; leave it empty" if secret else "The key needs its passphrase") from trouble
    except (ValueError, UnsupportedAlgorithm) as trouble:
        message = "The key can't be read with this passphrase" if secret else "This is not a private key that can be read"
        raise _refused(message) from trouble
    if isinstance(loaded, RSAPrivateKey) and loaded.key_size < LEAST_RSA_BITS:
        raise _refused(f"The RSA key has {loaded.key_size} bits; at least {LEAST_RSA_BITS} are needed")
    for kind, key in _KINDS:
        if isinstance(loaded, kind):
            plain = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
            return key.from_private_key(io.StringIO(plain))
    raise _refused("Only Ed25519, ECDSA and RSA keys are taken")


_KINDS = (
    (Ed25519PrivateKey, paramiko.Ed25519Key),
    (EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (RSAPrivateKey, paramiko.RSAKey),
)


def _refused(what: str) -> Unacceptable:
    return Unacceptable(f"{what}.", {"source.credentials.privateKey": what.lower()})
