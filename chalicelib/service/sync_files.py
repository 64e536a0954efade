"""The files of a sync as the pages about it read them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.records import Sync
from chalicelib.store import files, syncs


def sync_file(sync_id: str, name: str, called: str) -> Path:
    """A local copy that later calls share. Raises NotFound for an unknown sync, Conflict while it has no such file.

    What was read by a sync that found nothing new was read by the earlier one that it names.
    """
    try:
        return files.cached(files.sync_key(sync_id, name))
    except NotFound as missing:
        earlier = syncs.get(sync_id).same_as
        if earlier and name.startswith("stage/"):
            with suppress(NotFound):  # it may be kept no longer
                return files.cached(files.sync_key(earlier, name))
        raise Conflict(f"This sync has no {called} yet.") from missing


def that_read(newest_first: Sequence[Sync]) -> Iterator[Sync]:
    """Of these syncs those that read their source: one that found nothing new stands for the earlier one that it names."""
    known = {each.sync_id: each for each in newest_first}
    for sync_id in dict.fromkeys(each.same_as or each.sync_id for each in newest_first):
        with suppress(NotFound):  # it has left History since
            yield known.get(sync_id) or syncs.get(sync_id)


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
