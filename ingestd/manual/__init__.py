"""Man pages and shell completion, made of the parsers of the commands and the reference of the keys.

command_line  a parser as data: commands, options, arguments
completion    the scripts of bash, zsh and fish
man_page      the pages of both programs, and of the configuration
"""

from ingestd.manual.command_line import read
from ingestd.manual.completion import SHELLS, script
from ingestd.manual.man_page import configuration_page, program_page

__all__ = ["SHELLS", "configuration_page", "program_page", "read", "script"]
