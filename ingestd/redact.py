"""Redacts secrets, credentials in URLs and control characters from log lines, errors and pages."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

_Key = TypeVar("_Key", str, int)

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

# Texts are searched by where a secret may begin, which costs the same for ten secrets and for ten thousand.
# Each counts how many holders there are.
_secrets: Counter[str] = Counter()
_beginnings: Counter[str] = Counter()  # of MIN_SECRET_CHARACTERS
_lengths: Counter[int] = Counter()
# Up to so many, searching for one after the other is faster.
_FEW_SECRETS = 64
_for_good: set[str] = set()
_of_files: dict[Path, set[str]] = {}


def hide(secret: str) -> None:
    """Have `redact` replace ``secret`` from now on, in this process."""
    if secret not in _for_good:
        _for_good.add(secret)
        _hold([secret], 1)


def hide_those_of(file: Path, secrets: Iterable[str]) -> None:
    """Have `redact` replace ``secrets``, which ``file`` holds, and no longer those that it held before."""
    before = _of_files.get(file, set())
    after = _of_files[file] = set(secrets)
    _hold(after - before, 1)
    _hold(before - after, -1)


def redact(text: str) -> str:
    """``text`` without hidden secrets, tokens, and the tokens and passwords in URLs."""
    if len(_secrets) > _FEW_SECRETS or any(secret in text for secret in tuple(_secrets)):
        text = _without_secrets(text)
    text = _JWT.sub(lambda match: HIDDEN if match[1] else match[0], text)
    text = _IN_URL.sub(rf"\1{HIDDEN}", text)
    return _USER_IN_URL.sub(HIDDEN, text)


def _hold(secrets: Iterable[str], holders: int) -> None:
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            _count(_secrets, secret, holders)
            _count(_beginnings, secret[:MIN_SECRET_CHARACTERS], holders)
            _count(_lengths, len(secret), holders)


def _count(counter: Counter[_Key], key: _Key, holders: int) -> None:
    counter[key] += holders
    if not counter[key]:
        del counter[key]


def _without_secrets(text: str) -> str:
    size = MIN_SECRET_CHARACTERS
    begins = [at for at in range(len(text) - size + 1) if text[at : at + size] in _beginnings]
    if not begins:
        return text
    lengths = sorted(_lengths, reverse=True)
    kept, done = [], 0
    for begin in begins:
        end = next((begin + length for length in lengths if _is_secret(text, begin, begin + length)), 0)
        if end > done:
            if begin >= done:  # else two overlap
                kept += [text[done:begin], HIDDEN]
            done = end
    return "".join([*kept, text[done:]])


def _is_secret(text: str, begin: int, end: int) -> bool:
    if end > len(text) or text[begin:end] not in _secrets:
        return False
    return end - begin >= LONG_SECRET_CHARACTERS or not (
        _in_word(text[begin - 1 : begin]) or _in_word(text[end : end + 1])
    )


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


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
