"""The tracking station: what a client stores stays, pods are restricted, secrets stay secret."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.closed_loop import NAMESPACE as LOOP
from tests.e2e.station import NAMESPACE, Record, Station, Timed, until

pytestmark = pytest.mark.e2e

SECRET_KEYS = {"password", "secret-access-key", "MLFLOW_FLASK_SERVER_SECRET_KEY", "ca.key", "tls.key"}
"""Keys of the station's Secrets that hold what nobody else may know."""


def test_what_a_client_stored_is_there_byte_for_byte_after_every_pod_was_deleted(
    station: Station, record: Record, tmp_path: Path, timed: Timed
) -> None:
    record.check(tmp_path)
    before = station.running_pods()
    components = {pod["metadata"]["labels"].get("app.kubernetes.io/name") for pod in before.values()}
    assert {"mlflow", "versitygw", "postgresql"} <= components
    with timed("every pod of the station deleted, all of it back"):
        names = [pod["metadata"]["name"] for pod in before.values()]
        station.kubectl("delete", "pod", "-n", NAMESPACE, "--wait=true", *names)
        until(lambda: station.is_ready() and not before.keys() & station.running_pods().keys(), "new pods")
    record.check(tmp_path)


def test_every_pod_runs_in_a_namespace_that_enforces_restricted(station: Station) -> None:
    namespaces = {
        item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in station.objects("namespaces")
    }
    inhabited = {pod["metadata"]["namespace"] for pod in station.objects("pods", "-A")}
    enforced = {name: namespaces[name].get("pod-security.kubernetes.io/enforce") for name in inhabited}
    assert NAMESPACE in inhabited
    assert enforced == dict.fromkeys(inhabited, "restricted")


def test_every_pod_that_was_asked_for_was_admitted(station: Station) -> None:
    owners = station.objects("replicasets,jobs,statefulsets", "-A")
    refusals = [
        f"{owner['kind']} {owner['metadata']['name']}: {condition['message']}"
        for owner in owners
        for condition in owner["status"].get("conditions", [])
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True")
    ]
    events = station.objects("events", "-A", "--field-selector=type=Warning")
    refusals += [event["message"] for event in events if "violates PodSecurity" in event.get("message", "")]
    assert refusals == []
    # Made, not ready: a staging server waits for its first version, which no training has made yet.
    missing = [
        f"{owner['kind']} {owner['metadata']['name']}"
        for owner in owners
        if owner["status"].get("replicas", 0) < owner["spec"].get("replicas", 0)
    ]
    assert missing == []


@pytest.fixture
def secrets(station: Station) -> set[bytes]:
    """Every secret value of the station, and the loop's key for logs, in clear and as Kubernetes writes it."""
    found = [
        (key, base64.b64decode(value))
        for namespace in (NAMESPACE, LOOP)
        for secret in station.objects("secrets", "-n", namespace)
        for key, value in secret.get("data", {}).items()
        if key in SECRET_KEYS
    ]
    assert {key for key, _ in found} == SECRET_KEYS
    values = {value for _, value in found} | {(station.paths.stack / "passphrase").read_bytes().strip()}
    assert min(map(len, values)) >= 16
    return values | {base64.b64encode(value) for value in values}


def test_no_secret_is_in_clear_in_pulumi_s_state_or_in_a_log(station: Station, secrets: set[bytes]) -> None:
    stack = [path for path in station.paths.stack.rglob("*") if path.is_file() and path.name != "passphrase"]
    logs = [*station.paths.cache.glob("*.log"), *(station.paths.node / "log").glob("*.log*"), *pod_logs(station)]
    assert any(path.parent.name == "ml-loop" and path.name == "local.json" for path in stack), "no state was found"
    assert len(logs) > 10
    leaks = [str(path) for path in [*stack, *logs] if leaked(path, secrets)]
    assert leaks == []


def test_no_secret_is_in_the_arguments_of_a_process(secrets: set[bytes]) -> None:
    arguments = list(Path("/proc").glob("[0-9]*/cmdline"))
    assert len(arguments) > 10
    assert [str(path) for path in arguments if leaked(path, secrets)] == []


def pod_logs(station: Station) -> Iterator[Path]:
    return (station.paths.node / "log" / "pods").glob(f"{NAMESPACE}_*/*/*.log")


def leaked(path: Path, secrets: set[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False  # ended meanwhile
    return any(secret in content for secret in secrets)
