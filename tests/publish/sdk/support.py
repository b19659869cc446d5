"""Python in a process of its own: one that loads the stand-ins for H.265 keeps them."""

import subprocess
import sys

import pytest

from ingestd.publish.sdk.h265_build import suits_machine

needs_standins = pytest.mark.skipif(
    not suits_machine(), reason="the stand-ins are for Linux on x86-64: run the tests there"
)


def python(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``program`` with ``environment`` alone, and return what it wrote."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment
    )
