"""Certificates as operators make them, with openssl: a CA, and what it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """The PEM files of one certificate and its key."""

    cert: Path
    key: Path


def make_ca(directory: Path, name: str = "ca") -> Certificate:
    """A CA called `name`, its files in `directory`."""
    made = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
    _openssl(
        *("req", "-x509", *_new_key(made.key), "-subj", f"/CN={name}", "-days", "100", "-out", made.cert),
    )
    return made


def sign(ca: Certificate, name: str, *, days: int = 100, file_name: str | None = None) -> Certificate:
    """What `ca` signs for the name `name` and 127.0.0.1, for that many days; -1: until yesterday."""
    stem = ca.cert.parent / (file_name or name)
    made = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
    extensions.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1")
    _openssl("req", *_new_key(made.key), "-subj", f"/CN={name}", "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial"),
        *("-days", str(days), "-extfile", extensions, "-out", made.cert),
    )
    return made


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
