"""Redacts secrets, credentials in URLs and control characters from log lines, errors and pages."""

import re

# Each takes time in proportion to the text, as texts come from files and networks: nothing is given back
# (`++`), and no search begins within what another has gone through in vain.
# A JSON Web Token: two base64url parts that begin with the brace of a JSON object, and a signature, if any.
# The first part is taken in any case; it is a token where the group matches, too.
_JWT = re.compile(r"eyJ[\w-]{4,}+(\.eyJ[\w-]*+(?:\.[\w-]*+)?|\.[\w-]++\.[\w-]++)?")
_IN_URL = re.compile(r"((?:access_token|api_secret|token)=)[^&\s\"']++", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=://)[^/?#\s\"'@]++(?=@)")
# Without a scheme, too, where an address is wanted.
_USER = re.compile(r"(?<![^/\s\"'@])[^/\s\"'@]++@")
# What a terminal obeys: C0, DEL, C1 (ECMA-48) but for the ends of lines and tabs. And what turns the order of
# letters round (Unicode UAX 9) or ends a line elsewhere, so that a line reads as another.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HIDDEN = "[hidden]"
# Of a value that an error quotes: enough to find it by, and a line that people read.
MAX_SHOWN_CHARACTERS = 200
# Shorter than this a "secret" is a word that ordinary lines hold too.
MIN_SECRET_CHARACTERS = 6
# Shorter than this it may be a part of such a word, as that of a server for tests is: "secret".
LONG_SECRET_CHARACTERS = 12

_secrets: dict[str, re.Pattern[str]] = {}


def hide(secret: str) -> None:
    """Have `redact` replace ``secret`` from now on, in this process."""
    if len(secret) >= MIN_SECRET_CHARACTERS:
        word = re.escape(secret)
        whole = len(secret) < LONG_SECRET_CHARACTERS
        _secrets[secret] = re.compile(rf"(?<!\w){word}(?!\w)" if whole else word)


def redact(text: str) -> str:
    """``text`` without hidden secrets, tokens, and the tokens and passwords in URLs."""
    for secret, pattern in _secrets.items():
        if secret in text:  # far cheaper, and mostly not so
            text = pattern.sub(HIDDEN, text)
    text = _JWT.sub(lambda match: HIDDEN if match[1] else match[0], text)
    text = _IN_URL.sub(rf"\1{HIDDEN}", text)
    return _USER_IN_URL.sub(HIDDEN, text)


def printable(text: str) -> str:
    """``text`` with its control characters written as Python writes them: ``\\x1b``."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def shown(value: object) -> str:
    """``value`` of a configuration as an error quotes it: without user and password, and no mapping.

    Of one longer than MAX_SHOWN_CHARACTERS the beginning, and how long it is.
    """
    if isinstance(value, dict):
        return "a mapping"
    text = value if isinstance(value, str) else repr(value)
    # As far as the next "@": what the end would cut through may be a password.
    end = max(MAX_SHOWN_CHARACTERS, text.find("@", MAX_SHOWN_CHARACTERS) + 1)
    seen = _USER.sub(f"{HIDDEN}@", text[:end])
    rest = _rest(text)
    if rest:
        seen = seen[:MAX_SHOWN_CHARACTERS]
    return f"{seen!r}{rest}" if isinstance(value, str) else f"{seen}{rest}"


def cut(text: str) -> str:
    """``text``, or, if it is longer than MAX_SHOWN_CHARACTERS, its beginning and how long it is."""
    return text[:MAX_SHOWN_CHARACTERS] + _rest(text)


def _rest(text: str) -> str:
    return f"… ({len(text):,} characters)" if len(text) > MAX_SHOWN_CHARACTERS else ""


def without_credentials(url: str) -> str:
    """``url`` without user, password, query and fragment, fit for a log."""
    scheme, separator, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
