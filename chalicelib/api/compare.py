"""Two syncs of a group side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from chalice.app import Blueprint
from pydantic import Field

from chalicelib.api.lists import ListQuery, offset_of, page
from chalicelib.api.routing import Call, route
from chalicelib.api.shapes import Comparison, EntityDifference, NamedId, Page, SchoolDifference, SyncId
from chalicelib.errors import NotFound, Unacceptable
from chalicelib.model.ids import group_of
from chalicelib.service.sync_files import linked
from chalicelib.store import files, syncs
from oneroster_engine.inspecting.compare import differences, moved, schools
from oneroster_engine.standard.entities import ENTITIES

compare = Blueprint(__name__)

SHOWN_SCHOOLS = 1000


class MovedRows(Page[NamedId]):
    pass


class CompareQuery(ListQuery):
    """`from` and `to` are ids of two syncs of the group."""

    from_: SyncId = Field(alias="from")
    to: SyncId


class MovedQuery(CompareQuery):
    entity: Literal["users", "classes", "orgs"] = "users"
    way: Literal["came", "went"] = "came"


@route(compare, "GET /groups/{groupId}/compare", role="viewer", answer=Comparison, query=CompareQuery, costly="list")
def compare_syncs(call: Call, group_id: str) -> Comparison:
    """What two syncs read, side by side: rows by entity and by school, what came and what went."""
    asked: CompareQuery = call.query
    with _stages(group_id, asked, ENTITIES) as (before, after):
        counts = {entity: EntityDifference(**asdict(each)) for entity, each in differences(before, after).items()}
        found = schools(before, after)
    shown = [SchoolDifference.model_validate(each) for each in found[:SHOWN_SCHOOLS]]
    return Comparison(before=syncs.get(asked.from_), after=syncs.get(asked.to), counts=counts, schools=shown)


@route(
    compare, "GET /groups/{groupId}/compare/rows", role="viewer", answer=MovedRows, query=MovedQuery, costly="list", people=True
)
def list_moved(call: Call, group_id: str) -> MovedRows:
    """The people, classes or orgs that came or went between two syncs."""
    asked: MovedQuery = call.query
    with _stages(group_id, asked, [asked.entity]) as (before, after):
        offset = offset_of(asked)
        found = moved(before, after, asked.entity, asked.way, search=asked.search, limit=asked.limit, offset=offset)
    call.accessed(group_id, f"moved {asked.entity} listed", [f"{asked.entity}/{row['sourcedId']}" for row in found.items])
    return page(MovedRows, [NamedId.model_validate(row) for row in found.items], found.total, asked)


@contextmanager
def _stages(group_id: str, asked: CompareQuery, entities: list[str] | tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """Two local folders of {entity}.parquet, of copies that later calls share. Raises NotFound, Unacceptable."""
    keys: dict[str, str] = {}
    for name, sync_id in (("before", asked.from_), ("after", asked.to)):
        if group_of(sync_id) != group_id:
            raise NotFound(f"This group has no sync {sync_id}.")
        read = syncs.get(sync_id).same_as or sync_id
        keys |= {f"{name}/{entity}.parquet": files.sync_key(read, f"stage/{entity}.parquet") for entity in entities}
    try:
        with linked(keys) as workdir:
            yield workdir / "before", workdir / "after"
    except NotFound as missing:
        message = "What one of the two syncs read is not there: it ended before its rows were read, or it is not kept any more."
        raise Unacceptable(message) from missing
