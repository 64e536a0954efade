"""Starts the embedded AWS with its state machines failing as AWS's do: `python -m local.emulator`.

Where ministack 1.5.33 differs, and what is mended here:
- A failed Python Lambda is known by its exception's class name, which Retry and Catch match. A warm worker's is always
  `Runtime.HandlerError`; only the traceback in its log has the name.
- A Parallel fails as soon as one branch does. There it waits for the others first, for days if one asks a question.
- A Lambda that fails instead of passing its task token on fails the wait. There the wait goes on.
- A Lambda for which there is no room is known as that by its name, which the machine waits and tries again for. There it is
  an unknown error. An event for it is told until there is room, then thrice, and goes to the dead-letter queue as it was; there
  it is told once, and forgotten.
- A Map may take from its input how many items run at once (`MaxConcurrencyPath`). There that is not read, and 64 do.
- A state's result may have 256 KiB; a Distributed Map's is what all its children hand back together, whatever its own paths then
  drop. Beyond that the execution ends, and `States.ALL` doesn't catch it. There it may have any size.
- Whoever answers a task needs to be allowed it on the state machine. There no machine is named, so only `*` would do.
- Budgets are allowed by two actions, to view and to modify. There each call is an action of its own, on no budget.
- A person may change only those of their own attributes that the client which they signed in by may write. There, any.
- A web ACL can be put before an API. There CloudFormation doesn't know how, and nothing is put there.
- API Gateway's own answers read as the API's OpenAPI document says. There an import passes over that part of it.
- A function's process is forked from one that has imported its packages. There each is a new Python.
- Everybody comes by TLS, which policies ask for. There it is plain HTTP, on loopback.
"""

import base64
import contextvars
import json
import logging
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from hashlib import md5
from typing import Any

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import apigateway_v1, cognito, eventbridge, lambda_svc, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

from local.function_processes import forking_subprocess

NAMELESS = "Runtime.HandlerError"
DATA_LIMIT = "States.DataLimitExceeded"
MOST_RESULT_BYTES = int(os.environ.get("STATES_RESULT_BYTES", 262_144))  # less, to show with few parts what many do
THROTTLED = "TooManyRequestsException"
Json = dict[str, Any]


def error_name(traceback: str, message: str) -> str:
    """The class name that stands before the message, which may have many lines, at the traceback's end."""
    before = traceback.rstrip("\n").removesuffix(message.rstrip("\n")).rstrip(": \n")
    return before.rsplit("\n", 1)[-1].rsplit(".", 1)[-1]


def naming_errors(execute: Callable[..., Json]) -> Callable[..., Json]:
    def executed(*given: Any) -> Json:
        result = execute(*given)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == NAMELESS:
            body["errorType"] = error_name(result.get("log", ""), body["errorMessage"]) or NAMELESS
        return result

    return executed


def failing_waits(call: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def called(function: str, event: Any) -> Any:
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as failure:
            waiting = stepfunctions._task_tokens.get(event.get("token")) if isinstance(event, dict) else None
            if waiting:
                waiting["error"] = {"Error": failure.error, "Cause": failure.cause}
                waiting["event"].set()
            raise

    return called


def naming_throttles(call: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def called(function: str, event: Any) -> Any:
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as failure:
            if THROTTLED in str(failure.cause):
                raise stepfunctions._ExecutionError(f"Lambda.{THROTTLED}", failure.cause) from failure
            raise

    return called


def tell(arn: str, payload: str) -> None:
    """`eventbridge._dispatch_to_lambda`, until the function has been told."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        return
    record, event = lambda_svc._execution_record_for_config(function, config), json.loads(payload)

    def told() -> None:
        while (result := lambda_svc._execute_function_with_config_scope(record, event)).get("throttle"):
            time.sleep(random.uniform(0.2, 2.0))
        if result.get("error"):
            lambda_svc.invoke_async_with_retry(record, event)

    threading.Thread(target=contextvars.copy_context().run, args=(told,), daemon=True).start()
    logging.getLogger("events").info("EventBridge → Lambda %s: dispatched", name)


def leaving_as_is(route: Callable[..., None]) -> Callable[..., None]:
    """A dead-letter queue gets the event itself; only a destination gets it wrapped."""

    def routed(target_arn: str, name: str, event: Any, result: Json) -> None:
        route(target_arn, name, event, result)
        if waiting := sqs._queue_by_arn(target_arn)["messages"]:
            body = json.dumps(event)
            waiting[-1] |= {"body": body, "md5_body": md5(body.encode()).hexdigest()}

    return routed


def naming_resources(arn_of: Callable[..., str]) -> Callable[..., str]:
    def named(service: str, method: str, path: str, headers: Json, body: bytes, *rest: Any) -> str:
        if service == "budgets":
            asked = json.loads(body)
            return f"arn:aws:budgets::{asked['AccountId']}:budget/{asked.get('BudgetName') or asked['Budget']['BudgetName']}"
        answers = service == "states" and headers.get("x-amz-target", "").partition(".SendTask")[1]
        machines = list(stepfunctions._state_machines)  # the stack has one
        return machines[0] if answers and machines else arn_of(service, method, path, headers, body, *rest)

    return named


def naming_budgets(action_of: Callable[..., str | None]) -> Callable[..., str | None]:
    def named(*given: Any, **more: Any) -> str | None:
        action = action_of(*given, **more)
        if not action or not action.startswith("budgets:"):
            return action
        return "budgets:ViewBudget" if action.startswith("budgets:Describe") else "budgets:ModifyBudget"

    return named


def reading_concurrency(run: Callable[..., Any]) -> Callable[..., Any]:
    def ran(state: Json, raw_input: Json, effective: Json, *rest: Any) -> Any:
        path = state.get("MaxConcurrencyPath")
        if path:
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path_or_ctx(path, effective, rest[-1])}
        return run(state, raw_input, effective, *rest)

    return ran


def run_branches(state: Json, raw_input: Json, execution: Json, context: Json) -> tuple[Any, str | None]:
    """`stepfunctions._run_parallel_branches`, but the first branch that fails decides; the others are left behind."""
    given = stepfunctions._apply_parameters(state, stepfunctions._apply_input_path(state, raw_input, context), context)
    ended: queue.SimpleQueue[tuple[int, Any, Exception | None]] = queue.SimpleQueue()

    def run(place: int, branch: Json) -> None:
        try:
            ended.put(
                (place, stepfunctions._run_sub_machine(branch["States"], branch["StartAt"], given, execution, context), None)
            )
        except Exception as failure:  # noqa: BLE001  raised again where the branches meet
            ended.put((place, None, failure))

    for place, branch in enumerate(state["Branches"]):
        threading.Thread(target=contextvars.copy_context().run, args=(run, place, branch), daemon=True).start()
    results: dict[int, Any] = {}
    for _ in state["Branches"]:
        place, result, failure = ended.get()
        if failure:
            raise failure
        results[place] = result
    output = stepfunctions._apply_result_selector(state, [results[place] for place in sorted(results)])
    output = stepfunctions._apply_output_path(state, stepfunctions._apply_result_path(state, raw_input, output), context)
    return output, stepfunctions._next_or_end(state)


def guarding_attributes(update: Callable[[Json], Any]) -> Callable[[Json], Any]:
    """Cognito's rule: an app client's `WriteAttributes`, where it has some, bound what a person changes of themselves."""

    def updated(data: Json) -> Any:
        payload = data.get("AccessToken", "").split(".")[1:2]
        claims = json.loads(base64.urlsafe_b64decode(payload[0] + "==")) if payload else {}
        pool, _ = cognito._pool_for_client(claims.get("client_id"))
        client = ((pool or {}).get("_clients") or {}).get(claims.get("client_id")) or {}
        writable = set(client.get("WriteAttributes") or [])
        if writable and not {each["Name"] for each in data.get("UserAttributes", [])} <= writable:
            message = "A client attempted to write unauthorized attribute"
            return cognito.error_response_json("NotAuthorizedException", message, 400)
        return update(data)

    return updated


def bounding_results(select: Callable[[Json, Any], Any]) -> Callable[[Json, Any], Any]:
    def selected(state: Json, result: Any) -> Any:
        if len(json.dumps(result, separators=(",", ":")).encode()) > MOST_RESULT_BYTES:
            message = "The state/task returned a result with a size exceeding the maximum number of bytes service limit."
            raise stepfunctions._ExecutionError(DATA_LIMIT, message)
        return select(state, result)

    return selected


def letting_limits_pass(matches: Callable[[list[str], str], bool]) -> Callable[[list[str], str], bool]:
    """`States.ALL` and `States.TaskFailed` stand for every error but this one."""

    def matched(named: list[str], error: str) -> bool:
        return error in named if error == DATA_LIMIT else matches(named, error)

    return matched


def importing_answers(import_schemes: Callable[[str, Json], Any]) -> Callable[[str, Json], Any]:
    def imported(api_id: str, spec: Json) -> Any:
        for kind, answer in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, answer)
        return import_schemes(api_id, spec)

    return imported


if __name__ == "__main__":
    lambda_runtime.subprocess = forking_subprocess()
    lambda_svc._execute_function_warm = naming_errors(lambda_svc._execute_function_warm)
    stepfunctions._call_lambda = failing_waits(naming_throttles(stepfunctions._call_lambda))
    eventbridge._dispatch_to_lambda = tell
    lambda_svc._route_async_failure = leaving_as_is(lambda_svc._route_async_failure)
    stepfunctions._run_parallel_branches = run_branches
    apigateway_v1._import_security_schemes = importing_answers(apigateway_v1._import_security_schemes)
    provisioners._RESOURCE_HANDLERS["AWS::WAFv2::WebACLAssociation"] = {
        "create": lambda logical_id, properties, stack: (logical_id, {}),
        "delete": lambda physical_id, properties: None,
    }
    cognito._update_user_attributes = guarding_attributes(cognito._update_user_attributes)
    stepfunctions._run_distributed_map = reading_concurrency(stepfunctions._run_distributed_map)
    stepfunctions._apply_result_selector = bounding_results(stepfunctions._apply_result_selector)
    stepfunctions._error_matches = letting_limits_pass(stepfunctions._error_matches)
    iam_actions.extract_iam_action = naming_budgets(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = naming_resources(iam_actions.extract_resource_arn)
    pin_origin = app.pin_request_origin
    app.pin_request_origin = lambda address, secure: pin_origin(address, True)
    sys.exit(app.main())
