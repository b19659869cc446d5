"""Secrets in files: what a key that ends in _file names, read in place of the key itself."""

from collections.abc import Mapping
from pathlib import Path

from ingestd.config.document import Document, Located
from ingestd.config.document import Path as KeyPath
from ingestd.config.values import usable_secret

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
        section.value[key] = Located(self.secret_in(Located(name, origin)), origin)

    def secret_in(self, name: Located) -> str:
        """Return the secret in the file that ``name`` names; any text where there is a problem."""
        try:
            with self.place(name.value).open("rb") as file:
                data = file.read(_MAX_SECRET_FILE_BYTES + 1)
            if len(data) > _MAX_SECRET_FILE_BYTES:
                raise ValueError("is larger than 64 KiB; a secret of one line is expected")
            secret = data.decode().rstrip("\r\n")
            if "\n" in secret:
                raise ValueError("has several lines; a secret of one line is expected")
            return usable_secret(secret)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self._document.problem_at(name.origin, f"{name.value!r} cannot be read: {why}")
        except ValueError as error:
            self._document.problem_at(name.origin, f"{name.value!r} {error}")
        return "unread"  # none: keeps "is missing" out of the list

    def place(self, name: str) -> Path:
        """Return where the file of this name is."""
        beside = self._beside / name
        if self._credentials is None or beside.exists():
            return beside
        return Path(self._credentials) / name
