"""A real Prometheus that scrapes a running daemon and fires its alerts."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import RunDaemon
from tests.deploy.test_monitoring import PROMETHEUS, dashboard_queries
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.push import Encoder, over_and_over
from tests.support.tools import tool
from tests.support.wait import PATIENCE_S, wait_until

STREAM_DOWN_FOR_S = 60.0  # `for` of IngestdStreamDown


class Prometheus:
    """What a running one says."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **arguments: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(arguments)}") as answer:
            return json.load(answer)["data"]

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def firing(self) -> dict[str, str]:
        """The alerts that fire, and their summaries."""
        return {
            alert["labels"]["alertname"]: alert["annotations"]["summary"]
            for alert in self.ask("/api/v1/alerts")["alerts"]
            if alert["state"] == "firing"
        }


@contextmanager
def prometheus(daemon: Daemon, directory: Path) -> Iterator[Prometheus]:
    """One with our configuration and rules, for this daemon, that looks every second."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{daemon.http_port}"]
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (directory / "alerts.yaml").write_text((PROMETHEUS / "alerts.yaml").read_text())
    port = free_port()
    command = [
        tool("prometheus"),
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = directory / "prometheus.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            running = Prometheus(port)
            wait_until(running.ready, f"start; it said:\n{log.read_text()}")
            yield running
        finally:
            process.terminate()


def panels_without_data(server: Prometheus) -> list[str]:
    """The queries of the dashboard that answer nothing, also without the `> 0` of what is rare."""
    found = []
    for query in dashboard_queries():
        if not query.startswith("label_values"):
            query = query.removesuffix(" > 0").replace("$__rate_interval", "10s").replace("$instance", ".*")
            if not server.ask("/api/v1/query", query=query.replace("$stream", ".*"))["result"]:
                found.append(query)
    return found


@pytest.mark.long
def test_prometheus_fires_for_b_frames_and_then_for_an_encoder_that_left(
    run_daemon: RunDaemon, tmp_path: Path, room: str
) -> None:
    video = encode("h264", frames=90, gop=30, bframes=2, profile="main", size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon, prometheus(daemon, tmp_path) as server:
        with socket.create_connection(("127.0.0.1", daemon.port())) as no_encoder:
            no_encoder.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert no_encoder.recv(1) == b"", "a fault of the stream: a panel shows those"
        with Encoder(daemon.port(), video, writing=over_and_over):
            wait_until(lambda: "IngestdBFrames" in server.firing(), "fire for B-frames", PATIENCE_S * 2)
            assert server.firing()["IngestdBFrames"] == "cam has B-frames, which WebRTC shows out of order"
            wait_until(lambda: panels_without_data(server) == [], "have data for every panel", PATIENCE_S)
        wait_until(
            lambda: "IngestdStreamDown" in server.firing(),
            "fire for the encoder that left",
            STREAM_DOWN_FOR_S + PATIENCE_S,
        )
        assert server.firing()["IngestdStreamDown"].startswith("cam is not published")
        print(json.dumps(server.firing(), indent=1))  # noqa: T201 - for who runs it with -s
