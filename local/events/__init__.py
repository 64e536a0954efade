"""Events as the machine and EventBridge send them, one a Lambda."""

import json
from pathlib import Path
from typing import Any


def saved(name: str, **other: Any) -> dict[str, Any]:
    """The saved event of a Lambda, with `other` values in it."""
    event: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return {**event, **other}
