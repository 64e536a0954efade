"""Mail to a group's contact, by SES. The sender is the stack's; where it has none, no mail is sent."""

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_ses.client import SESClient


@dataclass(frozen=True)
class Mail:
    subject: str
    text: str


@cache
def _ses() -> "SESClient":
    return boto3.client("ses")


def send(to: str, mail: Mail) -> bool:
    """False where the stack has no sender. Raises ClientError when SES refuses, as it does an unverified sender."""
    sender = os.environ["MAIL_FROM"]
    if not sender:
        return False
    _ses().send_email(
        Source=sender,
        Destination={"ToAddresses": [to]},
        Message={
            "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
            "Body": {"Text": {"Data": mail.text, "Charset": "UTF-8"}},
        },
    )
    return True


def link_to(path: str) -> str:
    """The address of a portal page, for mails."""
    return f"{os.environ['PORTAL_ORIGIN']}{path}"
