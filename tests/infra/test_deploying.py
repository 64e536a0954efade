"""What `make deploy` and `make destroy` look at before they change anything, with an AWS that is in a given state."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import ROOT
from infra.deploy import Deployment, Failed, parameters_of
from tests.infra.conftest import of_kind

pytestmark = pytest.mark.xdist_group("template")
ACCOUNT = "123456789012"


class Aws:
    """Every service at once: a stack in a state, an account's limits, budgets; remembers what it was asked to change."""

    def __init__(
        self, status: str = "", protected: bool = False, limit: int = 1000, unreserved: int | None = None, **now: str
    ) -> None:
        self.limit, self.unreserved = limit, limit if unreserved is None else unreserved
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in now.items()]
        self.stack = {"StackStatus": status, "EnableTerminationProtection": protected, "Parameters": parameters}
        self.asked: list[str] = []
        self.budgets: dict[str, dict[str, Any]] = {}
        self.meta = type("Meta", (), {"region_name": "eu-central-1"})

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 (boto3's names)
        if not self.stack["StackStatus"]:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}}, "DescribeStacks")
        return {"Stacks": [self.stack]}

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": self.limit, "UnreservedConcurrentExecutions": self.unreserved}}

    def get_caller_identity(self) -> Any:
        return {"Account": ACCOUNT}

    def head_bucket(self, Bucket: str, ExpectedBucketOwner: str) -> Any:  # noqa: N803
        self.asked.append(f"bucket of {ExpectedBucketOwner}")
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        self.stack["EnableTerminationProtection"] = EnableTerminationProtection

    def describe_budget(self, AccountId: str, BudgetName: str) -> Any:  # noqa: N803
        if BudgetName not in self.budgets:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "DescribeBudget")
        return self.budgets[BudgetName]

    def describe_notifications_for_budget(self, AccountId: str, BudgetName: str) -> Any:  # noqa: N803
        return {"Notifications": [each["Notification"] for each in self.budgets[BudgetName]["told"]]}

    def describe_subscribers_for_notification(self, AccountId: str, BudgetName: str, Notification: Any) -> Any:  # noqa: N803
        return {"Subscribers": self.budgets[BudgetName]["told"][0]["Subscribers"]}

    def create_budget(self, AccountId: str, Budget: Any, NotificationsWithSubscribers: Any) -> None:  # noqa: N803
        self.asked.append("budget")
        self.budgets[Budget["BudgetName"]] = {"Budget": Budget, "told": NotificationsWithSubscribers}

    def delete_budget(self, AccountId: str, BudgetName: str) -> None:  # noqa: N803
        del self.budgets[BudgetName]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def deployment(aws: Aws) -> Deployment:
    return Deployment("oneroster-prod", lambda service: aws)


def deploy(aws: Aws, template: Path, **parameters: str) -> None:
    deployment(aws).deploy(template, template, parameters, agree=lambda changes: False)


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        ("ROLLBACK_FAILED", "make destroy"),
        ("DELETE_FAILED", "make destroy"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name oneroster-prod"),
        ("UPDATE_IN_PROGRESS", "wait until that has ended"),
        ("ROLLBACK_IN_PROGRESS", "wait until that has ended"),
    ],
)
def test_a_stack_that_no_deploy_can_change_is_named_with_the_way_out(built_path: Path, status: str, way_out: str) -> None:
    with pytest.raises(Failed, match=f"(?s){status}.*{way_out}.*Nothing was changed"):
        deploy(Aws(status), built_path)


def test_a_new_account_hears_what_to_ask_for_before_anything_is_made(built_path: Path) -> None:
    with pytest.raises(
        Failed, match=r"lets 10 Lambdas.*at least 270 .*ApiConcurrency = 0 and ApplyConcurrency = 0.*Nothing was changed"
    ):
        deploy(Aws(limit=10), built_path)


@pytest.mark.parametrize(
    "aws",
    [Aws(limit=360), Aws("UPDATE_COMPLETE", limit=400, unreserved=100, ApiConcurrency="50", ApplyConcurrency="160")],
    ids=["just enough", "its own share is reserved already"],
)
def test_an_account_with_room_goes_on_to_the_artifacts(built_path: Path, aws: Aws) -> None:
    with pytest.raises(Failed, match="bucket"):
        deploy(aws, built_path)

    assert aws.asked == [f"bucket of {ACCOUNT}"]


def test_nothing_reserved_asks_for_nothing_of_a_new_account(built_path: Path) -> None:
    with pytest.raises(Failed, match="bucket"):
        deploy(Aws(limit=10), built_path, ApiConcurrency="0", ApplyConcurrency="0")


def test_what_is_reserved_by_default_is_what_the_check_reckons_with(translated: dict[str, Any]) -> None:
    functions = of_kind(translated["Resources"], "AWS::Lambda::Function").values()
    reserved = [
        each["ReservedConcurrentExecutions"]["Fn::If"][1]["Ref"] for each in functions if "ReservedConcurrentExecutions" in each
    ]

    assert sum(translated["Parameters"][name]["Default"] for name in reserved) == 260


def test_a_bucket_for_artifacts_that_is_somebody_else_s_is_not_used(built_path: Path) -> None:
    with pytest.raises(Failed, match="oneroster-artifacts-123456789012-eu-central-1 is not this account's"):
        deploy(Aws(), built_path)


def test_prod_is_protected_from_being_deleted_and_says_how_to_go_on() -> None:
    aws = Aws("CREATE_COMPLETE")
    assert parameters_of("prod")["TerminationProtection"] == "True"

    deployment(aws).protect(True)

    with pytest.raises(
        Failed, match=r"--no-enable-termination-protection --stack-name oneroster-prod, and again\. Nothing was changed"
    ):
        deployment(aws).destroy()


def test_a_budget_is_made_once_changed_when_it_differs_and_goes_with_the_stage() -> None:
    aws = Aws()
    for email, usd in (("ops@example.org", 100.0), ("ops@example.org", 100.0), ("ops@example.org", 300.0)):
        deployment(aws).watch_costs(email, usd)

    assert aws.asked == ["budget", "budget"]
    [(name, made)] = aws.budgets.items()
    assert name == "oneroster-prod-eu-central-1"
    assert made["Budget"]["BudgetLimit"] == {"Amount": "300.0", "Unit": "USD"}
    deployment(aws).watch_costs("", 0)
    assert aws.budgets == {}


def test_the_page_of_deploying_names_the_settings_that_are_no_parameters() -> None:
    page = (ROOT / "docs" / "operate" / "deploy.md").read_text()

    assert all(name in page for name in ("TerminationProtection", "MonthlyBudgetUsd", "OriginKey", "UserPoolMfa"))
    assert (
        json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["main"]["api_gateway_endpoint_type"] == "REGIONAL"
    )
