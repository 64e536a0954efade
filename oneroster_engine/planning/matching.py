"""People whom the source has under a new id and the platform under an old one: found again by the field a group matches with."""

import duckdb

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.planning import guard
from oneroster_engine.planning.guard import Breach
from oneroster_engine.planning.policy import Policy

RENAMED = "known under another sourcedId now"


def match_people(connection: duckdb.DuckDBPyConnection, policy: Policy) -> list[Breach]:
    """Make `matched` (sourcedId, formerId) of people under an id that the source has given up, and let the old ids go.

    Where one side has several, nobody is matched: an admin decides, and is notified.
    """
    connection.execute("CREATE TABLE matched (sourcedId VARCHAR, formerId VARCHAR)")
    if policy.match_with == "sourcedId":
        return []
    field = quoted(policy.match_with)
    suffix = f" || {text(policy.username_suffix)}" if policy.match_with == "username" and policy.username_suffix else ""
    connection.execute(_SAME_PEOPLE.format(key=f"{field}{suffix}", field=text(policy.match_with)))
    connection.execute(_MATCHED)
    several = connection.execute(_AMBIGUOUS).fetchall()
    return [guard.ambiguous(policy.match_with, new, former) for new, former in several]


# People who are new in the source, and people whom the source has given up, by the field that the group matches with.
_SAME_PEOPLE = """
CREATE TABLE newcomer AS
SELECT sourcedId, lower(trim({key})) AS key FROM staged_users
SEMI JOIN (SELECT sourcedId FROM compared_users WHERE selected AND NOT known) USING (sourcedId) WHERE {key} IS NOT NULL;
CREATE TABLE former AS
SELECT sourcedId, lower(trim(fields->>{field})) AS key FROM before_users
WHERE sourcedId NOT IN (SELECT sourcedId FROM staged_users)
  AND sourcedId NOT IN (SELECT sourcedId FROM left_out WHERE entity = 'users' AND sourcedId IS NOT NULL
                        AND is_referred IS NOT true);
CREATE TABLE same_people AS SELECT new.sourcedId, old.sourcedId AS formerId, key FROM newcomer new JOIN former old USING (key)
"""

# Who is matched takes the platform's id along; the record under the old id goes.
_MATCHED = f"""
INSERT INTO matched SELECT any_value(sourcedId), any_value(formerId) FROM same_people GROUP BY key HAVING count(*) = 1;
DELETE FROM gone_users WHERE sourcedId IN (SELECT formerId FROM matched);
INSERT INTO gone_users
SELECT formerId, '{RENAMED}' FROM matched JOIN before_users old ON old.sourcedId = formerId WHERE old.removedAt IS NULL
"""

_AMBIGUOUS = """
SELECT list(DISTINCT sourcedId ORDER BY sourcedId), list(DISTINCT formerId ORDER BY formerId) FROM same_people
GROUP BY key HAVING count(*) > 1 ORDER BY 1
"""
