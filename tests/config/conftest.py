"""Loading a text as if it were the file, and the environment."""

from pathlib import Path

import pytest

from ingestd.config import Config, load
from ingestd.errors import ConfigError
from tests.config.support import SECRET, Complains, Loads


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    def run(text: str | bytes, **environ: str) -> Config:
        file = tmp_path / "ingestd.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(file, environ)

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
