"""The functions' code with everything that it imports, as Lambda gets it: one ZIP, the same bytes from the same commit.

Needs no AWS account. Raises Unfit, with every reason at once, when a package is missing, can't run in Lambda's runtime,
or the whole is too large. `make lock` writes `lambda.lock` anew.
"""

import ast
import compileall
import importlib.metadata
import json
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from infra import ROOT

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "infra" / "lambda.lock"

# Amazon Linux 2023. Up to python3.11 Lambda runs on Amazon Linux 2, whose glibc duckdb's wheels are too new for.
RUNTIME = "python3.13"
PYTHON = RUNTIME.removeprefix("python")
GLIBC = 34  # of 2.34
ARCHITECTURE = "x86_64"  # or arm64; why not: docs/decisions/0012-duckdb-in-lambda.md. Then `make lock`
# What wheels call it, and e_machine of its ELF files.
MACHINE, ELF_MACHINE = {"x86_64": ("x86_64", b"\x3e\x00"), "arm64": ("aarch64", b"\xb7\x00")}[ARCHITECTURE]
PLATFORMS = [f"manylinux_2_{minor}_{MACHINE}" for minor in range(GLIBC, 4, -1)] + [f"manylinux2014_{MACHINE}"]
TARGET = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "platform_machine": MACHINE,
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
MOST_BYTES = 250 * 1024 * 1024  # Lambda's quota for a function's code, unzipped
# botocore describes some four hundred services. The functions call the first; botocore itself asks for STS.
CALLED = frozenset({"cognito-idp", "dynamodb", "events", "kms", "s3", "secretsmanager", "ses", "ssm", "stepfunctions"})
SERVICES = CALLED | {"sts"}
STUBS = (".pyi", ".pyc")  # never imported from here; of a wheel's bytecode nobody knows what it was made of


class Unfit(Exception):
    """The artifact would not run in Lambda. The message has a line per reason."""


def lock() -> str:
    """Every package that `requirements.txt` brings to Lambda's runtime, with its wheel's hash.

    At the version that is installed here, where it is: Lambda runs what the tests ran.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, tested = Path(folder) / "report.json", Path(folder) / "tested.txt"
        tested.write_text(tested_versions(REQUIREMENTS))
        resolve = ("install", "--dry-run", "--ignore-installed", "--report", report, "-t", folder)
        _pip(*resolve, *_target(), "-r", REQUIREMENTS, "-c", tested)
        found = json.loads(report.read_text())["install"]
    lines = [
        f"{canonicalize_name(each['metadata']['name'])}=={each['metadata']['version']}"
        f" --hash=sha256:{each['download_info']['archive_info']['hashes']['sha256']}\n"
        for each in found
    ]
    return "# Made from requirements.txt by `make lock`.\n" + "".join(sorted(lines))


def tested_versions(*requirements: Path) -> str:
    """What is installed here, as pip's constraints. Without what the lists name themselves: there another version may be
    asked for, as in an upgrade."""
    named = {canonicalize_name(Requirement(line).name) for each in requirements for line in _lines(each) if line[0] != "-"}
    installed = {canonicalize_name(each.name): each.version for each in importlib.metadata.distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()) if name not in named)


def fetch(cache: Path) -> list[Path]:
    """The wheels of `lambda.lock`, kept in `cache` under the lock's digest. Raises Unfit when one can't be had."""
    folder = cache / f"wheels-{sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    _download(folder, "--require-hashes", *_target(), "-r", LOCK)
    return sorted(folder.glob("*.whl"))


def _download(folder: Path, *asked: str | Path) -> None:
    """Let pip bring wheels into `folder`, which is there when all of them are: two at once may ask for the same."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    coming = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _pip("download", "--no-deps", "-d", coming, *asked)
        coming.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another was quicker
            raise
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def unpack(wheels: Iterable[Path], out: Path) -> None:
    """The wheels' packages side by side in `out`. Scripts and headers, which stand apart in a wheel, stay out."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            for member in packed.infolist():
                top = member.filename.partition("/")[0]
                if member.is_dir() or top.endswith((".data", "-stubs")) or member.filename.endswith(STUBS):
                    continue
                if not _is_of_another_service(member.filename):
                    packed.extract(member, out)


def _is_of_another_service(name: str) -> bool:
    """Whether a file describes to botocore a service that no function calls."""
    parts = name.split("/")
    return parts[:2] == ["botocore", "data"] and len(parts) > 3 and parts[2] not in SERVICES


def services_called(folder: Path) -> set[str]:
    """The AWS services of which the modules of a folder make a client, by name."""
    nodes = (node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    calls = (node for node in nodes if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute))
    named = [each.args[0] for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr in ("client", "resource")]
    return {str(each.value) for each in named if isinstance(each, ast.Constant)}


def check(artifact: Path, wheels: Sequence[Path], handlers: Sequence[str], cache: Path) -> None:
    """Raises Unfit unless `artifact` has all that `handlers` (module.attribute) import, and fits Lambda's runtime."""
    reasons = [*missing_packages(artifact), *misfits(artifact)]
    reasons += [f"chalicelib calls {each}, which SERVICES lacks" for each in services_called(artifact / "chalicelib") - SERVICES]
    size_bytes = sum(sizes(artifact).values())
    if size_bytes > MOST_BYTES:
        reasons.append(f"the whole is {size_bytes:,} bytes unzipped; Lambda takes {MOST_BYTES:,}")
    if not reasons:
        reasons = unimportable(artifact, wheels, handlers, cache)
    if reasons:
        raise Unfit("The artifact can't run in Lambda:\n" + "\n".join(f"- {reason}" for reason in reasons))


def missing_packages(artifact: Path) -> Iterator[str]:
    """What `requirements.txt`, and what it brings, asks for in Lambda's runtime and is not in `artifact`."""
    have = {}
    for path in artifact.glob("*.dist-info/METADATA"):
        described = HeaderParser().parsestr(path.read_text())
        have[canonicalize_name(described["Name"])] = (described["Version"], described.get_all("Requires-Dist") or [])
    wanted = [(Requirement(line), "requirements.txt") for line in _lines(REQUIREMENTS)]
    seen = set()
    while wanted:
        need, by = wanted.pop()
        name = canonicalize_name(need.name)
        version, brings = have.get(name, (None, []))
        if version is None or not need.specifier.contains(version, prereleases=True):
            yield f"{need} is missing (there is {version}); {by} asks for it. `make lock` writes {LOCK.name} anew"
        for extra in {"", *need.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                inner = [Requirement(each) for each in brings]
                wanted += [(each, name) for each in inner if not each.marker or each.marker.evaluate({**TARGET, "extra": extra})]


def misfits(artifact: Path) -> Iterator[str]:
    """Native code that is for another machine, another Python, or a newer Linux than Lambda's."""
    for path in sorted(artifact.rglob("*")):
        if path.is_file() and (".so" in path.suffixes):
            name, content = path.relative_to(artifact), path.read_bytes()
            python = re.search(r"\.cpython-3(\d+)", path.name)
            glibc = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", content)), default=0)
            if content[:4] != b"\x7fELF" or content[18:20] != ELF_MACHINE:
                yield f"{name} is not for Linux on {ARCHITECTURE}"
            if python and f"3.{python[1]}" != PYTHON:
                yield f"{name} is for Python 3.{python[1]}, the runtime is {RUNTIME}"
            if glibc > GLIBC:
                yield f"{name} wants glibc 2.{glibc}, the runtime has 2.{GLIBC}"


def unimportable(artifact: Path, wheels: Sequence[Path], handlers: Sequence[str], cache: Path) -> list[str]:
    """The handlers that can't be imported with nothing but `artifact` at hand, not even this machine's packages.

    A package whose native code is for another Python or system than this one is exchanged for this one's same version:
    so on Linux with Lambda's Python the artifact itself is tried, elsewhere all of it but those packages.
    """
    ours = set(sys_tags())
    foreign = [parse_wheel_filename(wheel.name) for wheel in wheels]
    exchanged = [f"{name}=={version}" for name, version, _, tags in foreign if not tags & ours]
    with tempfile.TemporaryDirectory() as folder:
        if exchanged:
            kept = cache / f"wheels-here-{sha256(' '.join(exchanged).encode()).hexdigest()[:12]}-{sys.version_info.minor}"
            _download(kept, "--only-binary=:all:", *exchanged)
            unpack(kept.glob("*.whl"), Path(folder))
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _TRY, folder, str(artifact), *handlers],
            env={"AWS_DEFAULT_REGION": "us-east-1"},
            capture_output=True,
            text=True,
            check=False,
        )
    return tried.stdout.splitlines() or ([tried.stderr] if tried.returncode else [])


_TRY = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
for handler in sys.argv[3:]:
    module, _, name = handler.rpartition(".")
    try:
        getattr(importlib.import_module(module), name)
    except Exception as trouble:
        print(f"{handler}: {type(trouble).__name__}: {trouble}")
"""


def add_bytecode(folder: Path) -> None:
    """Put beside each module its bytecode of the Python that runs this, which no other Python takes for its own.

    A function's folder can't be written to, so that each start of each function compiles all that it imports otherwise: half of
    what it does before it answers.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # the files' times are those of their unpacking
    compileall.compile_dir(folder, quiet=2, stripdir=folder, invalidation_mode=unchecked)


def sizes(artifact: Path) -> Counter[str]:
    """Bytes, unzipped, by what stands at the top of the artifact (a package and its metadata are two)."""
    counted: Counter[str] = Counter()
    for path in artifact.rglob("*"):
        if path.is_file():
            counted[path.relative_to(artifact).parts[0]] += path.stat().st_size
    return counted


def pack(folder: Path, out: Path) -> str:
    """ZIP a folder so that the same files make the same bytes: sorted, one time, one mode. Returns its sha256."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o100755 << 16  # readable by Lambda's own user, whatever this machine's umask
            packed.writestr(member, path.read_bytes())
    return sha256(out.read_bytes()).hexdigest()


def _target() -> list[str]:
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    return [*platforms, "--python-version", PYTHON, "--implementation", "cp", "--only-binary=:all:"]


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unfit(f"pip {arguments[0]} failed:\n{done.stderr}")


def _lines(requirements: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    return [line for line in lines if line]
