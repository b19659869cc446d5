"""Parsers of argparse as data: commands, options and arguments, with their words."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Argument:
    """An option, or an argument by its place; ``flags`` is empty for these."""

    flags: tuple[str, ...]  # "-h", "--help"
    value: str  # "PATH"; "" for an option that takes none
    text: str
    choices: tuple[str, ...]
    is_file: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A program, or one of its commands."""

    name: str
    text: str
    epilog: str
    arguments: tuple[Argument, ...]
    commands: tuple["Command", ...]

    @property
    def options(self) -> list[Argument]:
        """Those with flags."""
        return [argument for argument in self.arguments if argument.flags]

    @property
    def places(self) -> list[Argument]:
        """Those without."""
        return [argument for argument in self.arguments if not argument.flags]


def read(parser: argparse.ArgumentParser, name: str = "", text: str = "") -> Command:
    """Return what ``parser`` takes. ``name``, ``text``: its own, unless they are given."""
    actions = parser._actions  # argparse has no other way to ask
    below = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    return Command(
        name or parser.prog,
        text or parser.description or "",
        parser.epilog or "",
        tuple(_argument(action) for action in actions if action not in below),
        tuple(command for action in below for command in _commands(action)),
    )


def _commands(action: "argparse._SubParsersAction[argparse.ArgumentParser]") -> Iterator[Command]:
    texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
    for name, parser in action.choices.items():
        yield read(parser, name, texts[name])


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(str(choice) for choice in action.choices or ())
    value = ""
    if action.nargs != 0:
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        value = metavar if action.metavar is not None or not choices else "|".join(choices)
    return Argument(
        tuple(action.option_strings),
        value,
        action.help or "",
        choices,
        action.type is Path or value.startswith("FILE"),
        action.required,
    )
