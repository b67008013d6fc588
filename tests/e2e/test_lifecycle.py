"""The station's life: applied again, changed, hurt, healed, stopped, started. Runs last and leaves nothing behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from pulumi.automation import ConfigValue, EngineEvent, OpType

from local import stack
from local.node.config import API_SERVICE, BRIDGE, POD_RANGE, SERVICE_RANGE
from local.node.node import Node
from local.paths import REPOSITORY
from tests.e2e.load import asking
from tests.e2e.station import LOCAL, NAMESPACE, Object, Record, Station, Timed, until

pytestmark = pytest.mark.e2e
HOST = "mlflow.example.com"


@pytest.fixture(scope="module", autouse=True)
def nothing_of_other_tests(station: Station) -> None:
    """Their namespaces take a minute to go, and nobody waits for them before here."""

    def gone() -> bool:
        return all(each["status"]["phase"] == "Active" for each in station.objects("namespaces"))

    until(gone, "the other tests' namespaces are gone")


def test_up_again_changes_nothing(station: Station, timed: Timed) -> None:
    before = versions(station)
    with timed("up again"):
        station.make("up")
    assert versions(station) == before
    summary = stack.select("local", station.paths).info()
    assert summary is not None
    assert set(summary.resource_changes or {}) == {OpType.SAME}


def test_a_refresh_finds_no_drift(station: Station) -> None:
    stack.select("local", station.paths).refresh(expect_no_changes=True)


def versions(station: Station) -> dict[str, Any]:
    """What changes when an object's specification or a pod does."""
    kinds = "deployments,services,jobs,networkpolicies,clusters.postgresql.cnpg.io"
    generations = {identity(item): item["metadata"].get("generation") for item in station.objects(kinds, "-A")}
    return generations | {identity(pod): None for pod in station.running_pods().values()}


def identity(item: Object) -> str:
    """Kind, namespace, name and uid: another uid is another object."""
    metadata = item["metadata"]
    return f"{item['kind']} {metadata['namespace']}/{metadata['name']} {metadata['uid']}"


@pytest.fixture
def as_committed_again(station: Station) -> Iterator[None]:
    yield
    station.make("up")


@pytest.mark.usefixtures("as_committed_again")
def test_another_number_of_replicas_changes_the_deployment_and_nothing_else(station: Station, timed: Timed) -> None:
    selected = stack.select("local", station.paths)
    selected.set_config("ml-loop:tracking.replicas", ConfigValue("3"), path=True)
    changed: dict[str, OpType] = {}

    def note(event: EngineEvent) -> None:
        if event.resource_pre_event and event.resource_pre_event.metadata.op != OpType.SAME:
            changed[event.resource_pre_event.metadata.type] = event.resource_pre_event.metadata.op

    with timed("two replicas more to three"):
        selected.up(on_event=note, policy_packs=[str(REPOSITORY / "policy")])
    assert changed == {"kubernetes:apps/v1:Deployment": OpType.UPDATE}
    assert len(station.running_pods("app.kubernetes.io/name=mlflow")) == 3


@pytest.mark.usefixtures("as_committed_again")
def test_mlflow_answers_at_its_host_through_the_gateway(station: Station) -> None:
    selected = stack.select("local", station.paths)
    selected.set_config("ml-loop:tracking.host", ConfigValue(HOST), path=True)
    outputs = selected.up(policy_packs=[str(REPOSITORY / "policy")]).outputs
    assert outputs["mlflow"].value["externalUrl"] == f"http://{HOST}"
    gateway = urlsplit(outputs["models"].value["recommender"]["predict"]).hostname
    asked = Request(f"http://{gateway}/version", headers={"Host": HOST})
    until(lambda: answer(asked)[0] == 200, "MLflow at its host")
    assert answer(asked) == (200, version("mlflow-skinny"))
    elsewhere = Request(f"http://{gateway}/version", headers={"Host": f"not-{HOST}"})
    assert answer(elsewhere)[0] == 404
    assert searched(f"http://{gateway}", HOST, f"http://{HOST}") == 200
    assert searched(f"http://{gateway}", HOST, "http://evil.example.com") == 403


def test_a_page_of_mlflow_lists_runs_and_a_foreign_one_does_not(station: Station) -> None:
    address = urlsplit(station.url).netloc
    assert searched(station.url, address, station.url) == 200
    assert searched(station.url, address, "http://evil.example.com") == 403
    assert searched(station.url, "10.evil.example", station.url) == 403


def searched(url: str, host: str, origin: str) -> int:
    """What the script of a page gets that asks MLflow for runs, as a browser sends it."""
    headers = {"Host": host, "Origin": origin, "Content-Type": "application/json"}
    body = json.dumps({"experiment_ids": ["0"]}).encode()
    return answer(Request(f"{url}/ajax-api/2.0/mlflow/runs/search", body, headers))[0]  # noqa: S310  our own


def answer(request: Request) -> tuple[int, str]:
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310  our own gateway
            return response.status, response.read().decode()
    except HTTPError as refused:
        return refused.code, ""


def test_the_registry_answers_every_request_while_a_server_is_replaced(station: Station, record: Record) -> None:
    victim, *_ = station.running_pods("app.kubernetes.io/name=mlflow").values()
    with asking(question(station, record), tries=1) as answers:
        station.kubectl("delete", "pod", "-n", NAMESPACE, victim["metadata"]["name"])
        until(station.is_ready, "the new server")
    assert answers.answered > 0
    assert answers.failed == []


def test_the_registry_keeps_answering_while_a_server_is_killed(station: Station, record: Record) -> None:
    victim, *_ = station.running_pods("app.kubernetes.io/name=mlflow").values()
    # Without a word to it, and at once: what is on its way to this server is lost and has to be asked again.
    kill = ("delete", "pod", "-n", NAMESPACE, "--grace-period=0", "--force", victim["metadata"]["name"])
    with asking(question(station, record), tries=5) as answers:
        station.kubectl(*kill)
        until(lambda: station.is_ready() and victim["metadata"]["uid"] not in station.running_pods(), "the new server")
    assert answers.answered > 0
    assert answers.failed == []


def question(station: Station, record: Record) -> str:
    return f"{station.url}/api/2.0/mlflow/registered-models/get?name={record.model}"


def test_up_heals_a_cluster_whose_api_server_and_kubelet_were_killed(
    station: Station, record: Record, tmp_path: Path, timed: Timed
) -> None:
    daemons = Node(station.paths).daemons
    before = {name: daemons[name].pid() for name in ("apiserver", "kubelet")}
    for pid in before.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    with timed("healed after API server and kubelet were killed"):
        station.make("up")
    assert before.keys() == {name for name, pid in before.items() if daemons[name].pid() not in {None, pid}}
    record.check(tmp_path)


def test_the_second_of_two_ups_says_so_and_stops(station: Station) -> None:
    with subprocess.Popen([*LOCAL, "up"], cwd=REPOSITORY, stdout=subprocess.DEVNULL) as first:
        holder = f"`make up` (process {first.pid})"
        until(lambda: (station.paths.cache / "lock").read_text() == holder, "the first up")
        second = subprocess.run([*LOCAL, "up"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    told = f"error: {holder} is under way; wait for it to end, then try again\n"
    assert (second.returncode, second.stdout, second.stderr) == (1, "", told)
    assert first.returncode == 0


def test_down_leaves_nothing_running_and_up_brings_everything_back(
    station: Station, record: Record, tmp_path: Path, timed: Timed
) -> None:
    with timed("down"):
        station.make("down")
    assert traces(station) == []
    before = machine()
    with timed("up again after down"):
        station.make("up")
    record.check(tmp_path)
    assert traces(station) != []
    station.make("down")
    assert traces(station) == []
    assert [line for part, lines in machine().items() for line in lines - before[part]] == []
    station.make("down")  # once more does no harm


def traces(station: Station) -> list[str]:
    """Whatever of the cluster is on this machine: processes, mounts, links, routes, rules, control groups."""
    cache = str(station.paths.cache)
    processes = [
        f"process {path.parent.name}: {arguments}"
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if (arguments := text(path).replace("\0", " ")).startswith(f"{cache}/bin/") or f"{cache}/node/" in arguments
    ]
    ours = (cache, "/var/lib/kubelet", BRIDGE, POD_RANGE[:6], SERVICE_RANGE[:6], API_SERVICE, "kube-proxy", "kubepods")
    parts = [line for lines in machine().values() for line in lines if any(name in line for name in ours)]
    return [*processes, *parts]


def machine() -> dict[str, set[str]]:
    """What a cluster could leave on a machine, part by part."""
    links = json.loads(tell("ip", "-json", "link"))
    hierarchies = [*Path("/sys/fs/cgroup").glob("kubepods*"), *Path("/sys/fs/cgroup").glob("*/kubepods*")]
    return {
        "mounts": {line.split()[4] for line in text(Path("/proc/self/mountinfo")).splitlines()},
        "links": {link["ifname"] for link in links},
        "routes": set(tell("ip", "route", "show", "table", "all").splitlines()),
        "firewall rules": set(tell("nft", "list", "ruleset").splitlines()),
        "control groups": {str(path) for path in hierarchies},
        "forwarding": {text(Path("/proc/sys/net/ipv4/ip_forward"))},
    }


def tell(*arguments: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(arguments, env=os.environ | {"PATH": path}, check=True, capture_output=True, text=True).stdout


def text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""  # ended meanwhile
