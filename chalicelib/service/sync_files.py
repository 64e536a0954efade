"""The files of a sync as the pages about it read them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.errors import Conflict, NotFound
from chalicelib.store import files, syncs


def sync_file(sync_id: str, name: str, called: str) -> Path:
    """A local copy that later calls share. Raises NotFound for an unknown sync, Conflict while it has no such file."""
    try:
        return files.cached(files.sync_key(sync_id, name))
    except NotFound as missing:
        syncs.get(sync_id)
        raise Conflict(f"This sync has no {called} yet.") from missing


@contextmanager
def linked(keys: Mapping[str, str]) -> Iterator[Path]:
    """A local folder with these files (name in the folder -> key in the bucket), of copies that later calls share.

    Raises NotFound.
    """
    with TemporaryDirectory(prefix="linked-") as folder:
        workdir = Path(folder)
        for name, key in keys.items():
            (workdir / name).parent.mkdir(parents=True, exist_ok=True)
            (workdir / name).symlink_to(files.cached(key))
        yield workdir
