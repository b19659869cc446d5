"""Secrets in files: beside the configuration, or passed by systemd."""

from pathlib import Path

from ingestd.config.document import Document, Located, Origin
from ingestd.config.secret_files import SecretFiles
from ingestd.config.values import SecretFile


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
        "ingestd.yaml:2: livekit.api_secret_file: 'secret' cannot be read: No such file or directory; "
        "give ingestd a file that it may read"
    ]
    (tmp_path / "secret").write_bytes(b"\xff")
    assert read(tmp_path, "secret")[1][0].endswith(
        "cannot be read: it is not UTF-8 text; give ingestd a file that it may read"
    )
    (tmp_path / "secret").write_bytes(b"x" * ((1 << 16) + 1))  # a part of it would be refused as wrong
    assert read(tmp_path, "secret")[1][0].endswith("is larger than 64KiB; a secret of one line is expected")


def test_a_credential_does_not_hide_a_file_that_we_may_not_look_for(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    _, problems = read(tmp_path, "x" * 256, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials"))
    assert "cannot be read: File name too long" in problems[0]
    here = Origin("ingestd.yaml", 2, "livekit.token_file")
    section = Located({"token_file": Located("x" * 256, here)}, here)
    SecretFiles(Document("ingestd.yaml"), tmp_path, {"CREDENTIALS_DIRECTORY": "/run/passed"}).locate(
        section, "token_file"
    )
    assert section.get("token_file") == str(tmp_path / ("x" * 256))


def test_what_is_read_later_is_found_by_its_whole_path_and_once(tmp_path: Path) -> None:
    here = Origin("ingestd.yaml", 2, "livekit.token_file")
    section = Located({"token_file": Located("token", here), "cert": Located(5, here)}, here)
    files = SecretFiles(Document("ingestd.yaml"), tmp_path, {"CREDENTIALS_DIRECTORY": "/run/passed"})
    for _ in range(2):
        files.locate(section, "token_file", "cert", "key")
        assert section.plain() == {"token_file": "/run/passed/token", "cert": 5}
    (tmp_path / "secret").write_text("beside")
    section.value["token_file"] = Located("secret", here)
    files.locate(section, "token_file")
    assert section.get("token_file") == str(tmp_path / "secret")


def test_a_secret_may_be_read_beside_the_name_of_its_file(tmp_path: Path) -> None:
    here = Origin("ingestd.yaml", 2, "streams[0].feedback.webhook_secret_file")
    document = Document("ingestd.yaml")
    files = SecretFiles(document, tmp_path, {})
    (tmp_path / "secret").write_text("beside")
    for name, found in (("secret", "beside"), ("null", None), (None, None)):
        section = Located({"webhook_secret_file": Located(name, here)}, here)
        files.read_with_name(section, "webhook_secret_file")
        value = section.get("webhook_secret_file")
        secret = value.secret.get_secret_value() if isinstance(value, SecretFile) else None
        assert secret == found
    assert document.problems == []
