"""Loading a text as if it were the file, and the environment; what is loaded, the JSON schema takes, too."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from ingestd.config import Config, json_schema, load
from ingestd.errors import ConfigError
from tests.config.support import SECRET, Complains, Loads

SCHEMA = Draft202012Validator(json_schema())


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    def run(text: str | bytes, **environ: str) -> Config:
        file = tmp_path / "ingestd.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        config = load(file, environ)
        if not environ:  # which may give what the schema finds missing
            assert [error.message for error in SCHEMA.iter_errors(yaml.safe_load(file.read_bytes()))] == []
        return config

    return run


@pytest.fixture
def complains(loads: Loads, tmp_path: Path) -> Complains:
    """The lines of the error, the directory left out."""

    def run(text: str | bytes, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as error:
            loads(text, **environ)
        assert SECRET not in str(error.value)
        return str(error.value).replace(f"{tmp_path}/", "").splitlines()

    return run
