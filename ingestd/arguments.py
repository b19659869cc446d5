"""Arguments of the commands: names, values, help. Completion and man pages are made of them, too."""

import argparse
from pathlib import Path

from ingestd import __version__
from ingestd.units import parse_duration


def parser() -> argparse.ArgumentParser:
    """Return what ``ingestd`` takes; ``command`` of the result is the name of one."""
    program = argparse.ArgumentParser(
        prog="ingestd",
        description="Publish already encoded video from any encoder into a LiveKit room, untouched.",
        epilog="Each command has a --help of its own. The manual: ingestd man | man -l -",
    )
    program.add_argument("--version", action="version", version=f"ingestd {__version__}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, more: str | None = None) -> argparse.ArgumentParser:
        described = f"{text[0].upper()}{text[1:]}."
        return commands.add_parser(name, help=text, description=described, epilog=more)

    run = add(
        "run",
        "run the daemon",
        "The log says `ready` when every source is open. SIGTERM and Ctrl-C leave the rooms and end it, "
        "SIGHUP has the configuration read again.",
    )
    _add_config(run)

    check = add("check", "validate a configuration and say what it would do")
    _add_config(check)
    check.add_argument(
        "--connect",
        action="store_true",
        help="also join each room as a hidden participant, for a moment; exit code 1 if one cannot be "
        "joined. Encoders are not dialled and no port is opened, as a running ingestd may use them",
    )
    check.add_argument(
        "--against",
        type=Path,
        metavar="RUNNING-CONFIG",
        help="also say what a reload would change if this file is what runs now",
    )

    probing = add("probe", "say what a stream is and whether WebRTC can carry it")
    probing.add_argument(
        "target",
        metavar="FILE|-|tcp://HOST:PORT|listen:PORT",
        help="what to read, to dial, or where to wait for an encoder",
    )
    probing.add_argument(
        "--seconds",
        type=_seconds,
        metavar="N",
        help="how long to read (default: a file to its end, a FIFO or an encoder for 5 s)",
    )
    probing.add_argument("--json", action="store_true", help="print one JSON object")

    top = add(
        "top",
        "show the figures of a running daemon, live in the terminal",
        "The worst stream comes first. The arrow keys, j and k, Page Up and Page Down move through the "
        "streams; q and Ctrl-C end it. In a pipe, and on a dumb terminal, it looks once. NO_COLOR=1 takes "
        "the colours off. INGESTD_HTTP__LISTEN says where the daemon is if neither --url nor --config does.",
    )
    where = top.add_mutually_exclusive_group()
    where.add_argument(
        "--url", metavar="http://HOST:PORT", help="where it answers (default: http.listen's, 127.0.0.1:9464)"
    )
    where.add_argument("--config", type=Path, metavar="PATH", help="take http.listen from this YAML file")
    top.add_argument(
        "--json",
        action="store_true",
        help="print a JSON object at each look, one line each; not to a terminal: one",
    )

    add("schema", "print the JSON schema of the configuration, for editors")

    completion = add(
        "completion",
        "print what completes the commands in a shell",
        "It belongs into ~/.local/share/bash-completion/completions/ingestd of bash, a file _ingestd in a "
        "directory of zsh's fpath, ~/.config/fish/completions/ingestd.fish of fish.",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script")
    completion.add_argument(
        "program",
        nargs="?",
        default="ingestd",
        choices=("ingestd", "ingestd-gst"),
        help="which commands (default: ingestd)",
    )

    man = add("man", "print a man page: ingestd man | man -l -")
    man.add_argument(
        "page",
        nargs="?",
        default="ingestd",
        choices=("ingestd", "ingestd-gst", "ingestd.yaml"),
        help="which page (default: ingestd); ingestd.yaml has the keys of the configuration",
    )

    demo = add("demo", "run encoder, ingestd, LiveKit server and viewer on this machine")
    demo.add_argument(
        "--codec",
        default="h264",
        choices=("h264", "h265", "vp8", "vp9", "av1"),
        help="of the test picture (default: h264)",
    )
    demo.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30); 0: until Ctrl-C")
    return program


def parser_of(program: str) -> argparse.ArgumentParser:
    """Return what ``ingestd`` or ``ingestd-gst`` takes."""
    from ingestd.sender import cli as sender  # which `run` does without

    return sender.parser() if program == "ingestd-gst" else parser()


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="PATH", help="the YAML file")


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r}: must be greater than 0")
    return seconds
