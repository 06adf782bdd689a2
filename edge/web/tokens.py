"""Tokens of a station: a file that only its owner reads, one token a role.

    web.json      {"keep": TOKEN, "look": TOKEN, "secret": KEY}      mode 0600

`keep` may review and change, `look` only reads. A browser shows its token once and gets a cookie
that is signed with the key, so that the token itself is sent no more.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner

from edge.contract.errors import StoreError, in_words

FILE_NAME = "web.json"
KEEP, LOOK = "keep", "look"
"""The two roles."""
COOKIE = "birdlisten"
COOKIE_S = 30 * 86_400
_BYTES, _LEAST = 24, 16
_LONGEST = 400
"""Characters of what may be a token; more is none."""


@dataclass(frozen=True, repr=False)
class Tokens:
    """The tokens of a station, and the key that its cookies are signed with."""

    keep: str
    look: str
    secret: str

    def role(self, token: str) -> str | None:
        """The role that a token gives; compared in a time that says nothing of how near it is."""
        given = token[:_LONGEST].encode("utf-8", "replace")
        roles = ((KEEP, self.keep), (LOOK, self.look))
        same = [role for role, held in roles if hmac.compare_digest(given, held.encode())]
        return same[0] if same else None

    def role_of_header(self, header: str) -> str | None:
        """The role that an Authorization header gives: Bearer, or Basic with any user."""
        scheme, _, value = header[:_LONGEST].partition(" ")
        if scheme.lower() == "bearer":
            return self.role(value.strip())
        if scheme.lower() == "basic":
            return self.role(_password(value))
        return None

    def cookie(self, role: str) -> str:
        """The signed cookie of a role."""
        return self._signer.sign(role).decode()

    def role_of_cookie(self, cookie: str) -> str | None:
        """The role of a cookie; None if it is not ours, or too old."""
        try:
            role = self._signer.unsign(cookie[:_LONGEST], COOKIE_S).decode()
        except (BadSignature, UnicodeError):
            return None
        return role if role in (KEEP, LOOK) else None

    @property
    def _signer(self) -> TimestampSigner:
        # A token that was changed ends the sessions that were begun with the old one.
        return TimestampSigner(f"{self.secret}.{self.keep}.{self.look}", salt="birdlisten.web")


def read_tokens(station: Path) -> Tokens:
    """The tokens of a station; made when they are first asked for.

    Raises:
        StoreError: the file can't be read or written, others may read it, or it holds no tokens.
    """
    path = station / FILE_NAME
    try:
        return _read(path) if path.exists() else _made(path)
    except OSError as error:
        raise StoreError(
            f"{path}: the tokens can't be read or written ({in_words(error)})"
        ) from error


def _made(path: Path) -> Tokens:
    tokens = Tokens(*(secrets.token_urlsafe(_BYTES) for _ in range(3)))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return _read(path)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(tokens), indent=1) + "\n")
    return tokens


def _read(path: Path) -> Tokens:
    if path.stat().st_mode & 0o077:
        raise StoreError(f"{path}: others can read the tokens; chmod 600 {path}")
    try:
        tokens = Tokens(**json.loads(path.read_text(encoding="utf-8")))
        sound = all(isinstance(held, str) and len(held) >= _LEAST for held in vars(tokens).values())
    except (ValueError, TypeError, RecursionError):
        sound = False
    if not sound or tokens.keep == tokens.look:
        raise StoreError(
            f"{path}: expected keep, look and secret, each of {_LEAST} characters or more and "
            "not the same; take the file away, and new ones are made"
        )
    return tokens


def _password(value: str) -> str:
    """The password of a Basic header."""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
