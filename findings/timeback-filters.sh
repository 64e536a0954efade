#!/usr/bin/env bash
# timeback-oneroster 0.4.0 (filters by timeback-common 0.4.0), a client of OneRoster 1.2, writes a `where` as a filter. Guess: what is
# asked for is all in it, in the standard's form: field, operator and a value in single quotes, joined by AND and OR.
# - Fields beside an OR are left out without a word: of active people with one of two roles all with one of these roles are asked
#   for, also those who are gone.
# - `in` is written with parentheses, and true and false without quotes. The standard has neither, so a provider that reads by it
#   answers 400.
# A quote inside a value is doubled, as guessed. Needs Python 3.12 or newer, as the package does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[234]*/bin/python; do
  if "$python" -V >/dev/null 2>&1; then break; fi
done
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check timeback-oneroster==0.4.0 timeback-common==0.4.0
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from timeback_oneroster.lib.filter import where_to_filter

print("timeback-oneroster", version("timeback-oneroster"), "timeback-common", version("timeback-common"))
either = [{"role": "teacher"}, {"role": "aide"}]
wanted = {
    "one of two": ({"OR": either}, "role='teacher' OR role='aide'"),
    "active, and one of two": ({"status": "active", "OR": either}, "role='teacher' OR role='aide'"),
    "active, and in a list": ({"status": "active", "role": {"in": ["teacher", "aide"]}}, "status='active' AND (role='teacher' OR role='aide')"),
    "a switch": ({"enabledUser": True}, "enabledUser=true"),
    "a quote": ({"familyName": "O'Brien"}, "familyName='O''Brien'"),
}
for name, (where, expected) in wanted.items():
    sent = where_to_filter(where)
    print(f"{name}: {where} -> {sent}")
    assert sent == expected, "it behaves otherwise now"
PYTHON
