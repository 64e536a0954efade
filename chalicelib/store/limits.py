"""How large what comes in may be, and how often one person may ask for what costs much: one parameter in Parameter Store, so
that an operator can change it without a deploy."""

import os
from functools import cache

import boto3
from aws_lambda_powertools.utilities.parameters import SSMProvider
from pydantic import Field

from chalicelib.model.records import Record

MAX_AGE_S = 300


class Limits(Record):
    """`ratio` is expanded to packed bytes of a whole ZIP. Those of an hour count for one person; a form to upload is for up to
    `zip_bytes`, a start is a state machine and a plan, a list reads whole Parquet files or the table of groups. The defaults
    are far above what a person does by hand; who works with a script may need more."""

    zip_bytes: int = Field(ge=1)
    expanded_bytes: int = Field(ge=1)
    entries: int = Field(ge=1)
    ratio: int = Field(ge=1)
    sheet_bytes: int = Field(ge=1)
    uploads_an_hour: int = Field(default=60, ge=1)
    starts_an_hour: int = Field(default=60, ge=1)
    lists_an_hour: int = Field(default=1200, ge=1)


def limits() -> Limits:
    return Limits.model_validate_json(str(parameter_store().get(os.environ["LIMITS_PARAMETER"], max_age=MAX_AGE_S)))


@cache
def parameter_store() -> SSMProvider:
    """Of the process's own session: Powertools would make another, which reads botocore's models again."""
    return SSMProvider(boto3_client=boto3.client("ssm"))
