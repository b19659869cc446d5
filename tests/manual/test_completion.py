"""Completion by the shells themselves, where they are installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ingestd.arguments import parser_of
from ingestd.cli import main
from ingestd.manual import SHELLS, read, script

PROGRAMS = ("ingestd", "ingestd-gst")


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"no {shell} here: install it")


def run(shell: str, program: str, where: Path) -> str:
    done = subprocess.run(
        [shell, "-c", program], cwd=where, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


def bash_offers(line: str, where: Path) -> list[str]:
    """What bash would offer at the end of ``line``."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = (
        script("bash", read(parser_of(words[0])))
        + f"COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}; "
        + f'$(complete -p {words[0]} | sed "s/.*-F //;s/ .*//"); printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    return run("bash", asked, where).split()


@needs("bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ingestd pro", ["probe"]),
        ("ingestd --v", ["--version"]),
        ("ingestd check --con", ["--config", "--connect"]),
        ("ingestd check --config cam", ["cams.yaml"]),
        ("ingestd check --config cams.yaml --ag", ["--against"]),
        ("ingestd demo --codec h2", ["h264", "h265"]),
        ("ingestd probe cam", ["cams.yaml"]),
        ("ingestd probe --seconds ", []),
        ("ingestd top --url ", []),
        ("ingestd man ingestd.", ["ingestd.yaml"]),
        ("ingestd-gst --cod", ["--codec"]),
        ("ingestd-gst --codec vp", ["vp8", "vp9"]),
        ("ingestd-gst --token-file cam", ["cams.yaml"]),
        ("ingestd-gst --token cam", []),
    ],
)
def test_bash_completes(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "cams.yaml").touch()
    assert bash_offers(line, tmp_path) == offered


@needs("bash")
def test_a_file_with_spaces_is_one_answer_to_bash(tmp_path: Path) -> None:
    (tmp_path / "my cams.yaml").touch()
    assert bash_offers("ingestd run --config my", tmp_path) == ["my", "cams.yaml"], "one line of two words"


@needs("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ingestd pro", ["probe"]),
        ("ingestd check --con", ["--config", "--connect"]),
        ("ingestd check --config cam", ["cams.yaml"]),
        ("ingestd demo --codec h2", ["h264", "h265"]),
        ("ingestd completion f", ["fish"]),
        ("ingestd-gst --cod", ["--codec"]),
    ],
)
def test_fish_completes(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "cams.yaml").touch()
    loaded = script("fish", read(parser_of(line.split()[0])))
    said = run("fish", f"{loaded}\ncomplete -C '{line}'", tmp_path)
    assert [answer.partition("\t")[0] for answer in said.splitlines()] == offered


@needs("zsh")
@pytest.mark.parametrize("program", PROGRAMS)
def test_zsh_reads_it(program: str, tmp_path: Path) -> None:
    text = script("zsh", read(parser_of(program)))
    assert f"\n_{program}() {{" in text, "named as the file: the first completion loads it, and calls it"
    (tmp_path / f"_{program}").write_text(text)
    load = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D"
    assert run("zsh", f"{load}; echo $_comps[{program}]; zsh -n _{program}", tmp_path) == f"_{program}\n"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_it(
    shell: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell, program]) == 0
    said = capsys.readouterr().out
    known = read(parser_of(program))
    for command in (known, *known.commands):
        assert re.search(rf"\b{command.name}\b", said)
        for option in command.options:
            long = next(flag for flag in option.flags if flag.startswith("--"))
            assert (f"-l {long[2:]}" if shell == "fish" else long) in said
