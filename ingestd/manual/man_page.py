"""Man pages in roff: programs from their parsers, the configuration from the reference of its keys."""

import re
from collections.abc import Iterable

from ingestd.config import Key, plain
from ingestd.manual.command_line import Argument, Command

_HELP = ("-h", "--help")
_PAGES = ("ingestd(1)", "ingestd-gst(1)", "ingestd.yaml(5)")
_EXIT_STATUS = (
    ("0", "Done; also after SIGTERM, SIGINT or Ctrl-C."),
    ("1", "Failed while running: an address is taken, a room cannot be joined, nothing answers."),
    (
        "2",
        "Bad arguments, or a bad configuration: the message names file, line and key, and what is allowed.",
    ),
)


def program_page(program: Command, version: str) -> str:
    """Return the page of section 1 of a program."""
    lines = [_head(program.name, 1, version), _name(program.name, program.text), ".SH SYNOPSIS"]
    if program.commands:
        lines += [f".B {_escape(program.name)}", r"\fICOMMAND\fR [\fIOPTION\fR ...]"]
    else:
        lines += [_synopsis(program.name, program)]
    lines += [".SH DESCRIPTION", _text(program.text)]
    if program.epilog:
        lines += [".PP", _text(program.epilog)]
    if program.commands:
        lines.append(".SH COMMANDS")
        for command in program.commands:
            lines += [f".SS {_escape(command.name)}", _synopsis(f"{program.name} {command.name}", command)]
            own = [argument for argument in command.arguments if argument.flags != _HELP]
            lines += [".PP", _text(_sentence(command.text)), *_arguments(own)]
            if command.epilog:
                lines += [".PP", _text(command.epilog)]
    lines += [".SH OPTIONS", *_arguments(program.arguments), ".SH EXIT STATUS"]
    for code, text in _EXIT_STATUS:
        lines += [".TP", f".B {code}", _text(text)]
    return "\n".join([*lines, *_see_also(f"{program.name}(1)")])


def configuration_page(keys: Iterable[Key], version: str) -> str:
    """Return the page ingestd.yaml(5)."""
    lines = [
        _head("ingestd.yaml", 5, version),
        _name("ingestd.yaml", "configuration of ingestd"),
        ".SH DESCRIPTION",
        _text(
            "One YAML file, given as `ingestd run --config PATH`. Unknown keys are errors; a key without a "
            "value means its default. `ingestd check --config PATH` says what a file means, or everything "
            "that is wrong with it; `ingestd schema` prints the JSON schema, by which editors complete and "
            "check it."
        ),
        ".PP",
        _text(
            "Durations: `500ms`, `10s`, `2m`, `1h`; bitrates: `800kbps`, `8Mbps`; sizes: `64KiB`, `8MiB`. A "
            "plain number means seconds, bit/s or bytes."
        ),
        ".SH EXAMPLE",
        ".nf",
        *(_escape(line) for line in _EXAMPLE.splitlines()),
        ".fi",
        ".SH KEYS",
    ]
    of_stream = False
    for key in keys:
        if key.of_stream and not of_stream:
            of_stream = True
            lines += [
                ".SH KEYS OF A STREAM",
                _text("Each item of the list `streams` (at least one) has these keys."),
            ]
        default = f" (default: {_inline(key.default)})" if key.default not in ("", "needed") else ""
        needed = " (needed)" if key.default == "needed" else ""
        lines += [".TP", rf"\fB{_escape(key.name)}\fR{default}{needed}", _text(_sentence(plain(key.text)))]
    lines += [
        ".SH ENVIRONMENT",
        _text(
            "Every key is also a variable, which overrides the file: `INGESTD_` and the key's path, with "
            "`__` between the parts: `INGESTD_LIVEKIT__URL`, `INGESTD_DEFAULTS__MAX_BITRATE`, "
            "`INGESTD_STREAMS__FRONT_DOOR__ROOM` (by name) or `INGESTD_STREAMS__0__ROOM` (by place). "
            "`LIVEKIT_URL`, `LIVEKIT_API_KEY`, `LIVEKIT_API_SECRET` and `LIVEKIT_TOKEN` are read, too."
        ),
    ]
    return "\n".join([*lines, *_see_also("ingestd.yaml(5)")])


_EXAMPLE = """\
livekit:
  url: wss://livekit.example.com
  api_key: your-key
  api_secret_file: livekit-secret
streams:
  - name: front-door
    room: lobby
    source:
      listen: tcp://0.0.0.0:5004
"""


def _head(name: str, section: int, version: str) -> str:
    return f'.TH "{_escape(name.upper())}" {section} "" "ingestd {version}"'


def _name(name: str, text: str) -> str:
    first = text.partition(".")[0].partition(",")[0]
    return f".SH NAME\n{_escape(name)} \\- {_escape(first[:1].lower() + first[1:])}"


def _synopsis(name: str, command: Command) -> str:
    parts = [rf"\fB{_escape(name)}\fR"]
    for argument in command.arguments:
        if argument.flags == _HELP:
            continue
        text = _usage(argument)
        parts.append(text if argument.required else f"[{text}]")
    return " ".join(parts)


def _usage(argument: Argument) -> str:
    value = rf"\fI{_escape(argument.value)}\fR" if argument.value else ""
    flags = ", ".join(rf"\fB{_escape(flag)}\fR" for flag in argument.flags)
    return f"{flags} {value}".strip()


def _arguments(arguments: Iterable[Argument]) -> list[str]:
    lines = []
    for argument in arguments:
        lines += [".TP", _usage(argument), _text(_sentence(argument.text))]
    return lines


def _see_also(own: str) -> list[str]:
    others = [page for page in _PAGES if page != own]
    return [".SH SEE ALSO", ", ".join(re.sub(r"(.*)(\(.\))", r"\\fB\1\\fR\2", page) for page in others), ""]


def _sentence(text: str) -> str:
    # Not tcp://HOST:PORT, nor a name in backquotes.
    if re.match(r"[a-z]+(\W? |$)", text):
        text = text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _text(text: str) -> str:
    """A paragraph; what stands in backquotes is bold."""
    shown = _inline(text)
    # At the beginning of a line these are requests to roff.
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown


def _inline(markdown: str) -> str:
    parts = markdown.split("`")
    return "".join(
        rf"\fB{_escape(part)}\fR" if number % 2 else _escape(part) for number, part in enumerate(parts)
    )


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return re.sub(r"[^\x00-\x7f]", lambda letter: f"\\[u{ord(letter[0]):04X}]", text)
