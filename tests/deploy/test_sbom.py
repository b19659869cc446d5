"""The list of what ships, `make sbom`."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.tools import tool
from tests.test_packaging import LOCKS, pins

ROOT = Path(__file__).parents[2]


@pytest.mark.long  # installs what writes it
def test_the_sbom_lists_every_package_of_the_image_by_version_and_hash() -> None:
    tool("cyclonedx-py")
    said = subprocess.run([ROOT / "scripts/sbom"], capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 0, said.stderr
    listed = json.loads((ROOT / "dist/ingestd.cdx.json").read_text())["components"]
    assert {part["name"].lower(): part["version"] for part in listed} == pins(LOCKS["runtime"])
    assert all(part["externalReferences"][0]["hashes"] for part in listed)
