"""Reads everything by timeback-oneroster (OneRoster 1.2) and prints how many of each kind came, as JSON.

But for the list of all users: it refuses 1.2's own roles of administrators (`findings/timeback-oneroster-roles.sh`).
"""

import asyncio
import json
import sys

from timeback_oneroster import OneRosterClient

base_url, token_url, client_id, client_secret = sys.argv[1:]


async def main() -> None:
    client = OneRosterClient(base_url=base_url, auth_url=token_url, client_id=client_id, client_secret=client_secret)
    lists = {
        "students": client.students,
        "teachers": client.teachers,
        "orgs": client.orgs,
        "schools": client.schools,
        "classes": client.classes,
        "courses": client.courses,
        "enrollments": client.enrollments,
        "academicSessions": client.academic_sessions,
        "terms": client.terms,
        "gradingPeriods": client.grading_periods,
    }
    counts = {}
    for name, resource in lists.items():
        counts[name] = len(await resource.list_all(limit=1000))
    await client.close()
    print(json.dumps(counts))


asyncio.run(main())
