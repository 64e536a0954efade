"""What the standard's own members can't say of a record, in its `metadata`, which OneRoster keeps for extensions.

Our provider writes these notes and our REST source reads them, so that a roster that went through the API is the one that went
in. To other readers they are names without a meaning. Values are text, since OneRoster 1.1 allows nothing else.
"""

from collections.abc import Mapping
from typing import Any

# Members that the roster's record doesn't have, and that stand here because the standard requires them; separated by commas.
STAND_INS = "selectiveSync.standIns"
# `inactive`, where the standard knows active and tobedeleted alone.
STATUS = "selectiveSync.status"
# The role in 1.2's words, where 1.1 has none for it.
ROLE = "selectiveSync.role"

MAY_STAND_IN = frozenset(("identifier", "courseCode", "schoolYear", "enabledUser", "agents"))

# Of 1.2's roles those that 1.1 has no word for. Never a word that gives more rights than the role itself.
ROLES_1_1 = {
    "districtAdministrator": "administrator",
    "siteAdministrator": "administrator",
    "systemAdministrator": "administrator",
    "principal": "administrator",
    "counselor": "aide",
}


def as_noted(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record as its notes say it is meant. A note never makes a removed record anything else, nor lets anybody in."""
    notes = record.get("metadata")
    if not isinstance(notes, dict) or not {STAND_INS, STATUS, ROLE} & notes.keys():
        return record
    standing_in = MAY_STAND_IN.intersection(str(notes.get(STAND_INS) or "").split(","))
    meant = {name: value for name, value in record.items() if name not in standing_in}
    if notes.get(STATUS) == "inactive" and record.get("status") == "active":
        meant["status"] = "inactive"
        if "enabledUser" in meant:  # shown as false for those who know no notes
            meant["enabledUser"] = "true"
    role = notes.get(ROLE)
    if isinstance(role, str) and role in ROLES_1_1 and ROLES_1_1[role] == record.get("role"):
        meant["role"] = role
    return meant
