"""What the command line takes; what the commands do with it is for test_cli and their packages."""

import pytest

from ingestd.arguments import parser, parser_of
from ingestd.cli import COMMANDS
from ingestd.manual import read


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["run"], "--config"),
        (["check", "--config", "x", "--colour"], "--colour"),
        (["demo", "--codec", "mpeg2"], "mpeg2"),
        (["demo", "--seconds", "soon"], "soon"),
        (["probe"], "listen:PORT"),
        (["probe", "x", "--seconds", "soon"], "'soon' is not a duration"),
        (["probe", "x", "--seconds", "0"], "must be greater than 0"),
        (["top", "--url", "http://x", "--config", "x"], "not allowed with"),
    ],
)
def test_bad_arguments(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert named in said.err


def test_help_lists_the_commands() -> None:
    said = parser().format_help()
    for command in ("run", "check", "probe", "top", "schema", "completion", "man", "demo"):
        assert f"\n    {command}" in said


def test_every_command_can_be_run() -> None:
    assert {command.name for command in read(parser()).commands} == COMMANDS.keys()


def test_times_are_durations() -> None:
    assert parser().parse_args(["probe", "-", "--seconds", "500ms"]).seconds == 0.5


def test_both_programs_have_one() -> None:
    assert [parser_of(program).prog for program in ("ingestd", "ingestd-gst")] == ["ingestd", "ingestd-gst"]
