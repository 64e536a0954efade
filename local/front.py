"""One origin for everything that a browser sees, like CloudFront on AWS: the portal, the API, and the sign-in.

Serves `portal/dist` and `/config.json` with the headers that the stack gives CloudFront, and leads `/api`, the user
pool's pages and its keys on to the emulator.
"""

from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from infra import ROOT
from local.stack import Stack

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length", "host"}
DOCS = ROOT / "build" / "docs"
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
TIMEOUT_S = 60.0


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    """As the API says what went wrong (RFC 9457)."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": [], "requestId": ""}
    return JSONResponse(problem, status, media_type="application/problem+json", headers={"Cache-Control": "no-store"})


def front(stack: Stack, dist: Path) -> Starlette:
    client = httpx.AsyncClient(timeout=TIMEOUT_S)

    async def lead_on(request: Request, base: str) -> Response:
        path = request.url.path.removeprefix("/api") if base == stack.api_url else request.url.path
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            answer = await client.request(request.method, f"{base}{path}{query}", headers=headers, content=await request.body())
        except httpx.TimeoutException:
            return _problem(504, "No answer in time", "What is behind this address did not answer in time. Try again.")
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
            return _problem(400, "Malformed", "This request can't be led on. See its address and its headers.")
        except httpx.RequestError:
            return _problem(502, "No answer", "What is behind this address can't be reached. Is the stack running?")
        kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return Response(answer.content, answer.status_code, kept)

    async def api(request: Request) -> Response:
        return await lead_on(request, stack.api_url)

    async def sign_in(request: Request) -> Response:
        return await lead_on(request, stack.endpoint)

    async def config(request: Request) -> Response:
        docs = {"docsUrl": "/docs/"} if (DOCS / "index.html").is_file() else {}
        return JSONResponse(stack.portal_config() | docs, headers={"Cache-Control": "no-store"})

    async def signed_out(request: Request) -> Response:
        return Response(status_code=302, headers={"Location": "/"})

    async def portal(request: Request) -> Response:
        wanted = (dist / request.url.path.lstrip("/")).resolve()
        if wanted.is_file() and wanted.is_relative_to(dist.resolve()):
            hashed = "assets" in wanted.parts
            cached = "public, max-age=31536000, immutable" if hashed else "no-cache"
            return FileResponse(wanted, headers={"Cache-Control": cached})
        page = dist / "index.html"
        if not page.is_file():
            return PlainTextResponse("The portal has not been built; `make run` does that.", 503)
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    pool, headers = stack.outputs["UserPool"], stack.portal_headers()

    async def secured(request: Request, answer: RequestResponseEndpoint) -> Response:
        response = await answer(request)
        ours = request.url.path not in ("/login", "/logout") and not request.url.path.startswith(("/oauth2/", "/docs/"))
        if ours:  # on AWS the pages of the sign-in are Cognito's, elsewhere; the docs are no part of the portal
            response.headers.update(headers)
        return response

    return Starlette(
        middleware=[Middleware(GZipMiddleware, minimum_size=1000), Middleware(BaseHTTPMiddleware, dispatch=secured)],
        routes=[
            Route("/config.json", config),
            Route("/api/{path:path}", api, methods=METHODS),
            Route("/oauth2/{path:path}", sign_in, methods=METHODS),
            Route("/login", sign_in, methods=METHODS),
            Route("/logout", signed_out),
            Route(f"/{pool}/{{path:path}}", sign_in),
            *([Mount("/docs", StaticFiles(directory=DOCS, html=True))] if DOCS.is_dir() else []),
            Route("/{path:path}", portal),
        ],
    )
