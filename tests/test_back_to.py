"""Where the portal leads after a sign-in: to one of its own pages, whatever the address said before it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

PORTAL = Path(__file__).resolve().parents[1] / "portal"
RUN = """
const ts = require('typescript');
const source = require('fs').readFileSync('src/app/backTo.ts', 'utf8');
const module_ = { exports: {} };
const code = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS } }).outputText;
new Function('exports', 'window', code)(module_.exports, { location: { origin: 'https://portal.example' } });
console.log(JSON.stringify(JSON.parse(process.argv[1]).map(state => module_.exports.backTo(state))));
"""
OWN = {"/": "/", "/groups/g1?tab=log": "/groups/g1?tab=log", "/groups/g1/roster/../log": "/groups/g1/log"}
FOREIGN = {
    "nothing": None,
    "a number": 5,
    "an address": "https://other.example/",
    "a host": "//other.example/x",
    "a host behind a backslash": "/\\other.example",
    "a host behind a tab": "/\t/other.example",
    "a script": "javascript:0",
}
DOTTED = "/.//other.example/x"  # one's own host, with a path that would name another


@pytest.mark.skipif(
    not shutil.which("node") or not (PORTAL / "node_modules" / "typescript").is_dir(), reason="the portal is not built here"
)
def test_after_the_sign_in_the_portal_leads_to_its_own_pages_and_nowhere_else() -> None:
    states = [*OWN, *FOREIGN.values(), DOTTED]
    asked = ["node", "-e", RUN, json.dumps(states)]

    answered = subprocess.run(asked, cwd=PORTAL, capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(answered.stdout) == [*OWN.values(), *("/" for _ in FOREIGN), "/other.example/x"]
