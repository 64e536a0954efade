#!/usr/bin/env bash
# timeback-oneroster 0.4.0, a client of OneRoster 1.2, knows 1.1's roles alone: a user whose role is one of those that 1.2 put in the
# place of `administrator` is refused, and with that user the whole page. Seen: siteAdministrator, districtAdministrator,
# systemAdministrator, principal and counselor are refused; administrator, which 1.2 has no more, is taken.
# So a provider that sends what 1.2 says is read by it only where no administrator or counselor is in the list.
# Needs Python 3.12 or newer, as the package does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[234]*/bin/python; do
  if "$python" -V >/dev/null 2>&1; then break; fi
done
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check timeback-oneroster==0.4.0
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from pydantic import ValidationError
from timeback_oneroster.types.rostering import User

print("timeback-oneroster", version("timeback-oneroster"))
NEW = ("siteAdministrator", "districtAdministrator", "systemAdministrator", "principal", "counselor")


def taken(role: str) -> bool:
    person = {
        "sourcedId": "u1", "status": "active", "dateLastModified": "2026-09-01T06:00:00.000Z", "enabledUser": "true",
        "givenName": "G", "familyName": "F",
        "roles": [{"roleType": "primary", "role": role, "org": {"href": "https://x.example/orgs/o1", "sourcedId": "o1", "type": "org"}}],
    }
    try:
        User(**person)
    except ValidationError:
        return False
    return True


found = {role: taken(role) for role in (*NEW, "administrator", "teacher")}
print(found)
assert found == {**dict.fromkeys(NEW, False), "administrator": True, "teacher": True}, "it behaves otherwise now"
PYTHON
