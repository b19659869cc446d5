"""The Kubernetes manifests: valid by the schemas, and one fits the other and the daemon."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.daemon import run_command
from tests.support.tools import tool

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy/kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
RESOURCES: list[str] = KUSTOMIZATION["resources"]
NO_SCHEMA = ["pod-monitor.yaml"]  # of an operator: not among Kubernetes' own
VERSIONS = ("1.29", "1.37")  # the oldest and the newest that we say something of


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MANIFESTS / name).read_text())
    return loaded


STATEFUL_SET = load("statefulset.yaml")
POD = STATEFUL_SET["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}


def test_each_file_is_applied() -> None:
    files = {path.name for path in MANIFESTS.iterdir()}
    assert files == {*RESOURCES, "kustomization.yaml", *KUSTOMIZATION["configMapGenerator"][0]["files"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [name for name in RESOURCES if name not in NO_SCHEMA])
def test_the_schema_accepts_it_and_knows_every_field(name: str, version: str) -> None:
    validate(MANIFESTS / name, version)


def test_kustomize_puts_them_together_and_the_result_is_valid(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here, which has kustomize in it: install kubectl")
    built = subprocess.run(["kubectl", "kustomize", MANIFESTS], capture_output=True, text=True, check=True)
    parts = [part for part in yaml.safe_load_all(built.stdout) if part["kind"] != "PodMonitor"]
    file = tmp_path / "built.yaml"
    file.write_text(yaml.safe_dump_all(parts))
    validate(file, VERSIONS[-1])
    (container,) = next(p for p in parts if p["kind"] == "StatefulSet")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == "registry.example.com/ingestd:0.1.0"
    assert {part["metadata"].get("namespace") for part in parts if part["kind"] != "Namespace"} == {"ingestd"}
    assert "ingestd" in [part["metadata"]["name"] for part in parts if part["kind"] == "ConfigMap"]


def validate(file: Path, version: str) -> None:
    command = [tool("kubernetes-validate"), "--strict", "-k", version, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "passed" in said
    assert "WARN" not in said, said
    assert "ERROR" not in said, said


def test_all_that_selects_pods_selects_ours() -> None:
    ours = POD["metadata"]["labels"]
    budget, policy, monitor = map(
        load, ("pod-disruption-budget.yaml", "network-policy.yaml", "pod-monitor.yaml")
    )
    assert {
        str(selector)
        for selector in (
            STATEFUL_SET["spec"]["selector"]["matchLabels"],
            budget["spec"]["selector"]["matchLabels"],
            policy["spec"]["podSelector"]["matchLabels"],
            monitor["spec"]["selector"]["matchLabels"],
            load("service-front-door.yaml")["spec"]["selector"],
        )
    } == {str(ours)}


def test_ports_are_those_of_the_configuration_and_have_a_service_and_may_be_reached() -> None:
    config = yaml.safe_load((MANIFESTS / "ingestd.yaml").read_text())
    streams = {s["name"]: int(s["source"]["listen"].rpartition(":")[2]) for s in config["streams"]}
    assert streams | {"http": 9464} == PORTS
    services = [load(name) for name in RESOURCES if name.startswith("service-")]
    served = {p["targetPort"]: p["port"] for service in services for p in service["spec"]["ports"]}
    assert served == streams
    allowed = {p["port"] for rule in load("network-policy.yaml")["spec"]["ingress"] for p in rule["ports"]}
    assert allowed == set(PORTS)
    (scraped,) = load("pod-monitor.yaml")["spec"]["podMetricsEndpoints"]
    assert scraped["port"] == "http"
    probes = [CONTAINER[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert probes == [{"path": "/healthz", "port": "http"}] * 3


def test_the_daemon_accepts_the_configuration_with_what_the_pod_adds(tmp_path: Path) -> None:
    secret = load("secret.yaml")["stringData"]
    (tmp_path / "api-secret").write_text(secret["api-secret"])
    (by_value, by_file) = CONTAINER["env"]
    key = by_value["valueFrom"]["secretKeyRef"]["key"]
    mount = next(m for m in CONTAINER["volumeMounts"] if m["name"] == "secret")["mountPath"]
    environment = {
        by_value["name"]: secret[key],
        by_file["name"]: by_file["value"].replace(mount, str(tmp_path)),
    }
    checked = run_command("check", "--config", str(MANIFESTS / "ingestd.yaml"), **environment)
    assert checked.returncode == 0, checked.stderr
    assert "front-door: tcp://0.0.0.0:5004" in checked.stdout


def test_the_command_for_a_reload_runs_what_the_image_has_and_sends_sighup() -> None:
    file = (MANIFESTS / "kustomization.yaml").read_text()
    (command,) = re.findall(r"^#   (kubectl .* exec .*)$", file, re.MULTILINE)
    assert command in (ROOT / "docs/deploy.md").read_text()
    program, option, code = shlex.split(command.partition(" -- ")[2])
    assert f'CMD ["{program}", "{option}", ' in (ROOT / "Dockerfile").read_text(), "as its health check does"
    told = f"import os; os.kill = print; {code}"
    said = subprocess.run([sys.executable, option, told], capture_output=True, text=True, check=True).stdout
    assert said == f"1 {signal.SIGHUP:d}\n", "to the first process, ingestd"


def test_the_pod_may_do_nothing_that_it_needs_not() -> None:
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"]
    assert container["readOnlyRootFilesystem"]
    assert not container["allowPrivilegeEscalation"]
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert STATEFUL_SET["spec"]["replicas"] == 1, "two would publish the same streams"
