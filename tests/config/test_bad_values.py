"""Every key with values that make no sense: what is refused is named by file, line and key, with the cure."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestd.config import load
from ingestd.config.key_tree import all_keys
from ingestd.errors import ConfigError

VALUES = [
    {"a": 1},
    [["x"]],
    -1,
    0,
    1e99,
    float("nan"),
    True,
    "",
    "nonsense !",
    "off",
    "2026-11-29",
    "x" * 300,
]
# An example is a cure, too: "is not HOST:PORT; e.g. 127.0.0.1:9464".
CURE = re.compile(
    r"allowed|write |needed|did you mean|put it in quotes|give |expected|e\.g\. |set it|as `lk "
)
# Where a key stands in the way of another that is there.
INSTEAD_OF = {
    "livekit.api_secret_file": "livekit.api_secret",
    "livekit.token": "livekit",
    "livekit.token_file": "livekit",
    "streams[].source.connect": "streams[].source.listen",
}


def with_value(key: str, value: object) -> str:
    """A configuration that is sound but for ``value``."""
    cam: dict[str, Any] = {"name": "cam", "room": "lobby", "source": {"listen": "tcp://127.0.0.1:5004"}}
    root: dict[str, Any] = {"livekit": {"api_key": "k", "api_secret": "s" * 40}, "streams": [cam]}
    if key.startswith("hooks"):
        root["hooks"] = [{"url": "http://localhost/"}]
    if key in INSTEAD_OF:
        section, name = _place(root, INSTEAD_OF[key])
        del section[name]
    section, name = _place(root, key)
    section[name] = value
    return yaml.safe_dump(root, width=1000)


def _place(root: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    *sections, name = key.split(".")
    at = root
    for section in sections:
        at = (
            at[section.removesuffix("[]")]
            if section in ("hooks", "streams[]")
            else at.setdefault(section, {})
        )
        at = at[0] if isinstance(at, list) else at
    return at, name


@pytest.mark.parametrize("key", all_keys())
def test_what_is_refused_is_named_with_what_to_do(key: str, tmp_path: Path) -> None:
    file, refused = tmp_path / "ingestd.yaml", 0
    for value in VALUES:
        file.write_text(with_value(key, value))
        try:
            load(file, {})
        except ConfigError as error:
            refused += 1
            for line in str(error).splitlines():
                assert re.match(rf"{re.escape(str(file))}:\d+: ", line), f"{value!r}: {line}"
                assert key.rpartition(".")[2] in line, f"{value!r}: {line}"
                assert CURE.search(line), f"{value!r}: {line}"
    assert refused, "every key has values that it refuses"
