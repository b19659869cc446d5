"""Text of a GStreamer pipeline: which encoders it names and what they are given, and the same for a shell."""

import re
import shlex
from dataclasses import dataclass

from ingestd.sender.encoders import ENCODERS

# As gst-launch-1.0 divides a text: at spaces, but for those in quotes and behind a backslash.
_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|\S)+""", re.DOTALL)
_PROPERTY = re.compile(r"([\w:-]+)=(.*)", re.DOTALL)
# The grammar wants an element behind caps. No element has a slash in its name.
_CAPS_AT_THE_END = re.compile(r"""!\s*["']?\w+/[^!]*$""")


@dataclass(frozen=True, slots=True)
class NamedEncoder:
    """A known encoder as a text names it: the properties there, and where its words begin and end."""

    name: str
    properties: dict[str, str]
    start: int
    end: int


def encoders(text: str) -> list[NamedEncoder]:
    """Return the known encoders that ``text`` names, in its order."""
    words = list(_WORD.finditer(text))
    found = []
    for number, word in enumerate(words):
        if word[0] in ENCODERS:
            properties, end = {}, word.end()
            for following in words[number + 1 :]:
                if (match := _PROPERTY.fullmatch(following[0])) is None:
                    break
                properties[match[1]], end = match[2].strip("\"'"), following.end()
            found.append(NamedEncoder(word[0], properties, word.start(), end))
    return found


def ended(text: str) -> str:
    """Return ``text``, which may end with caps, so that GStreamer understands it."""
    return f"{text} ! identity" if _CAPS_AT_THE_END.search(text) else text


def command(text: str) -> str:
    """Return the command that plays ``text``, as a shell takes it."""
    return " ".join(["gst-launch-1.0", *(shlex.quote(word[0]) for word in _WORD.finditer(text))])
