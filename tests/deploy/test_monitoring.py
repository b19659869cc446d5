"""Alert rules, dashboard and /metrics: checked by promtool, and each name against what the code exports."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ingestd.control.messages import Result
from ingestd.delivery.accounting import Drop
from ingestd.diagnose.viewer_diagnoses import VIEWERS
from ingestd.observe.metrics import make_registry
from tests.observe.support import figures
from tests.support.tools import tool

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
# What Prometheus adds to a series, and a name that a query makes.
ADDED_LABELS = {"job", "instance"}
FUNCTIONS = {"label_values"}


class Hooks:
    counts: Mapping[tuple[str, str, str], int] = {("front-door", "up", "sent"): 1}


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Each series of /metrics, and its labels."""
    series: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(metrics_text()):
        for sample in family.samples:
            series.setdefault(sample.name, set(ADDED_LABELS)).update(sample.labels)
    series["up"] |= ADDED_LABELS
    return series


def metrics_text() -> str:
    return generate_latest(
        make_registry(lambda: [figures(target_bitrate_bps=1e6)], "1.2.3", Hooks())
    ).decode()


def alert_rules() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana/ingestd.json").read_text())
    return loaded


def dashboard_queries() -> list[str]:
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    variables = [v["query"] for v in dashboard()["templating"]["list"] if v["type"] == "query"]
    return panels + variables


def queries() -> list[str]:
    return [rule["expr"] for rule in alert_rules().values()] + dashboard_queries()


SELECTOR = re.compile(r"\b((?:ingestd|process)_\w+|up)\b(?:\{([^}]*)\})?")


@pytest.mark.parametrize("query", queries())
def test_each_metric_and_label_of_a_query_is_exported(query: str, exported: dict[str, set[str]]) -> None:
    selectors = SELECTOR.findall(re.sub(r'"ingestd"', '""', query))
    assert selectors
    labels_of_all: set[str] = set()
    for name, matchers in selectors:
        assert name in exported, f"{name} is in no scrape"
        labels_of_all |= exported[name]
        assert set(re.findall(r"(\w+)\s*[=!]~?\s*\"", matchers)) <= exported[name], (name, matchers)
    grouped = re.findall(r"\b(?:by|without) \(([^)]*)\)", query)
    assert {label.strip() for labels in grouped for label in labels.split(",")} <= labels_of_all
    for label in re.findall(r"label_values\(.*, (\w+)\)", query):
        assert label in labels_of_all


@pytest.mark.parametrize("query", queries())
def test_each_reason_that_a_query_names_is_one_of_the_code(query: str) -> None:
    known = {
        "ingestd_frames_dropped_total": {reason.value for reason in Drop},
        "ingestd_stream_errors_total": set(VIEWERS),
        "ingestd_feedback_messages_total": {result.value for result in Result},
    }
    for name, matchers in SELECTOR.findall(query):
        for reasons in re.findall(r'reason=~?"([^"$]*)"', matchers):
            assert set(reasons.split("|")) <= known[name], (name, reasons)


def test_each_alert_says_what_is_wrong_and_what_to_do_and_docs_list_it() -> None:
    page = (DEPLOY.parent / "docs/deploy.md").read_text()
    for name, rule in alert_rules().items():
        assert rule["annotations"].keys() == {"summary", "cure"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert f"`{name}`" in page
    labels = re.findall(r"\$labels\.(\w+)", (PROMETHEUS / "alerts.yaml").read_text())
    assert set(labels) == {"stream", "instance"}


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    for what, file in (("rules", "alerts.yaml"), ("config", "prometheus.yaml")):
        promtool("check", what, file)


def test_each_alert_fires_when_promtool_plays_it_and_none_while_all_is_well() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text())["tests"]
    well, *ill = tests
    assert [test["alertname"] for test in well["alert_rule_test"]] == list(alert_rules())
    fired = {at["alertname"] for test in ill for at in test["alert_rule_test"] if at.get("exp_alerts")}
    assert fired == alert_rules().keys()
    promtool("test", "rules", "alerts_test.yaml")


def test_promtool_can_read_each_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(dashboard_queries())
        if not query.startswith("label_values")
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_promtool_finds_nothing_to_say_of_our_metrics() -> None:
    ours = "".join(line + "\n" for line in metrics_text().splitlines() if "ingestd_" in line)
    promtool("check", "metrics", said_to_it=ours)


def promtool(*arguments: str, said_to_it: str | None = None) -> None:
    done = subprocess.run(
        [tool("promtool"), *arguments],
        cwd=PROMETHEUS,
        input=said_to_it,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if arguments == ("check", "metrics"):
        assert done.stdout + done.stderr == ""
