"""The commands of docs/cli.md, with what they print and how they end."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cli.running import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()


@dataclass(frozen=True)
class Command:
    arguments: list[str]
    code: int
    prints: re.Pattern[str]


def commands() -> Iterator[Command]:
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for message in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = message.partition("\n")
            line, _, comment = line.partition("   # exit code ")
            program, *arguments = shlex.split(line)
            assert program == "oneroster"
            expected = re.escape(output.rstrip()).replace(re.escape("..."), ".*")
            yield Command(arguments, int(comment or 0), re.compile(expected, re.DOTALL))


def write_files(folder: Path) -> None:
    """The JSON files that the page shows, under the names by which its commands call them."""
    selection, guard = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    (folder / "north.json").write_text(json.dumps(selection))
    (folder / "strict.json").write_text(json.dumps(guard))
