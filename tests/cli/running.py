"""The command line called as a person or a script calls it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def run(folder: Path, *arguments: str, command: tuple[str, ...] = (sys.executable, "-m", "oneroster_engine.cli")) -> Ended:
    """`oneroster ARGUMENTS` in `folder`, with nothing of this process's settings but the way to the package."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
