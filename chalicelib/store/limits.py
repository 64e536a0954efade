"""How large what comes in may be: one parameter in Parameter Store, so that an operator can change it without a deploy."""

import os

from aws_lambda_powertools.utilities import parameters
from pydantic import Field

from chalicelib.model.records import Record

MAX_AGE_S = 300


class Limits(Record):
    """`ratio` is expanded to packed bytes of a whole ZIP."""

    zip_bytes: int = Field(ge=1)
    expanded_bytes: int = Field(ge=1)
    entries: int = Field(ge=1)
    ratio: int = Field(ge=1)
    sheet_bytes: int = Field(ge=1)


def limits() -> Limits:
    return Limits.model_validate_json(parameters.get_parameter(os.environ["LIMITS_PARAMETER"], max_age=MAX_AGE_S))
