"""What argparse takes, as data."""

import argparse
from pathlib import Path

from ingestd.arguments import parser_of
from ingestd.manual import read
from ingestd.manual.command_line import Argument, Command


def test_a_parser_is_read_with_its_commands() -> None:
    parser = argparse.ArgumentParser(prog="sing", description="Sings.", epilog="Softly.", add_help=False)
    commands = parser.add_subparsers()
    song = commands.add_parser("song", help="one song", add_help=False)
    song.add_argument("name", help="of it")
    song.add_argument("--key", "-k", choices=("C", "G"), help="of the melody")
    song.add_argument("--from", type=Path, metavar="PATH", required=True, help="a file")
    song.add_argument("--loud", action="store_true", help="no whisper")
    assert read(parser) == Command(
        "sing",
        "Sings.",
        "Softly.",
        (),
        (
            Command(
                "song",
                "one song",
                "",
                (
                    Argument((), "NAME", "of it", (), False, True),
                    Argument(("--key", "-k"), "C|G", "of the melody", ("C", "G"), False, False),
                    Argument(("--from",), "PATH", "a file", (), True, True),
                    Argument(("--loud",), "", "no whisper", (), False, False),
                ),
                (),
            ),
        ),
    )


def test_every_argument_of_ours_is_described() -> None:
    for program in (read(parser_of("ingestd")), read(parser_of("ingestd-gst"))):
        for command in (program, *program.commands):
            assert command.text
            assert [argument for argument in command.arguments if not argument.text] == []
            assert [place.value for place in command.places] == [
                place.value for place in command.arguments if place not in command.options
            ]
