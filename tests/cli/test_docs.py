"""What the page of the command line shows is what happens, from a wheel in an environment with nothing else in it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oneroster_engine.cli import cli
from tests.cli.page import PAGE, commands, write_files
from tests.cli.running import ROOT, run, run_process

pytestmark = pytest.mark.xdist_group("wheel")
ENGINE_BRINGS = {"annotated-types", "backports.zstd", "chardet", "click", "duckdb", "inflate64", "isal", "oneroster-engine",
                 "pydantic", "pydantic-core", "typing-extensions", "typing-inspection"}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    copy = out / "source"  # setuptools leaves a build/ beside what it builds
    tracked = subprocess.run(
        ["git", "ls-files", "oneroster_engine", "pyproject.toml", "requirements.txt", "LICENSE", "docs/cli.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(out), str(copy)], check=True, timeout=240)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ of an empty environment into which the wheel, with what it asks for, was installed."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    pip = [str(folder / "bin" / "pip"), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", str(wheel)], check=True, timeout=240)
    return folder / "bin"


def test_the_wheel_holds_the_engine_and_nothing_of_aws(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names} == {"oneroster_engine", "oneroster_engine-0.1.0.dist-info"}
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "oneroster_engine").rglob("*.py")} <= set(names)


def test_only_what_the_engine_needs_comes_with_it(installed: Path) -> None:
    listed = subprocess.run([installed / "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True).stdout

    brought = {line.partition("==")[0].lower().replace("_", "-") for line in listed.splitlines()}
    assert brought - {"pip", "setuptools", "wheel", "colorama"} == ENGINE_BRINGS


def test_every_command_on_the_page_does_what_the_page_says(installed: Path, tmp_path: Path) -> None:
    write_files(tmp_path)

    for command in commands():
        ended = run_process([installed / "oneroster", *command.arguments], tmp_path)

        assert ended.code == command.code, (command, ended)
        assert command.prints.fullmatch(ended.out.rstrip()), (command, ended.out)
        assert ended.err == ""
    assert {path.name for path in tmp_path.glob("*/*.csv")} == {"problems.csv", "left_out.csv", "changes.csv"}


def test_every_command_and_option_is_on_the_page() -> None:
    used = [command.arguments for command in commands()]

    assert {arguments[0] for arguments in used} == set(cli.commands)
    for name, command in cli.commands.items():
        for parameter in command.params:
            for option in (each for each in parameter.opts if each.startswith("--")):
                assert option in PAGE or option in ("--seed", "--guids"), (name, option)


def test_help_of_every_command_shows_examples_that_the_command_takes(tmp_path: Path) -> None:
    for name, command in cli.commands.items():
        found = run(tmp_path, name, "--help")

        assert found.code == 0
        assert f"oneroster {name}" in found.out.partition("Examples:")[2], name
        assert command.get_short_help_str()
