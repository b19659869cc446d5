"""Secrets in files: beside the configuration, or passed by systemd."""

from pathlib import Path

from ingestd.config.document import Document, Located, Origin
from ingestd.config.secret_files import SecretFiles


def read(tmp_path: Path, name: str, **environ: str) -> tuple[object, list[str]]:
    document = Document("ingestd.yaml")
    here = Origin("ingestd.yaml", 2, "livekit.api_secret_file")
    section = Located({"api_secret_file": Located(name, here)}, here)
    document.root.value["livekit"] = section
    SecretFiles(document, tmp_path, environ).read(section, ("livekit",), "api_secret")
    return section.get("api_secret"), document.problems


def test_a_relative_path_starts_at_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("beside\n")
    assert read(tmp_path, "secret") == ("beside", [])
    assert read(tmp_path, str(tmp_path / "secret")) == ("beside", [])


def test_else_it_is_a_credential(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "secret").write_text("passed")
    assert read(tmp_path, "secret", CREDENTIALS_DIRECTORY=str(credentials)) == ("passed", [])
    (tmp_path / "secret").write_text("beside")
    assert read(tmp_path, "secret", CREDENTIALS_DIRECTORY=str(credentials)) == ("beside", [])


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "secret", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert problems == [
        "ingestd.yaml:2: livekit.api_secret_file: 'secret' cannot be read: No such file or directory"
    ]
    (tmp_path / "secret").write_bytes(b"\xff")
    assert read(tmp_path, "secret")[1][0].endswith("cannot be read: it is not UTF-8 text")
    (tmp_path / "secret").write_bytes(b"x" * ((1 << 16) + 1))  # a part of it would be refused as wrong
    assert read(tmp_path, "secret")[1][0].endswith("is larger than 64 KiB; a secret of one line is expected")
