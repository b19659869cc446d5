from pathlib import Path

import pytest

from ingestd import __version__
from ingestd.sender.cli import main
from tests.sender.command import PICTURE, error_of, run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--to ADDRESS is missing"),
        (["--to", "somewhere"], "--to 'somewhere' is not an address; allowed: tcp://HOST:PORT"),
        (["--codec", "mjpeg"], "invalid choice: 'mjpeg'"),
        (["--print", "--to", "somewhere"], "--to 'somewhere' is not an address"),
        *(
            (["--size", size], f"'{size}' is not WIDTHxHEIGHT, as 1280x720 is; allowed are even numbers from")
            for size in (
                "641x360",
                "7x7",
                "1x1",
                "100000x100000",
                "8194x16",
                "640",
                "640x-2",
                "9" * 9999 + "x2",
            )
        ),
        (["--fps", "0"], "'0' is not a number of pictures/s from 1 to 240"),
        (["--bitrate", "fast"], "'fast' is not a bitrate; write 800kbps"),
        (["--bitrate", "3"], "'3': allowed is 1kbps to 1Gbps"),
        (["--name", "two words"], "'two words': letters, digits"),
        (["--pipeline", f"{PICTURE} ! x264enc", "--fps", "30"], "--fps does not go with --pipeline"),
        (["--token", "a b", "--to", "tcp://127.0.0.1:1"], "--token: allowed are 1 to 256 printable ASCII"),
        (["--token", "x", "--token-file", "y", "--to", "tcp://127.0.0.1:1"], "give one of them"),
        (["--token-file", "/nonexistent", "--to", "tcp://127.0.0.1:1"], "--token-file '/nonexistent'"),
        (["--tls-ca", "/nonexistent", "--to", "tls://127.0.0.1:1"], "--tls-ca '/nonexistent'"),
        (["--tls-ca", "/nonexistent", "--to", "tcp://127.0.0.1:1"], "--tls-ca: tcp://127.0.0.1:1 is not"),
        (["--tls-key", "/nonexistent", "--to", "tls://127.0.0.1:1"], "--tls-key has no use without"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_what_is_allowed(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as leaving:  # of argparse
        code = leaving.code
    assert code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_help_and_version_need_no_gstreamer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ingestd-gst {__version__}\n"
    said = run("--help").stdout
    for option in ("--to ADDRESS", "--pipeline FRAGMENT", "--camera DEVICE", "--print", "{inline: true}"):
        assert option in said


def test_a_pipeline_that_fails_exits_with_1_and_says_why(tmp_path: Path) -> None:
    pipeline = (
        f"filesrc location={tmp_path}/none.yuv ! rawvideoparse width=64 height=48 format=i420 ! x264enc"
    )
    said = error_of("--to", "tcp://127.0.0.1:1", "--pipeline", pipeline, code=1)
    assert said.startswith("ingestd-gst: filesrc")
    assert "none.yuv" in said


def test_a_camera_that_is_not_there_exits_with_1() -> None:
    said = error_of("--to", "tcp://127.0.0.1:1", "--camera", "/dev/video97", code=1)
    assert "/dev/video97" in said
