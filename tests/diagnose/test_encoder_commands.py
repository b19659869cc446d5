"""The commands to copy: the address of the stream, its codec, who dials whom."""

import shlex

import pytest

from ingestd.diagnose.encoder_commands import encoder_commands
from ingestd.media.access_unit import Codec


@pytest.mark.parametrize("codec", list(Codec))
def test_every_codec_has_a_command_for_each_tool_that_a_shell_reads(codec: str) -> None:
    said = encoder_commands("tcp://10.0.0.1:5004", dials=False, codec=codec)
    assert set(said) == {"ffmpeg", "GStreamer"}
    assert shlex.split(said["ffmpeg"])[-1] == "tcp://10.0.0.1:5004"
    assert shlex.split(said["GStreamer"])[-3:] == ["tcpclientsink", "host=10.0.0.1", "port=5004"]


@pytest.mark.parametrize(
    ("source", "dials", "ffmpeg", "gstreamer"),
    [
        ("tcp://0.0.0.0:5004", False, " tcp://studio:5004", "tcpclientsink host=studio port=5004"),
        ("tcp://[::]:5004", False, " tcp://studio:5004", "tcpclientsink host=studio port=5004"),
        ("tcp://[::1]:5004", False, " tcp://[::1]:5004", "tcpclientsink host=::1 port=5004"),
        (
            "tcp://10.0.0.7:8554",
            True,
            " 'tcp://0.0.0.0:8554?listen=1'",
            "tcpserversink host=0.0.0.0 port=8554",
        ),
        (
            "unix:///run/cam.sock",
            False,
            " unix:///run/cam.sock",
            "fdsink | socat -u - UNIX-CONNECT:/run/cam.sock",
        ),
        (
            "tls://10.0.0.1:5004",
            False,
            " tls://10.0.0.1:5004",
            "openssl s_client -quiet -connect 10.0.0.1:5004",
        ),
    ],
)
def test_the_address_decides_the_end_of_the_command(
    source: str, dials: bool, ffmpeg: str, gstreamer: str
) -> None:
    said = encoder_commands(source, dials=dials, here="studio")
    assert said["ffmpeg"].endswith(ffmpeg)
    assert said["GStreamer"].endswith(gstreamer)


def test_an_unknown_codec_is_h264() -> None:
    assert "libx264" in encoder_commands("tcp://10.0.0.1:1", dials=False)["ffmpeg"]
