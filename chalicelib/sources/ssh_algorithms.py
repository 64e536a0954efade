"""What we speak with an SSH server: strong algorithms alone; for one that a group calls old a little more, and nothing weaker.

paramiko's own defaults take 3DES, CBC and MACs by MD5 (5.1), and know curve25519 only by its name before RFC 8731.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import paramiko
from cryptography.hazmat.primitives import hashes
from paramiko.kex_curve25519 import KexCurve25519


@dataclass(frozen=True)
class Algorithms:
    """Each by preference. One order for ever: a server with several host keys shows the same one each time."""

    kex: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]


# AES-GCM needs no second pass for a MAC, and large packets cost Python once instead of four times: measured, both together
# cost the processor less for a byte (benchmarks/sftp.py).
STRONG = Algorithms(
    kex=(
        "mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    ),
    host_keys=(
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256",
    ),
    ciphers=("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    macs=("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"),
)  # fmt: skip
# For a server that can't be renewed: host keys signed with SHA-1, AES in CBC mode, SHA-1 as a MAC. No 3DES, and no MD5.
OLD_SERVER = Algorithms(
    kex=STRONG.kex,
    host_keys=(*STRONG.host_keys, "ssh-rsa"),
    ciphers=(*STRONG.ciphers, "aes128-cbc", "aes192-cbc", "aes256-cbc"),
    macs=(*STRONG.macs, "hmac-sha1"),
)
OFFERED = (  # how a list is called in the server's offer (RFC 4253, 7.1), here and in a sentence
    ("kex_algo_list", "kex", "key exchange"),
    ("server_key_algo_list", "host_keys", "host key"),
    ("client_encrypt_algo_list", "ciphers", "cipher"),
    ("client_mac_algo_list", "macs", "MAC"),
)


_PARAMIKO: Any = paramiko.Transport  # what its types don't tell


class _Sha1Key(paramiko.RSAKey):
    """An RSA host key whose signatures may be by SHA-1, as before RFC 8332."""

    HASHES = {**paramiko.RSAKey.HASHES, "ssh-rsa": hashes.SHA1}  # type: ignore[misc]  # as the library's own changes do


class Transport(paramiko.Transport):
    """paramiko's, which speaks what `algorithms` says and remembers what the server offered."""

    _kex_info = {**_PARAMIKO._kex_info, "curve25519-sha256": KexCurve25519}

    def speak(self, algorithms: Algorithms) -> None:
        self.algorithms = algorithms
        if "ssh-rsa" in algorithms.host_keys:
            self._key_info = {**_PARAMIKO._key_info, "ssh-rsa": _Sha1Key}
        options = self.get_security_options()
        options.kex, options.key_types = algorithms.kex, algorithms.host_keys
        options.ciphers, options.digests = algorithms.ciphers, algorithms.macs

    def _really_parse_kex_init(self, m: Any, ignore_first_byte: bool = False) -> dict[str, Any]:
        parsed: dict[str, Any] = _PARAMIKO._really_parse_kex_init(self, m, ignore_first_byte)
        self.offered = parsed
        return parsed

    def nothing_in_common(self) -> str:
        """In words, what the server offers and what we speak; empty where they have all in common, or nothing was offered."""
        return _nothing_in_common(getattr(self, "offered", {}), self.algorithms)


def _nothing_in_common(offered: Mapping[str, Sequence[str]], ours: Algorithms) -> str:
    for name, own, called in OFFERED:
        theirs, speak = offered.get(name, ()), getattr(ours, own)
        if theirs and not set(theirs) & set(speak):
            would_help = bool(set(theirs) & set(getattr(OLD_SERVER, own)))
            more = " The setting for an old server allows one of them." if would_help else ""
            known = f"It offers {', '.join(theirs)}; supported are {', '.join(speak)}."
            return f"it offers no {called} that is supported. {known}{more}"
    return ""


def weak_ones(transport: Transport) -> list[str]:
    """What was agreed on that is an old server's alone."""
    agreed: Any = transport
    strong = {*STRONG.host_keys, *STRONG.ciphers, *STRONG.macs}
    macs = [] if "gcm" in agreed.remote_cipher else [agreed.remote_mac]  # AES-GCM has none
    return [each for each in (agreed.host_key_type, agreed.remote_cipher, *macs) if each not in strong]
