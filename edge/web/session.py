"""The session of a browser: a token is shown once, and a signed cookie stands for it."""

from json import JSONDecodeError

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from edge.web.tokens import COOKIE, COOKIE_S, Tokens


def routes() -> list[BaseRoute]:
    """`POST session` with a field `token` (a form's, or JSON) begins one, DELETE ends it."""
    return [
        Route("/session", begin, methods=["POST"]),
        Route("/session", end, methods=["DELETE"]),
        Route("/session/end", end, methods=["POST"]),
    ]


async def begin(request: Request) -> Response:
    """Exchange a token for a cookie; a form is led on to the first page, or back to `login`."""
    tokens: Tokens | None = request.app.state.tokens
    is_form = not request.headers.get("content-type", "").startswith("application/json")
    role = tokens.role(await _token(request, is_form)) if tokens else None
    root = request.scope["prefix"]
    if tokens is None or role is None:
        request.app.state.failures.take(request.scope["peer"])
        if is_form:
            return RedirectResponse(f"{root}/login?wrong=1", 303)
        return JSONResponse({"error": "that is no token of this station"}, 401)
    answer = RedirectResponse(f"{root}/", 303) if is_form else JSONResponse({"role": role})
    answer.set_cookie(
        COOKIE,
        tokens.cookie(role),
        max_age=COOKIE_S,
        path=f"{root}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


async def end(request: Request) -> Response:
    """Take the cookie back."""
    root = request.scope["prefix"]
    answer = RedirectResponse(f"{root}/login", 303)
    answer.delete_cookie(COOKIE, path=f"{root}/", httponly=True, samesite="lax")
    return answer


async def _token(request: Request, is_form: bool) -> str:
    try:
        held = await request.form() if is_form else await request.json()
        token = held.get("token", "")
    except (JSONDecodeError, UnicodeDecodeError, RecursionError, AttributeError):
        return ""
    return token if isinstance(token, str) else ""
