"""The stand-ins answer every name that the SDK's library may look up: a missing one aborts the process."""

import ctypes
import re
import subprocess
from pathlib import Path

import pytest
from livekit import rtc

from ingestd.publish.sdk.h265_build import LIBRARIES, SOURCE, compile_library, suits_machine

pytestmark = pytest.mark.skipif(
    not suits_machine(), reason="the stand-ins are for Linux on x86-64: run the tests there"
)

SUCCESS, NOT_SUPPORTED = 0, 801
ANSWERED = {
    *("cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName"),
    *("cuDeviceGetAttribute", "cuCtxCreate_v2", "cuCtxDestroy_v2", "cuCtxGetCurrent", "cuCtxGetDevice"),
    *("cuGetErrorName", "cuGetErrorString"),
}


def names_in_the_sdk() -> set[str]:
    """What looks like a function of CUDA or of its decoder in the strings of the SDK's library."""
    (library,) = Path(rtc.__file__).parent.glob("resources/liblivekit_ffi.so")
    words = re.findall(rb"(?<=\0)(?:cu[A-Z]|cuvid[A-Z])\w*(?=\0)", library.read_bytes())
    return {word.decode() for word in words}


def names_not_supported() -> set[str]:
    return set(re.findall(r"\bX\((cu\w+)\)", SOURCE.read_text()))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("standins") / "libcuda.so.1"
    assert compile_library(SOURCE, path)
    return path


def test_the_list_is_what_the_sdk_may_look_up() -> None:
    assert len(names_in_the_sdk()) > 600
    assert names_not_supported() | ANSWERED == names_in_the_sdk()
    assert not names_not_supported() & ANSWERED


def test_all_of_them_can_be_called_and_most_say_that_they_are_not_supported(library: Path) -> None:
    # Under a name that nothing looks for: this process must not be taken for one with a driver.
    renamed = library.with_name("standins.so")
    assert compile_library(SOURCE, renamed)
    loaded = ctypes.CDLL(str(renamed))
    assert {getattr(loaded, name)() for name in names_not_supported()} == {NOT_SUPPORTED}
    count = ctypes.c_int()
    assert (loaded.cuDeviceGetCount(ctypes.byref(count)), count.value) == (SUCCESS, 1)
    # The encoder that WebRTC makes before it passes pictures through fails here, without a word.
    assert loaded.cuCtxSetCurrent(None) == NOT_SUPPORTED


def test_they_need_no_other_library_and_bear_the_name_that_the_sdk_asks_for(library: Path) -> None:
    header = subprocess.run(["objdump", "-p", library], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"SONAME +(\S+)", header) == ["libcuda.so.1"]
    assert "NEEDED" not in header
    undefined = subprocess.run(["nm", "-D", "-u", library], capture_output=True, text=True, check=True).stdout
    assert [line for line in undefined.splitlines() if " U " in line] == []


def test_the_source_compiles_without_a_warning(tmp_path: Path) -> None:
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-attribute-alias", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", tmp_path / LIBRARIES[0], SOURCE], check=True)
