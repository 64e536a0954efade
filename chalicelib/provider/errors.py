"""What a consumer's request can come to, as the standard says it.

Source: OneRoster Rostering Service 1.2, REST binding, imsx_StatusInfo and imsx_codeMinorFieldValue.
"""

from dataclasses import dataclass
from typing import Any


@dataclass
class RequestFailed(Exception):
    """`code_minor` is the standard's imsx_codeMinorFieldValue; `status` the HTTP status that goes with it."""

    status: int
    code_minor: str
    description: str

    def __str__(self) -> str:
        return self.description


def invalid_filter(description: str) -> RequestFailed:
    return RequestFailed(400, "invalid_filter_field", description)


def invalid_selection(description: str) -> RequestFailed:
    return RequestFailed(400, "invalid_selection_field", description)


def invalid_data(description: str) -> RequestFailed:
    return RequestFailed(422, "invaliddata", description)


def unknown_object(description: str) -> RequestFailed:
    return RequestFailed(404, "unknownobject", description)


def status_info(failure: RequestFailed) -> dict[str, Any]:
    """The body of a failed request, the same members in 1.1 and 1.2 (`imsx_StatusInfo`)."""
    return {
        "imsx_codeMajor": "failure",
        "imsx_severity": "error",
        "imsx_description": failure.description,
        "imsx_CodeMinor": {
            "imsx_codeMinorField": [
                {"imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": failure.code_minor}
            ]
        },
    }
