"""The state machine as Step Functions gets it: `sync.asl.json` with what each Lambda's declaration adds to its state.

Every state that calls a Lambda is tried again by the class in that Lambda's declaration (`stepfunctions/retry.json`), and
ends a little after the Lambda itself would; a question's own time stands in the definition.
"""

import json
from collections.abc import Iterator
from typing import Any

from infra import ROOT
from infra.functions import STATE_MARGIN_S, STEPS

Json = dict[str, Any]
FOLDER = ROOT / "stepfunctions"


def definition() -> Json:
    """`${Name}` in it stands for the ARN of the function with that logical id."""
    written: Json = json.loads((FOLDER / "sync.asl.json").read_text())
    retries: Json = json.loads((FOLDER / "retry.json").read_text())
    for state in every_state(written):
        if state["Type"] == "Map":
            state["Retry"] = retries["map"]
        elif state["Type"] == "Task":
            function = STEPS[state["Parameters"]["FunctionName"].strip("${}")]
            state["Retry"] = retries["lambda"] + retries[function.runs]
            state.setdefault("TimeoutSeconds", function.time_s + STATE_MARGIN_S)
    return written


def every_state(machine: Json) -> Iterator[Json]:
    for state in machine["States"].values():
        yield state
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            yield from every_state(inner)
