"""The tree of all keys, derived from the models, and hints for a key that is not in it."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingestd.config import schema
from ingestd.config.schema import HookConfig, StreamConfig, section_of

# A key is a leaf (None) or a mapping of further keys.
Keys = Mapping[str, Any]

# Options of the LiveKit SDKs that people look for. They are pinned off; the text says why.
PINNED: Mapping[str, str] = {
    "simulcast": "a pre-encoded stream has one layer, and making others would mean decoding it",
    "dynacast": "there is one layer, made by the encoder, and nothing to pause",
    "auto_subscribe": "ingestd only publishes",
    "adaptive_stream": "it is a choice of each viewer's client",
}

# Names that other tools give the same key.
_SYNONYMS = {
    "video_codec": "codec",
    "bitrate": "max_bitrate",
    "fps": "max_framerate",
    "framerate": "max_framerate",
    "room_name": "room",
    "secret": "api_secret",
    "key": "api_key",
    "port": "listen",
    "address": "listen",
    "timeout": "idle_timeout",
}


def _tree(model: type[BaseModel]) -> Keys:
    below = {name: section_of(field) for name, field in model.model_fields.items()}
    return {name: None if section is None else _tree(section) for name, section in below.items()}


STREAM: Keys = _tree(StreamConfig)
DEFAULTS: Keys = {name: below for name, below in STREAM.items() if name != "name"}
SECTIONS: Keys = {name: _tree(model) for name, model in schema.SECTIONS.items()} | {"defaults": DEFAULTS}
HOOK: Keys = _tree(HookConfig)
ROOT: Keys = {**SECTIONS, "streams": STREAM, "hooks": HOOK}


def all_fields() -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the models by its full name, as error messages write it: ``streams[].source.listen``."""
    models: dict[str, type[BaseModel]] = {**schema.SECTIONS, "streams[]": StreamConfig, "hooks": HookConfig}
    for name, model in models.items():
        yield from _fields(name, model)


def all_keys() -> list[str]:
    """Every key by its full name, and ``defaults``."""
    return [key for key, _ in all_fields()] + ["defaults"]


def unknown(key: str, keys: Keys) -> str:
    """Return what to say of ``key``, which is not one of ``keys``."""
    if key in ("<<", "*"):
        return "is not read; what streams share belongs under defaults"
    close = get_close_matches(key.lower().replace("-", "_"), list(keys), n=1, cutoff=0.7)
    if close or _SYNONYMS.get(key) in keys:
        return f"is not known; did you mean {close[0] if close else _SYNONYMS[key]}?"
    # A key one level too high.
    for name, below in keys.items():
        if below and key in below:
            return f"is not known here; it belongs under {name}"
    # Or too low: a stream's own key under source or feedback.
    if key in STREAM and (keys == STREAM["source"] or keys == STREAM["feedback"]):
        return "is not known here; it belongs to the stream, one level up"
    return f"is not known; allowed: {', '.join(keys)}"


def _fields(path: str, model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if (below := section_of(field)) is None:
            yield f"{path}.{name}", field
        else:
            yield from _fields(f"{path}.{name}", below)
