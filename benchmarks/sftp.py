"""How fast a file comes from an SFTP server, by ours, by paramiko's plain `get`, and by OpenSSH's `sftp`.

`python -m benchmarks.sftp [--megabytes 200 2000] [--rounds 5]`. All three read the same file from the same sshd on loopback, in
turns, one process each; the best of the rounds counts, since a busy machine only ever adds. Processor time is what Lambda's
fraction of a processor makes of a wait.
"""

import argparse
import filecmp
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import paramiko

from chalicelib.sources import sftp
from chalicelib.sources.sftp_reading import Part, parts_of, read_parts
from local.peers.sftp import Sshd, key, make_key

PIECE_BYTES = 1 << 20


def ours(sshd: Sshd, ours: Path, remote: Path, out: Path) -> None:
    source = sshd.source()
    parts = parts_of(str(remote), "bundle.zip", remote.stat().st_size)
    descriptor = os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def put(part: Part, body: bytes) -> None:
        os.pwrite(descriptor, body, part.offset)

    assert read_parts(source, lambda: sftp.signed_in(source, key(ours)), parts, put)


def plain_get(sshd: Sshd, ours: Path, remote: Path, out: Path) -> None:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", sshd.port, sshd.user, key_filename=str(ours), allow_agent=False, look_for_keys=False)
        client.open_sftp().get(str(remote), str(out))


def openssh(sshd: Sshd, ours: Path, remote: Path, out: Path) -> None:
    known = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", f"-oPort={sshd.port}", f"-oIdentityFile={ours}"]
    subprocess.run(["sftp", "-q", *known, f"{sshd.user}@127.0.0.1:{remote}", str(out)], check=True, capture_output=True)


WAYS = {"ours": ours, "paramiko's get": plain_get, "sftp": openssh}


def _noise(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        for at in range(0, size_bytes, PIECE_BYTES):
            file.write(os.urandom(min(PIECE_BYTES, size_bytes - at)))


def measure(size_bytes: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """By way: seconds and processor seconds of each round, both of the reading side alone."""
    os.environ["SOURCES_ON_LOOPBACK"] = "allowed"
    sshd = Sshd()
    try:
        made = make_key(sshd.folder / "ours")
        sshd.let_in(made)
        remote = sshd.files / "big.zip"
        _noise(remote, size_bytes)
        sshd.start()
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(rounds):
                for name, way in WAYS.items():
                    out = Path(folder) / "out"
                    child = os.fork()
                    if not child:
                        way(sshd, made, remote, out)
                        os._exit(0)
                    began = time.perf_counter()
                    _, status, used = os.wait4(child, 0)
                    took = time.perf_counter() - began
                    assert status == 0, name
                    assert filecmp.cmp(out, remote, shallow=False), name
                    taken[name].append((took, used.ru_utime + used.ru_stime))
        return taken
    finally:
        sshd.remove()


def show(size_bytes: int, rounds: int) -> None:
    taken = measure(size_bytes, rounds)
    best = {name: min(each) for name, each in taken.items()}
    print(f"### SFTP, {size_bytes // 1_000_000} MB from sshd on loopback, best of {rounds}\n")
    print("| by | seconds | MB/s | processor s | median s | time against sftp |\n|---|---|---|---|---|---|")
    for name, (took, used) in best.items():
        middle = statistics.median(took for took, _ in taken[name])
        speed = size_bytes / 1e6 / took
        against = took / best["sftp"][0]
        print(f"| {name} | {took:.2f} | {speed:.0f} | {used:.2f} | {middle:.2f} | {against:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", nargs="+", type=int, default=[200])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for megabytes in arguments.megabytes:
        show(megabytes * 1_000_000, arguments.rounds)


if __name__ == "__main__":
    main()
