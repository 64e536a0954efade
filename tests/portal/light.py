"""The portal in Chromium in front of the real API, with the tables and the bucket in moto and no machine behind them.

For what a page says and does: quick, since nothing is deployed. What a click starts on AWS is tried in front of the whole
product, in the other tests of this folder.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import app as wiring
from chalicelib.api.routing import ROUTES
from infra import ROOT

DIST = ROOT / "portal" / "dist"
NAMES = {"admin": "Ada Admin", "operator": "Olu Operator", "viewer": "Vera Viewer"}


class Context:
    aws_request_id = "r1"
    function_name = "api_handler"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:1:function:api_handler"


def _served(role: str) -> Starlette:
    lock = threading.Lock()  # a Chalice app holds one request

    def api(request: Request, body: bytes) -> Response:
        path = request.url.path.removeprefix("/api")
        for route in ROUTES:
            found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", route.path), path)
            if found and route.method == request.method:
                names = re.findall(r"{(\w+)}", route.path)
                query = {name: [value] for name, value in request.query_params.items()}
                event = {
                    "httpMethod": request.method,
                    "path": path,
                    "headers": dict(request.headers),
                    "multiValueQueryStringParameters": query or None,
                    "pathParameters": dict(zip(names, found.groups(), strict=True)) or None,
                    "stageVariables": None,
                    "body": body.decode(),
                    "isBase64Encoded": False,
                    "requestContext": {
                        "resourcePath": route.path,
                        "httpMethod": request.method,
                        "requestId": "r1",
                        "authorizer": {"principalId": "u1", "name": NAMES[role], "role": role, "groups": json.dumps(["*"])},
                    },
                }
                with lock:
                    answer: Any = wiring.app(event, Context())
                return Response(answer["body"], answer["statusCode"], answer.get("headers"))
        return JSONResponse({"message": "Missing Authentication Token"}, 403)

    async def api_of(request: Request) -> Response:
        return api(request, await request.body())

    async def config(request: Request) -> Response:
        origin = f"{request.url.scheme}://{request.url.netloc}"
        return JSONResponse(
            {
                "apiUrl": f"{origin}/api",
                "issuer": origin,
                "clientId": "light",
                "redirectUri": f"{origin}/signed-in",
                **{f"{name}Endpoint": f"{origin}/nowhere" for name in ("authorization", "token", "endSession")},
                "jwksUri": f"{origin}/nowhere",
            }
        )

    async def portal(request: Request) -> Response:
        wanted = DIST / request.url.path.lstrip("/")
        return FileResponse(wanted if wanted.is_file() else DIST / "index.html")

    routes = [
        Route("/config.json", config),
        Route("/api/{path:path}", api_of, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        Route("/{path:path}", portal),
    ]
    return Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)])


@contextmanager
def serving(role: str = "admin") -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(_served(role), "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(5)


def opened(browser: Browser, address: str, role: str = "admin", **more: Any) -> Page:
    """A new browser in which somebody is signed in."""
    page = browser.new_context(
        **{"base_url": address, "viewport": {"width": 1280, "height": 900}, "locale": "en-US", "timezone_id": "UTC", **more}
    ).new_page()
    page.set_default_timeout(10_000)
    user = {
        "id_token": "x.y.z",
        "access_token": "x",
        "token_type": "Bearer",
        "scope": "openid",
        "profile": {"sub": "u1", "name": NAMES[role]},
        "expires_at": int(time.time()) + 36_000,
    }
    key = f"oidc.user:{address}:light"
    page.add_init_script(f"sessionStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(user))})")
    return page


def by_small_pages(page: Page) -> None:
    """Let a list that is asked for by 1,000 come by two, so that a page which is shown as the whole is found out."""
    page.route("**/api/**limit=1000**", lambda asked: asked.continue_(url=asked.request.url.replace("limit=1000", "limit=2")))
