"""Redacts secrets, tokens and credentials in URLs from log lines, errors and pages."""

import re

# A JSON Web Token: two base64url parts that begin with the brace of a JSON object, and a signature, if any.
_JWT = re.compile(r"eyJ[\w-]{4,}\.eyJ[\w-]*(?:\.[\w-]*)?|eyJ[\w-]{4,}\.[\w-]+\.[\w-]+")
_IN_URL = re.compile(r"((?:access_token|api_secret|token)=)[^&\s\"']+", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=://)[^/?#\s\"'@]+(?=@)")
_HIDDEN = "[hidden]"
# Shorter than this a "secret" is a word that ordinary lines hold too.
MIN_SECRET_CHARACTERS = 6

_secrets: set[str] = set()


def hide(secret: str) -> None:
    """Have `redact` replace ``secret`` from now on, in this process."""
    if len(secret) >= MIN_SECRET_CHARACTERS:
        _secrets.add(secret)


def redact(text: str) -> str:
    """``text`` without hidden secrets, tokens, and the tokens and passwords in URLs."""
    for secret in _secrets:
        text = text.replace(secret, _HIDDEN)
    text = _IN_URL.sub(rf"\1{_HIDDEN}", _JWT.sub(_HIDDEN, text))
    return _USER_IN_URL.sub(_HIDDEN, text)


def without_credentials(url: str) -> str:
    """``url`` without user, password, query and fragment, fit for a log."""
    scheme, separator, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
