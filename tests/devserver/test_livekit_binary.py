import re
from pathlib import Path

import pytest

from ingestd.devserver.livekit_binary import ServerError, find_or_build_server, find_server


def test_the_named_server_comes_first_and_must_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INGESTD_LIVEKIT_SERVER", "/bin/true")
    assert find_server() == Path("/bin/true")
    monkeypatch.setenv("INGESTD_LIVEKIT_SERVER", str(tmp_path))
    with pytest.raises(ServerError, match=f"INGESTD_LIVEKIT_SERVER names {tmp_path}, which is not an exec"):
        find_or_build_server()


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No server, no Go, nothing cached; programs put into the directory returned are on PATH."""
    monkeypatch.delenv("INGESTD_LIVEKIT_SERVER", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def test_with_no_server_and_no_go_it_says_what_to_do(bare_machine: Path) -> None:
    with pytest.raises(ServerError) as refusal:
        find_or_build_server(go_directory=bare_machine)
    for way in ("on PATH", "set INGESTD_LIVEKIT_SERVER", "install Go 1.26"):
        assert way in str(refusal.value)


def fake_go(programs: Path, script: str) -> None:
    """Put a `go` on PATH."""
    go = programs / "go"
    go.write_text(f"#!/bin/bash\n{script}\n")
    go.chmod(0o755)


def test_it_is_built_once_and_then_found(bare_machine: Path, tmp_path: Path) -> None:
    fake_go(
        bare_machine,
        '[[ $1 == install && $2 == *"@v1.13.5" ]] || exit 1\n'
        'echo "#!/bin/bash" >$GOBIN/server && /bin/chmod +x $GOBIN/server',
    )
    abandoned = tmp_path / "cache" / "ingestd" / "build-by-somebody-killed"
    abandoned.mkdir(parents=True)
    said: list[str] = []
    path = find_or_build_server(said.append)
    assert path == tmp_path / "cache" / "ingestd" / "livekit-server-1.13.5"
    assert re.match("building livekit-server 1.13.5 from source", said[0])
    assert not abandoned.exists()
    fake_go(bare_machine, "exit 1")
    assert find_or_build_server(said.append) == path


def test_a_failed_build_tells_what_go_said_and_leaves_nothing(bare_machine: Path, tmp_path: Path) -> None:
    fake_go(bare_machine, "echo 'go: no such module' >&2; exit 1")
    with pytest.raises(ServerError, match="go: no such module"):
        find_or_build_server(lambda _: None)
    assert [path.name for path in (tmp_path / "cache" / "ingestd").iterdir()] == ["livekit-server.lock"]
