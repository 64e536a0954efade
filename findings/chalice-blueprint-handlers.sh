#!/usr/bin/env bash
# Chalice 1.34.0: a function declared in a blueprint is packaged with the blueprint's module as its handler, so Lambda never
# imports app.py for it. Guess: app.py is the entry of every function of an app, so what it sets up as it is imported (limits,
# clients, logging) is there in each. It is there in the API's function alone; a function in app.py itself does have it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check chalice==1.34.0
mkdir -p "$folder/app/.chalice" "$folder/app/chalicelib"
cd "$folder/app"
echo '{"version": "2.0", "app_name": "district", "stages": {"dev": {}}}' > .chalice/config.json
touch requirements.txt chalicelib/__init__.py
cat > app.py <<'PY'
import os

from chalice import Chalice

from chalicelib.jobs import jobs

os.environ["SET_UP"] = "by app.py"
app = Chalice(app_name="district")
app.register_blueprint(jobs)


@app.lambda_function(name="own")
def own(event, context):
    return os.environ.get("SET_UP")
PY
cat > chalicelib/jobs.py <<'PY'
import os

from chalice import Blueprint

jobs = Blueprint(__name__)


@jobs.lambda_function(name="nightly")
def nightly(event, context):
    return os.environ.get("SET_UP")
PY
AWS_DEFAULT_REGION=us-east-1 "$folder/venv/bin/chalice" package --template-format json "$folder/out" > /dev/null
"$folder/venv/bin/python" - "$folder/out/sam.json" <<'PY'
import json
import subprocess
import sys

functions = {
    name: each["Properties"]["Handler"]
    for name, each in json.load(open(sys.argv[1]))["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
seen = {}
for name, handler in functions.items():  # as Lambda starts it: the handler's module, and then the function in it
    module, _, function = handler.rpartition(".")
    script = f"import importlib; print(getattr(importlib.import_module({module!r}), {function!r})({{}}, None))"
    seen[name] = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{name}: handler {handler}, set up: {seen[name]}")
assert functions == {"Own": "app.own", "Nightly": "chalicelib.jobs.nightly"}, functions
assert seen == {"Own": "by app.py", "Nightly": "None"}, seen
PY
