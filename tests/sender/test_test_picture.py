from dataclasses import replace

import pytest

from ingestd.sender.test_picture import SOFTWARE, TestPicture
from tests.sender.command import run

PICTURE = TestPicture("h264", 640, 360, 25, 1_500_000)


def test_the_encoder_gets_its_bitrate_in_its_own_unit_and_a_keyframe_every_ten_seconds() -> None:
    assert " x264enc bitrate=1500 key-int-max=250 " in PICTURE.fragment()
    assert " vp8enc target-bitrate=1500000 keyframe-max-dist=250 " in replace(PICTURE, codec="vp8").fragment()
    assert "width=640,height=360,framerate=25/1" in PICTURE.fragment()


def test_a_camera_takes_the_place_of_the_picture() -> None:
    fragment = replace(PICTURE, camera="/dev/video0").fragment()
    assert fragment.startswith('v4l2src device="/dev/video0" !')
    assert "videotestsrc" not in fragment


@pytest.mark.parametrize("codec", SOFTWARE)
def test_gstreamer_understands_it(codec: str) -> None:
    done = run("--print", "--codec", codec)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"# {SOFTWARE[codec]}: 2.5Mbps at most" in done.stdout


def test_gstreamer_understands_the_camera() -> None:
    done = run("--print", "--camera", "/dev/video0")
    assert (done.returncode, done.stderr) == (0, "")
