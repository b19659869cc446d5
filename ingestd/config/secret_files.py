"""Files that keys name, of secrets and of certificates: read at once, or found for who reads them later."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from ingestd.config import small_files
from ingestd.config.document import Document, Located
from ingestd.config.document import Path as KeyPath
from ingestd.config.values import SecretFile, usable_secret
from ingestd.errors import FILE_CURE
from ingestd.redact import shown

# No key, token or password is longer.
_MAX_SECRET_FILE_BYTES = 1 << 16


class SecretFiles:
    """Reads them; what is wrong with one is noted in the document.

    A relative path starts at the directory of the configuration, ``beside``. Where no such file is there, it
    is the name of a credential that systemd passes (``CREDENTIALS_DIRECTORY``).
    """

    def __init__(self, document: Document, beside: Path, environ: Mapping[str, str]) -> None:
        self._document = document
        self._beside = beside
        self._credentials = environ.get("CREDENTIALS_DIRECTORY")

    def read(self, section: Located, path: KeyPath, key: str) -> None:
        """Put what the file named by ``key``_file holds into ``section``, at ``path``, as ``key``."""
        name = section.get(f"{key}_file")
        here: KeyPath = (*path, f"{key}_file")
        if not isinstance(name, str) or not name:
            return
        if section.get(key) is not None:
            self._document.problem(here, f"{key} is set as well; allowed: one of them")
            return
        origin = self._document.origin(here)
        section.value[key] = Located(self._secret_in(Located(name, origin)), origin)

    def read_with_name(self, section: Located, key: str) -> None:
        """Put the name and the secret of the file that ``key`` of ``section`` names in its place."""
        name = _named(section, key)
        if name is not None and name.value != "null":
            secret = SecretStr(self._secret_in(name))
            section.value[key] = Located(SecretFile(name.value, secret), name.origin)

    def locate(self, section: Located, *keys: str) -> None:
        """Have ``keys`` of ``section`` name their files by whole paths, for who reads them again later."""
        for key in keys:
            name = _named(section, key)
            if name is not None:
                section.value[key] = Located(str(self._place(name.value).absolute()), name.origin)

    def _secret_in(self, name: Located) -> str:
        """Return the secret in the file that ``name`` names; any text where there is a problem."""
        try:
            data = small_files.read(self._place(name.value), _MAX_SECRET_FILE_BYTES, "a secret of one line")
            secret = data.decode().rstrip("\r\n")
            if "\n" in secret:
                raise ValueError("has several lines; a secret of one line is expected")
            return usable_secret(secret)
        except UnicodeDecodeError:
            text = f"cannot be read: it is not UTF-8 text; {FILE_CURE}"
            self._document.problem_at(name.origin, f"{shown(name.value)} {text}")
        except ValueError as error:
            self._document.problem_at(name.origin, f"{shown(name.value)} {error}")
        return "unread"  # none: keeps "is missing" out of the list

    def _place(self, name: str) -> Path:
        beside = self._beside / name
        if self._credentials is None:
            return beside
        try:
            there = beside.exists()
        except OSError:  # we may not look: reading it will say so
            there = True
        return beside if there else Path(self._credentials) / name


def _named(section: Located, key: str) -> Located | None:
    """The value of ``key`` in ``section``, if it may be the name of a file."""
    found = section.value.get(key) if isinstance(section.value, dict) else None
    return found if found is not None and isinstance(found.value, str) and found.value else None
