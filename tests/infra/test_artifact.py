"""The ZIP that Lambda gets: what must be in it, what must not, and that it comes out the same."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.loaders import Loader
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import artifact
from infra.package import CACHE, Package, package

pytestmark = pytest.mark.xdist_group("artifact")  # made once


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return package(tmp_path_factory.mktemp("first"))


def test_the_same_commit_makes_the_same_bytes(made: Package, tmp_path: Path) -> None:
    again = package(tmp_path)

    assert again.sha256 == made.sha256
    assert again.template.read_bytes() == made.template.read_bytes()


def test_bytecode_is_the_same_wherever_it_was_made_and_is_what_runs(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("value = {'as', 'packed'}\n")
        artifact.add_bytecode(tmp_path / name)
    (tmp_path / "one" / "module.py").write_text("value = 'of the source'\n")

    one, other = (next((tmp_path / name).rglob("*.pyc")).read_bytes() for name in ("one", "other"))
    ask = f"import sys; sys.path.insert(0, {str(tmp_path / 'one')!r}); import module; print(sorted(module.value))"
    said = subprocess.run([sys.executable, "-I", "-B", "-c", ask], capture_output=True, text=True, check=True).stdout

    assert one == other
    assert said == "['as', 'packed']\n"


def test_the_lock_is_that_of_the_requirements() -> None:
    locked = {line.split(" ")[0] for line in artifact.LOCK.read_text().splitlines()}
    asked = [Requirement(line) for line in artifact._lines(artifact.REQUIREMENTS)]
    wanted = {f"{canonicalize_name(each.name)}{each.specifier}" for each in asked if not each.marker or each.marker.evaluate()}

    assert wanted <= locked, "run make lock"


def test_a_package_that_another_asks_for_and_that_is_not_there_is_named(made: Package) -> None:
    unzipped = made.code.parent / "artifact"
    hidden = shutil.move(next(unzipped.glob("typing_inspection-*.dist-info")), made.code.parent / "hidden")
    try:
        missing = list(artifact.missing_packages(unzipped))
    finally:
        shutil.move(hidden, unzipped / "typing_inspection-0.dist-info")

    assert [each.partition(" is missing")[0] for each in missing] == ["typing-inspection>=0.4.2"]


def test_a_handler_whose_import_is_not_in_the_artifact_is_named(made: Package) -> None:
    unzipped = made.code.parent / "artifact"
    lacking = unzipped / "chalicelib" / "lacking.py"
    lacking.write_text("import pytest\n")  # which this machine has
    try:
        reasons = artifact.unimportable(unzipped, artifact.fetch(CACHE), ["app.app", "chalicelib.lacking.handler"], CACHE)
    finally:
        lacking.unlink()

    assert reasons == ["chalicelib.lacking.handler: ModuleNotFoundError: No module named 'pytest'"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("duck.so", b"\xcf\xfa\xed\xfe" + bytes(20), "duck.so is not for Linux on x86_64"),
        ("core.cpython-311-x86_64-linux-gnu.so", b"", "is for Python 3.11, the runtime is python3.13"),
        ("new.abi3.so", b"GLIBC_2.17 GLIBC_2.38", "new.abi3.so wants glibc 2.38, the runtime has 2.34"),
    ],
)
def test_native_code_for_elsewhere_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    elf = b"\x7fELF" + bytes(14) + artifact.ELF_MACHINE
    (tmp_path / name).write_bytes(content if content.startswith(b"\xcf") else elf + content)

    reasons = list(artifact.misfits(tmp_path))

    assert len(reasons) == 1
    assert said in reasons[0]


def test_an_artifact_that_lambda_would_not_take_is_refused(made: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MOST_BYTES", 100_000_000)

    with pytest.raises(artifact.Unfit, match=r"bytes unzipped; Lambda takes 100,000,000"):
        artifact.check(made.code.parent / "artifact", [], [], CACHE)


def test_botocore_brings_the_services_that_the_functions_call_and_no_others(made: Package) -> None:
    unzipped = made.code.parent / "artifact"
    described = Loader(extra_search_paths=[str(unzipped / "botocore" / "data")], include_default_search_paths=False)

    assert {path.name for path in (unzipped / "botocore" / "data").iterdir() if path.is_dir()} == artifact.SERVICES
    assert artifact.services_called(unzipped / "chalicelib") == artifact.CALLED
    assert all(described.load_service_model(each, "service-2") for each in artifact.SERVICES)


def test_a_call_of_a_service_that_is_not_packed_is_named(made: Package) -> None:
    unzipped = made.code.parent / "artifact"
    calling = unzipped / "chalicelib" / "calling.py"
    calling.write_text('import boto3\n\nboto3.client("sqs")\n')
    try:
        with pytest.raises(artifact.Unfit, match="chalicelib calls sqs, which SERVICES lacks"):
            artifact.check(unzipped, [], [], CACHE)
    finally:
        calling.unlink()
