#!/usr/bin/env bash
# httpx is the usual client for a provider's API. Two guesses that do not hold for it, on valid input:
# - a gzip body of two members (RFC 1952, 2.2; a proxy that appends makes one) is read to its end: the first member alone comes,
#   without an error, so a page of JSON is cut in the middle;
# - response.links finds rel="next" whatever stands beside it (RFC 8288): a parameter without a value, or a title with "=" in it,
#   hides it, so a client that follows links stops after the first page.
# weblinking reads the same headers.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install httpx==0.28.1 weblinking==1.0.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import gzip, sys
import httpx, weblinking

body = b'{"users":[{"sourcedId":"a"},{"sourcedId":"b"}]}'
packed = gzip.compress(body[:25]) + gzip.compress(body[25:])
read = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed).content
print(f"httpx {httpx.__version__}: {len(read)} of {len(body)} bytes of a gzip body of two members; gzip itself reads {len(gzip.decompress(packed))}")

headers = {
    "a comma in the title": '<https://x/users?offset=100>; title="page 2, of 3"; rel="next"',
    "an equals sign in the title": '<https://x/users?offset=100>; title="offset=100"; rel="next"',
    "a parameter without a value": '<https://x/users?offset=100>; crossorigin; rel="next"',
    "two relations": '<https://x/users?offset=100>; rel="last next"',
}
lost = []
for name, link in headers.items():
    by_httpx = "next" in httpx.Response(200, headers={"Link": link}).links
    by_other = weblinking.find(weblinking.parse(link), "next") is not None
    print(f"rel=next with {name}: httpx {'finds' if by_httpx else 'loses'} it, weblinking {'finds' if by_other else 'loses'} it")
    lost.append((by_httpx, by_other))
expected = [(True, True), (False, True), (False, True), (False, True)]
if len(read) != 25 or lost != expected:
    sys.exit(f"this has changed: {len(read)}, {lost}")
PYTHON
