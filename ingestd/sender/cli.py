"""Command line of `ingestd-gst`; exit code 0 done, 1 failed while running, 2 bad arguments."""

import argparse
import asyncio
import logging
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ingestd import __version__
from ingestd.errors import ConfigError, IngestdError
from ingestd.redact import hide, printable, redact
from ingestd.sender.connection import Tls
from ingestd.sender.pipeline import Pipeline
from ingestd.sender.sender import Sender
from ingestd.sender.test_picture import SOFTWARE, TestPicture
from ingestd.units import parse_bitrate

DONE, FAILED, BAD_ARGUMENTS = 0, 1, 2
TEST_PICTURE_SIZE = (1280, 720)
TEST_PICTURE_FPS = 30
TEST_PICTURE_BPS = 2_500_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        return _run(options)
    except ConfigError as error:
        return complain(error, BAD_ARGUMENTS)
    except IngestdError as error:
        return complain(error, FAILED)


def _run(options: argparse.Namespace) -> int:
    fragment, bitrate_bps = _fragment(options)
    if options.to is None:
        if options.print:
            print(Pipeline(fragment, bitrate_bps))
            return DONE
        raise ConfigError("--to ADDRESS is missing: where ingestd listens, e.g. --to tcp://127.0.0.1:5004")
    sender = Sender(
        fragment,
        to=options.to,
        token=_token(options),
        tls=Tls(options.tls_ca, options.tls_cert, options.tls_key, options.tls_server_name),
        bitrate_bps=bitrate_bps,
        name=options.name,
    )
    if options.print:
        print(sender.pipeline)
        return DONE
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    loop = asyncio.new_event_loop()  # not closed: it would wait for threads that look up names
    loop.run_until_complete(_until_told_to_stop(sender))
    return DONE


async def _until_told_to_stop(sender: Sender) -> None:
    loop = asyncio.get_running_loop()
    running = loop.create_task(sender.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        pass


def _fragment(options: argparse.Namespace) -> tuple[str, int | None]:
    """Return the text of the pipeline, and the bitrate that replaces its own."""
    if options.pipeline is None:
        width, height = options.size or TEST_PICTURE_SIZE
        picture = TestPicture(
            options.codec or "h264",
            width,
            height,
            options.fps or TEST_PICTURE_FPS,
            options.bitrate or TEST_PICTURE_BPS,
            options.camera,
        )
        return picture.fragment(), None
    for name in ("codec", "size", "fps", "camera"):
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name} does not go with --pipeline, which says it itself")
    return options.pipeline, options.bitrate


def _token(options: argparse.Namespace) -> str | None:
    token: str | None = options.token
    if options.token_file is not None:
        if token is not None:
            raise ConfigError("--token and --token-file: give one of them")
        try:
            token = options.token_file.read_text().strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"--token-file {str(options.token_file)!r}: {error}") from None
    if token is not None:
        hide(token)
    return token


def complain(error: IngestdError, code: int) -> int:
    """Say what is wrong; return ``code``."""
    print(f"ingestd-gst: {printable(redact(str(error)))}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog="ingestd-gst",
        description="Push the pictures of a GStreamer pipeline to ingestd, and have its encoder obey what "
        "ingestd says: keyframes when viewers need one, no more bits than the link carries.",
        epilog="Without --pipeline a test picture is sent, or the camera. Needs `feedback: {inline: true}` "
        "in the configuration of the stream.",
    )
    parser.add_argument("--version", action="version", version=f"ingestd-gst {__version__}")
    parser.add_argument("--to", metavar="ADDRESS", help="tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH")
    parser.add_argument(
        "--pipeline",
        metavar="FRAGMENT",
        help='as for gst-launch-1.0, up to the encoder: "v4l2src ! videoconvert ! x264enc bitrate=3000"',
    )
    parser.add_argument("--codec", choices=tuple(SOFTWARE), help="of the test picture (h264)")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the test picture (1280x720)")
    parser.add_argument("--fps", type=_fps, metavar="N", help="pictures/s of the test picture (30)")
    parser.add_argument("--camera", metavar="DEVICE", help="encode this camera: /dev/video0")
    parser.add_argument(
        "--bitrate", type=_bitrate, metavar="R", help="at most, e.g. 800kbps (a test picture: 2.5Mbps)"
    )
    parser.add_argument("--name", type=_name, metavar="NAME", help="in the log")
    parser.add_argument("--token", metavar="T", help="that the stream wants; other users may see it in `ps`")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the same, from a file")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="who signed ingestd's certificate")
    parser.add_argument("--tls-server-name", metavar="NAME", help="in the certificate, if it is not the host")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="our certificate, if ingestd wants one")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, if that is another file")
    parser.add_argument("--print", action="store_true", help="show the pipeline and what was set, and exit")
    return parser


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text, re.ASCII)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if width % 2 or height % 2 or not (16 <= width <= 8192 and 16 <= height <= 8192):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not WIDTHxHEIGHT, as 1280x720 is; allowed are even numbers from 16 to 8192"
        )
    return width, height


def _fps(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= 240:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pictures/s from 1 to 240")
    return int(text)


def _bitrate(text: str) -> int:
    try:
        bitrate_bps = parse_bitrate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1_000 <= bitrate_bps <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed is 1kbps to 1Gbps")
    return bitrate_bps


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,64}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits, `-`, `_` and `.`, 64 at most")
    return text
