"""Overrides keys by environment variables: ``INGESTD_SECTION__KEY`` and the LIVEKIT_ variables."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ingestd.config.document import Document, Located, Origin, Path
from ingestd.config.key_tree import HOOK, PINNED, ROOT, SECTIONS, STREAM, Keys

# Read by the demo only.
_NOT_OURS = frozenset({"INGESTD_LIVEKIT_SERVER"})

# The names all LiveKit tools share. INGESTD_LIVEKIT__… goes before them.
_SHARED = {
    "LIVEKIT_URL": "url",
    "LIVEKIT_API_KEY": "api_key",
    "LIVEKIT_API_SECRET": "api_secret",
    "LIVEKIT_TOKEN": "token",
}
# What a secret replaces that the file gives, or a variable of lower rank.
_REPLACED = {
    "api_secret": ("api_secret_file", "token", "token_file"),
    "api_secret_file": ("api_secret", "token", "token_file"),
    "token": ("token_file", "api_key", "api_secret", "api_secret_file"),
    "token_file": ("token", "api_key", "api_secret", "api_secret_file"),
}


_HOOK_KEYS = ", ".join(key.upper() for key in HOOK)


def apply(document: Document, environ: Mapping[str, str]) -> None:
    """Override values of ``document`` by ``environ``; a variable that matches no key is a problem."""
    for variable, key in _SHARED.items():
        # Compose files and CI pass on unset variables as empty ones.
        if environ.get(variable):
            _set(document, ("livekit", key), variable, environ[variable])
    ours = [name for name in environ if name.startswith("INGESTD_") and name not in _NOT_OURS]
    # In this order INGESTD_STREAMS__0__… comes before __1__ and __10__, so streams can be added one by one,
    # and names given by an earlier variable can be used by none: only the file's streams are known by name.
    by_name = _names(document)
    for variable in sorted(
        ours, key=lambda name: [(len(p), p) if p.isdigit() else (0, p) for p in name.split("__")]
    ):
        path = _path(document, variable, by_name)
        if path is not None:
            _set(document, path, variable, environ[variable])


def _names(document: Document) -> dict[int, str]:
    """Each stream's name as a variable spells it, by index."""
    streams = document.root.value.get("streams")
    names: dict[int, str] = {}
    for index, stream in enumerate(streams.value if streams and isinstance(streams.value, list) else []):
        name = stream.get("name")
        if isinstance(name, str):
            names[index] = name.upper().replace("-", "_").replace(".", "_")
    return names


def _path(document: Document, variable: str, names: Mapping[int, str]) -> Path | None:
    section, _, rest = variable.removeprefix("INGESTD_").partition("__")
    if section == "STREAMS" and rest:
        return _stream_path(document, variable, rest, names)
    if section == "HOOKS" and rest:
        return _hook_path(document, variable, rest)
    keys = SECTIONS.get(section.lower())
    below = _below(rest, keys) if keys and rest else None
    if below is None:
        # Its value is not shown: it may be a misspelt secret.
        _complain(document, variable, f"matches no key{_did_you_mean(variable, names)}")
        return None
    return (section.lower(), *below)


def _stream_path(document: Document, variable: str, rest: str, names: Mapping[int, str]) -> Path | None:
    streams = document.root.value.setdefault("streams", Located([], document.origin(("streams",)))).value
    if not isinstance(streams, list):
        return None  # said elsewhere
    found: dict[int, Path] = {}
    index, _, key = rest.partition("__")
    if index.isdecimal() and int(index) <= len(streams):
        below = _below(key, STREAM)
        if below is not None:
            found[int(index)] = below
    for number, name in names.items():
        below = _below(rest.removeprefix(f"{name}__"), STREAM) if rest.startswith(f"{name}__") else None
        if below is not None:
            found[number] = below
    if len(found) > 1:
        which = " and ".join(f"streams[{number}]" for number in sorted(found))
        _complain(document, variable, f"could mean {which}; use the number of the stream, from 0")
        return None
    if not found and index.isdecimal() and int(index) > len(streams):
        _complain(
            document, variable, f"there is no stream {int(index)}; allowed: 0 to {len(streams)} (one more)"
        )
        return None
    if not found:
        _complain(document, variable, f"matches no stream and key{_did_you_mean(variable, names)}")
        return None
    ((number, below),) = found.items()
    if number == len(streams):
        streams.append(Located({}, Origin("environment", 0, f"streams[{number}]")))
    return ("streams", number, *below)


def _hook_path(document: Document, variable: str, rest: str) -> Path | None:
    hooks = document.root.value.setdefault("hooks", Located([], document.origin(("hooks",))))
    if hooks.value is None:
        hooks.value = []
    index, _, key = rest.partition("__")
    below = _below(key, HOOK)
    if not isinstance(hooks.value, list) or below is None or not index.isdecimal():
        _complain(
            document, variable, "matches no hook and key; allowed: INGESTD_HOOKS__0__URL, with " + _HOOK_KEYS
        )
        return None
    number = int(index)
    if number > len(hooks.value):
        text = f"there is no hook {number}; allowed: 0 to {len(hooks.value)} (one more)"
        _complain(document, variable, text)
        return None
    if number == len(hooks.value):
        hooks.value.append(Located({}, Origin("environment", 0, f"hooks[{number}]")))
    return ("hooks", number, *below)


def _below(text: str, keys: Keys) -> Path | None:
    """The path that ``SOURCE__LISTEN`` names below ``keys``, when it ends at a leaf."""
    path: list[str | int] = []
    inside: Any = keys
    for part in text.lower().split("__"):
        if inside is None or (part not in inside and part not in PINNED):
            return None
        inside = inside.get(part)
        path.append(part)
    return tuple(path) if inside is None else None


def _set(document: Document, path: Path, variable: str, value: str) -> None:
    here = document.root
    for end, part in enumerate(path[:-1], start=1):
        if isinstance(here.value, dict) and (part not in here.value or here.value[part].value is None):
            here.value[part] = Located({}, document.origin(path[:end]))
        here = here.value[part]
        if not isinstance(here.value, list if part in ("streams", "hooks") else dict):
            return  # said elsewhere: a mapping is needed there
    if path[0] == "livekit":
        _forget_other_secrets(here.value, str(path[-1]), variable)
    here.value[path[-1]] = Located(value, Origin("environment", 0, variable))


def _forget_other_secrets(livekit: dict[str, Located], key: str, variable: str) -> None:
    """A secret from the environment replaces the file's, whichever way that one was given."""
    for other in _REPLACED.get(key, ()):
        # Two variables of a kind that contradict each other are left to be complained about.
        if other in livekit and _rank(livekit[other].origin.key) < _rank(variable):
            del livekit[other]


def _rank(origin: str) -> int:
    """Of a key of the file, a variable that all LiveKit tools share, and one of ours: the last wins."""
    return 2 if origin.startswith("INGESTD_") else 1 if origin in _SHARED else 0


def _complain(document: Document, variable: str, text: str) -> None:
    document.problem_at(Origin("environment", 0, variable), text)


def _did_you_mean(variable: str, names: Mapping[int, str]) -> str:
    known = [f"INGESTD_{path}" for path in _variables(SECTIONS)]
    for number, name in names.items():
        known += [f"INGESTD_STREAMS__{key}__{path}" for key in (number, name) for path in _variables(STREAM)]
    close = get_close_matches(variable, known, n=1, cutoff=0.8)
    if close:
        return f"; did you mean {close[0]}?"
    return "; allowed: INGESTD_SECTION__KEY with the sections " + ", ".join(s.upper() for s in ROOT)


def _variables(keys: Keys) -> list[str]:
    flat: list[str] = []
    for name, below in keys.items():
        flat += [f"{name}__{path}" for path in _variables(below)] if below else [name]
    return [path.upper() for path in flat]
