"""Puts the stand-ins for H.265 into the wheel, where there is a compiler; it is for x86-64 then."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SDK = "ingestd/publish/sdk"
# They need no library, not even libc: any Linux for which there are wheels at all.
TAG = "py3-none-manylinux2014_x86_64"


class StandIns(BuildHookInterface[Any]):
    """Compiles them beside their source; a wheel without them refuses H.265 and says what is missing."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Do so before the files of the wheel are collected."""
        build = runpy.run_path(str(Path(self.root, SDK, "h265_build.py")))["build"]
        if build():
            build_data["artifacts"].append(f"{SDK}/h265_standins/lib*")
            build_data["pure_python"] = False
            build_data["tag"] = TAG
