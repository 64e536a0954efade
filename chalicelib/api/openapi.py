"""The OpenAPI document, made of the routes as they are declared. `python -m chalicelib.api.openapi` prints it."""

import json
import re
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from chalicelib.api import API_VERSION
from chalicelib.api.request import MOST_KEY
from chalicelib.api.routing import IDEMPOTENCY_KEY, IF_MATCH, ROUTES, SHOW, Route
from chalicelib.api.shapes import Problem

REF = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """OpenAPI 3.1. Every route of the API is in it, since it is made of what they are registered with."""
    models = {(route.body, "validation") for route in ROUTES if route.body}
    models |= {(route.answer, "serialization") for route in ROUTES}
    models |= {(Problem, "serialization")}
    ordered: Any = sorted(models, key=lambda each: (each[0].__name__, each[1]))
    refs, definitions = models_json_schema(ordered, ref_template=REF)
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OneRoster Selective Sync", "version": API_VERSION, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route, refs: Any) -> dict[str, Any]:
    failed = {"application/problem+json": {"schema": refs[Problem, "serialization"]}}
    schema = refs[route.answer, "serialization"]
    operation: dict[str, Any] = {
        "operationId": re.sub(r"[^a-zA-Z]+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "summary": route.summary,
        "parameters": [*_in_path(route), *_in_query(route), *_in_headers(route)],
        "responses": {
            str(route.status): {"description": "Done", "content": {"application/json": {"schema": schema}}},
            "default": {"description": "A problem document", "content": failed},
        },
    }
    if route.costly:
        retry_headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until it is allowed again."}}
        operation["responses"]["429"] = {
            "description": "Done too often within this hour",
            "headers": retry_headers,
            "content": failed,
        }
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.body, "validation"]}},
        }
    if route.role:
        operation |= {"security": [{"token": []}], "x-role": route.role} | ({"x-scope": route.scope} if route.scope else {})
    return operation


def _in_path(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(route: Route) -> list[dict[str, Any]]:
    said = "A viewer sees people's e-mail addresses, telephone numbers and birth dates; the audit says so."
    show = [{"name": SHOW, "in": "query", "required": False, "schema": {"type": "boolean"}, "description": said}]
    return [*_own_query(route), *(show if route.people else [])]


def _own_query(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = TypeAdapter(route.query).json_schema(ref_template=REF)["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()]


def _in_headers(route: Route) -> list[dict[str, Any]]:
    meaning = {
        IF_MATCH: "The etag of what was read: nothing is changed if somebody else has changed it since.",
        IDEMPOTENCY_KEY: "The same key gives the same sync, for a day.",
    }
    schema = {"type": "string", "maxLength": MOST_KEY}
    return [
        {"name": name, "in": "header", "required": name == IF_MATCH, "schema": schema, "description": meaning[name]}
        for name in route.headers
    ]


if __name__ == "__main__":
    import app  # noqa: F401  (registers every route)

    print(json.dumps(document(), indent=1))
