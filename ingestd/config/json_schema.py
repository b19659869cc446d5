"""JSON schema (draft 2020-12) of the configuration file: what a user may write, for editors and checks.

It refuses nothing that `load` takes from a file, but for 0 and 1 in place of false and true. It cannot see
all that `load` refuses: whether files are there, what streams are to each other, quantities that have a unit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingestd.config.key_docs import DEFAULTS_IN_WORDS, KEY_DOCS, SECTION_DOCS, plain
from ingestd.config.key_tree import PINNED, all_fields
from ingestd.config.schema import SECTIONS, HookConfig, StreamConfig, section_of
from ingestd.config.written import KINDS, Schema, yaml_text

# null means the default, and these have none.
_NEEDED = {"streams[].name", "hooks.url"}
# Of each pair at most one may be given.
_EITHER = {
    "livekit": [
        ("token", "token_file"),
        ("api_secret", "api_secret_file"),
        *((one, other) for one in ("token", "token_file") for other in ("api_key", "api_secret")),
    ],
    "streams[].source": [("listen", "connect"), ("token", "token_file")],
    "hooks": [("secret", "secret_file")],
}


def json_schema() -> Schema:
    """Return the schema, as an object for JSON."""
    stream = _mapping("streams[]", StreamConfig)
    keys = stream["properties"]
    stream["properties"] = {key: {"$ref": f"#/$defs/{key}"} for key in keys}
    of_defaults = {key: value for key, value in stream["properties"].items() if key != "name"}
    properties = {name: _or_null(_mapping(name, model)) for name, model in SECTIONS.items()}
    properties["defaults"] = _or_null(
        {
            "type": "object",
            "description": plain(KEY_DOCS["defaults"]),
            "properties": of_defaults,
            "additionalProperties": False,
        }
    )
    properties["streams"] = _list("streams", {**stream, "required": ["name"]}) | {"minItems": 1}
    hook = _mapping("hooks", HookConfig)
    properties["hooks"] = _or_null(_list("hooks", {**hook, "required": ["url"]}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of ingestd",
        "type": "object",
        "properties": properties | _pinned(),
        "additionalProperties": False,
        "required": ["streams"],
        "allOf": [
            _each_stream_or_defaults(_given("room")),
            _each_stream_or_defaults(_given("source", _ADDRESS)),
        ],
        "$defs": keys,
    }


@dataclass(frozen=True, slots=True)
class Key:
    """One row of a reference; ``default`` and ``text`` are Markdown."""

    name: str  # as the reference has it: "livekit.url"; of a stream "source.listen"
    of_stream: bool
    default: str  # "" where it has none, and needs none
    text: str


def reference() -> Iterator[Key]:
    """Every key, in the order of the reference."""
    defaults = {key: _default(key, field) for key, field in all_fields()}
    for key, text in KEY_DOCS.items():
        default = defaults.get(key, {})
        shown = "" if default is None else f"`{yaml_text(default)}`"
        name = key.removeprefix("streams[].")
        yield Key(name, name != key, DEFAULTS_IN_WORDS.get(key, shown), text)


def _mapping(path: str, model: type[BaseModel]) -> Schema:
    properties: dict[str, Schema] = {}
    for name, field in model.model_fields.items():
        full = f"{path}.{name}"
        below = section_of(field)
        properties[name] = _value(full, field) if below is None else _or_null(_mapping(full, below))
    if path in ("livekit", "streams[]"):
        properties |= _pinned()
    schema: Schema = {"type": "object"}
    if path in SECTION_DOCS:
        schema["description"] = plain(SECTION_DOCS[path])
    schema |= {"properties": properties, "additionalProperties": False}
    if pairs := _EITHER.get(path):
        schema["allOf"] = [{"not": {"allOf": [_given(one), _given(other)]}} for one, other in pairs]
    return schema


def _list(path: str, item: Schema) -> Schema:
    items = {key: value for key, value in item.items() if key != "description"}
    return {"type": "array", "description": plain(SECTION_DOCS[path]), "items": items}


def _or_null(schema: Schema) -> Schema:
    """A key that is written without a value means its default."""
    return {**schema, "type": [schema["type"], "null"]}


def _value(key: str, field: FieldInfo) -> Schema:
    ways = KINDS[key].ways
    if key not in _NEEDED:
        ways = [*ways, {"type": "null"}]
    schema: Schema = {"description": plain(KEY_DOCS[key])}
    if (default := _default(key, field)) is not None:
        schema["default"] = default
    return schema | (ways[0] if len(ways) == 1 else {"anyOf": ways})


def _default(key: str, field: FieldInfo) -> object:
    """The default as it would be written; None where there is none."""
    if field.is_required() or field.default_factory is not None:
        return None
    return KINDS[key].write(field.default)


def _pinned() -> dict[str, Schema]:
    return {
        key: {"description": f"always off: {why}", "enum": [False, True, None], "deprecated": True}
        for key, why in PINNED.items()
    }


def _given(key: str, value: Schema | None = None) -> Schema:
    """``key`` is there and not null, and as ``value`` says."""
    return {"required": [key], "properties": {key: value or {"not": {"type": "null"}}}}


_ADDRESS: Schema = {"anyOf": [_given("listen"), _given("connect")]}


def _each_stream_or_defaults(needed: Schema) -> Schema:
    return {"if": _given("defaults", needed), "else": {"properties": {"streams": {"items": needed}}}}
