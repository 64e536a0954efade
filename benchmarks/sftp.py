"""How fast a file comes from an SFTP server, by ours, by paramiko's plain `get`, and by OpenSSH's `sftp`.

`python -m benchmarks.sftp`. All three read the same file from the same sshd on loopback, in turns, one process each; the best of
the rounds counts, since a busy machine only ever adds. Processor time is what Lambda's fraction of a processor makes of a wait.
"""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import paramiko

from chalicelib.sources import sftp
from chalicelib.sources.sftp_reading import Part, parts_of, read_parts
from tests.sources.peers import Sshd, key, make_key

SIZE_BYTES = 200_000_000
ROUNDS = 5


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


def measure() -> dict[str, list[tuple[float, float]]]:
    """By way: seconds and processor seconds of each round, both of the reading side alone."""
    os.environ["SOURCES_ON_LOOPBACK"] = "allowed"
    sshd = Sshd()
    try:
        made = make_key(sshd.folder / "ours")
        sshd.let_in(made)
        remote = sshd.files / "big.zip"
        remote.write_bytes(os.urandom(SIZE_BYTES))
        sshd.start()
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(ROUNDS):
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
                    assert out.read_bytes() == remote.read_bytes(), name
                    taken[name].append((took, used.ru_utime + used.ru_stime))
        return taken
    finally:
        sshd.remove()


def main() -> None:
    taken = measure()
    best = {name: min(each) for name, each in taken.items()}
    print(f"### SFTP, {SIZE_BYTES // 1_000_000} MB from sshd on loopback, best of {ROUNDS}\n")
    print("| by | seconds | MB/s | processor s | median s | time against ours |\n|---|---|---|---|---|---|")
    for name, (took, used) in best.items():
        middle = statistics.median(took for took, _ in taken[name])
        speed = SIZE_BYTES / 1e6 / took
        print(f"| {name} | {took:.2f} | {speed:.0f} | {used:.2f} | {middle:.2f} | {took / best['ours'][0]:.2f} |")


if __name__ == "__main__":
    main()
