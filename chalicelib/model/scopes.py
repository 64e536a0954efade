"""What an application may be let into: the roster by OneRoster's own scopes, and a few routes of this API by ours.

Nothing here lets an application decide anything or see a person through this API: approvals, selections, settings and trails
need somebody who is signed in.
"""

from typing import Literal

RosterScope = Literal["roster-core.readonly", "roster.readonly"]  # the standard's, by their last part
ApiScope = Literal["status.read", "upload.create", "sync.start"]

ROSTER_SCOPES: tuple[RosterScope, ...] = ("roster-core.readonly", "roster.readonly")
API_SCOPES: tuple[ApiScope, ...] = ("status.read", "upload.create", "sync.start")
