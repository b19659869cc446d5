"""Man pages, as `man` shows them."""

import shutil
import subprocess

import pytest

from ingestd.arguments import parser_of
from ingestd.cli import main
from ingestd.config import all_keys
from ingestd.manual import read

PAGES = ("ingestd", "ingestd-gst", "ingestd.yaml")


def page(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["man", name]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", PAGES)
def test_groff_finds_nothing_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("groff") is None:
        pytest.skip("no groff here: install it")
    text = page(name, capsys)
    assert text.isascii()
    done = subprocess.run(
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    for section in ("NAME", "DESCRIPTION", "SEE ALSO"):
        assert section in done.stdout


@pytest.mark.parametrize("program", ["ingestd", "ingestd-gst"])
def test_every_command_and_option_is_in_it(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(program, capsys).replace("\\-", "-")
    known = read(parser_of(program))
    assert text.startswith(f'.TH "{program.upper()}" 1 ')
    for command in known.commands:
        assert f".SS {command.name}\n" in text
        assert all(f"\\fB{flag}\\fR" in text for option in command.options for flag in option.flags)
    assert ".SH EXIT STATUS" in text


def test_what_the_help_of_a_command_says_beside_its_options_is_in_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = page("ingestd", capsys).replace("\\-", "-")
    (top,) = [command for command in read(parser_of("ingestd")).commands if command.name == "top"]
    assert top.epilog in text
    with pytest.raises(SystemExit):
        main(["top", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Show the figures of a running daemon, live in the terminal." in said
    assert top.epilog in said


def test_every_key_is_in_the_page_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    text = page("ingestd.yaml", capsys)
    assert [key for key in all_keys() if f"\\fB{key.removeprefix('streams[].')}\\fR" not in text] == []
    assert "](" not in text
    assert "\\fBmax_backlog\\fR (default: \\fB500ms\\fR)\n" in text
    assert "\\fBroom\\fR (needed)\n" in text


def test_words_are_not_taken_for_requests_of_roff(capsys: pytest.CaptureFixture[str]) -> None:
    requests = {
        line.split(" ")[0] for name in PAGES for line in page(name, capsys).splitlines() if line[:1] in ".'"
    }
    assert requests == {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"}
