"""Completion scripts of bash, zsh and fish for the commands and options of a program."""

import shlex
from collections.abc import Callable, Mapping

from ingestd.manual.command_line import Argument, Command


def _bash(program: Command) -> str:
    function = "_" + program.name.replace("-", "_")
    names = "|".join(command.name for command in program.commands)
    values, words = [], []
    for command in (program, *program.commands):
        here = command.name if command is not program else ""
        for option in command.options:
            if option.value:
                patterns = "|".join(f'"{here} {flag}"' for flag in option.flags)
                values.append(f"        {patterns}) {_bash_value(option)}; return ;;")
        offered = [flag for option in command.options for flag in option.flags if flag.startswith("--")]
        offered += [choice for place in command.places for choice in place.choices]
        offered += [below.name for below in command.commands]
        files = "; files=yes" if any(place.is_file for place in command.places) else ""
        words.append(f'        "{here}") words="{" ".join(offered)}"{files} ;;')
    find = f"""    local word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {names}) command=$word; break ;; esac
    done
"""
    return f"""# Completion of {program.name} in bash.
{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command="" files="" words=""
    COMPREPLY=()
{find if names else ""}    case "$command $prev" in
{chr(10).join(values)}
    esac
    case $command in
{chr(10).join(words)}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; [[ -z $files ]] || compgen -f -- "$cur")
    [[ -z $files ]] || compopt -o filenames 2>/dev/null
}}
complete -F {function} {program.name}
"""


def _bash_value(option: Argument) -> str:
    if option.choices:
        return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.choices)}" -- "$cur")'
    if option.is_file:
        return 'mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null'
    return ":"  # a value that only the user knows


def _zsh(program: Command) -> str:
    function = f"_{program.name}"  # as the file, or the first completion that loads it offers nothing
    body = f"    _arguments {_zsh_arguments(program)}\n"
    if program.commands:
        commands = " ".join(_zsh_quote(f"{each.name}:{each.text}") for each in program.commands)
        cases = "\n".join(
            f"                {each.name}) _arguments {_zsh_arguments(each)} ;;" for each in program.commands
        )
        body = f"""    local -a commands=({commands})
    local state line
    _arguments -C {_zsh_arguments(program)} '1:command:->command' '*::argument:->arguments'
    case $state in
        command) _describe command commands ;;
        arguments)
            case $words[1] in
{cases}
            esac ;;
    esac
"""
    return f"""#compdef {program.name}
# Completion of {program.name} in zsh.
{function}() {{
{body}}}
if [[ $funcstack[1] == {function} ]]; then {function} "$@"; else compdef {function} {program.name}; fi
"""


def _zsh_arguments(command: Command) -> str:
    found = []
    places = 0
    for argument in command.arguments:
        action = (
            f"({' '.join(argument.choices)})" if argument.choices else "_files" if argument.is_file else " "
        )
        value = argument.value.replace(":", "\\:")
        if not argument.flags:
            places += 1
            found.append(_zsh_quote(f"{places}:{value}:{action}"))
        for flag in argument.flags:
            text = argument.text.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
            found.append(_zsh_quote(f"{flag}[{text}]" + (f":{value}:{action}" if value else "")))
    return " ".join(found)


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(program: Command) -> str:
    lines = [f"# Completion of {program.name} in fish.", f"complete -c {program.name} -f"]
    top = " -n __fish_use_subcommand" if program.commands else ""
    lines += [
        f"complete -c {program.name}{top} -a {each.name} -d {shlex.quote(each.text)}"
        for each in program.commands
    ]
    for command in (program, *program.commands):
        where = top if command is program else f" -n '__fish_seen_subcommand_from {command.name}'"
        for argument in command.arguments:
            lines.append(f"complete -c {program.name}{where}{_fish_argument(argument)}")
    return "\n".join(lines) + "\n"


def _fish_argument(argument: Argument) -> str:
    text = f" -d {shlex.quote(argument.text)}"
    choices = f" -a {shlex.quote(' '.join(argument.choices))}" if argument.choices else ""
    if not argument.flags:
        return (choices or (" -F" if argument.is_file else "")) + text
    flags = "".join(
        f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}" for flag in argument.flags
    )
    value = "" if not argument.value else " -r -F" if argument.is_file else f" -x{choices}"
    return flags + value + text


_SCRIPTS: Mapping[str, Callable[[Command], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
SHELLS = tuple(_SCRIPTS)


def script(shell: str, program: Command) -> str:
    """Return what completes ``program`` in ``shell``, one of ``SHELLS``."""
    return _SCRIPTS[shell](program)
