"""Who may change what in MLflow, on the running cluster, by tokens that its API server makes."""

import json
from collections.abc import Iterator

import pytest
from kubernetes import client as kubernetes
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.tracking.identity import METRICS_PORT
from contract.names import Alias, GateResult, Tag
from tests.e2e.station import NAMESPACE, Station

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LOOP, MODEL = "bookstore-platform-ml", "recommender"
TRAIN, GATE, STRANGER = f"{MODEL}-train", f"{MODEL}-gate", "default"
COUNTER = "ml_loop_tracking_refusals_total"


@pytest.fixture(scope="module")
def version(station: Station) -> str:
    """One that training has made, whatever it is."""
    assert station.url
    found = MlflowClient().search_model_versions(f"name = '{MODEL}'")
    assert found, f"train {MODEL} first: make train MODEL={MODEL}"
    return str(max(int(each.version) for each in found))


def counted(station: Station, account: str) -> float:
    """Refusals of an account, over all servers."""
    pods = station.objects("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=server")
    servers = [pod["metadata"]["name"] for pod in pods if "mlflow" in pod["metadata"]["name"]]
    assert servers
    paths = [f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{METRICS_PORT}/proxy/metrics" for name in servers]
    lines = [line for path in paths for line in station.kubectl("get", "--raw", path).splitlines()]
    ours = [line for line in lines if line.startswith(COUNTER) and f'account="{account}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in ours)


def test_a_user_s_code_registers_nothing_passes_no_gate_and_stages_nothing(station: Station, version: str) -> None:
    client, before = MlflowClient(), MlflowClient().get_model_version(MODEL, version)
    changes = (
        lambda: client.create_model_version(MODEL, str(before.source), before.run_id),
        lambda: client.set_model_version_tag(MODEL, version, Tag.GATE, GateResult.PASSED),
        lambda: client.set_registered_model_alias(MODEL, Alias.STAGING, version),
    )
    for change in changes:
        with station.acting_as(TRAIN, LOOP), pytest.raises(MlflowException) as refused:
            change()
        assert f"{LOOP}:{TRAIN} asked for POST " in refused.value.message
        assert f"which only system:serviceaccount:{LOOP}:{GATE}, " in refused.value.message
    newest = max(int(each.version) for each in client.search_model_versions(f"name = '{MODEL}'"))
    assert (str(newest), client.get_model_version(MODEL, version).tags) == (version, before.tags)


def test_the_gate_may_not_move_production_and_its_attempt_is_counted(station: Station, version: str) -> None:
    who = f"system:serviceaccount:{LOOP}:{GATE}"
    before, aliases = counted(station, who), MlflowClient().get_registered_model(MODEL).aliases
    with station.acting_as(GATE, LOOP), pytest.raises(MlflowException) as refused:
        MlflowClient().set_registered_model_alias(MODEL, Alias.PRODUCTION, version)
    assert refused.value.error_code == "PERMISSION_DENIED"
    assert refused.value.message == (
        f"PERMISSION_DENIED: {who} asked for POST registered-models/alias (production) of the guarded model {MODEL}, "
        f"which only system:serviceaccount:{LOOP}:{MODEL}-promote may. "
        f"To promote a version, change ml-loop:models.{MODEL}.production in the stack's settings and apply them"
    )
    assert counted(station, who) == before + 1
    assert MlflowClient().get_registered_model(MODEL).aliases == aliases


def test_without_a_token_nothing_of_the_model_moves(version: str) -> None:
    client = MlflowClient()
    for change in (
        lambda: client.set_registered_model_alias(MODEL, Alias.STAGING, version),
        lambda: client.set_model_version_tag(MODEL, version, "k", "v"),
        lambda: client.delete_registered_model(MODEL),
        lambda: client.rename_registered_model(MODEL, "elsewhere"),
    ):
        with pytest.raises(MlflowException, match=r"a request that has no token asked for .* which only "):
            change()


def test_the_gate_may_move_staging(station: Station, version: str) -> None:
    staged = MlflowClient().get_registered_model(MODEL).aliases.get(Alias.STAGING, version)
    with station.acting_as(GATE, LOOP):
        MlflowClient().set_registered_model_alias(MODEL, Alias.STAGING, staged)
    assert str(MlflowClient().get_model_version_by_alias(MODEL, Alias.STAGING).version) == str(staged)


def test_a_token_for_the_api_server_says_nothing_to_mlflow(station: Station, version: str) -> None:
    with (
        station.acting_as(GATE, LOOP, audience=None),
        pytest.raises(MlflowException, match="a token that is not valid for the audience mlflow"),
    ):
        MlflowClient().set_model_version_tag(MODEL, version, "k", "v")


def test_another_account_writes_no_artifact_of_the_model_s_runs(station: Station, version: str) -> None:
    client = MlflowClient()
    run_id = client.get_model_version(MODEL, version).run_id
    assert run_id
    with (
        station.acting_as(STRANGER, LOOP),
        pytest.raises(Exception, match=r"403|PERMISSION_DENIED"),
    ):
        client.log_text(run_id, json.dumps({"poisoned": True}), "reference/window.json")


@pytest.fixture
def pod(station: Station) -> Iterator[str]:
    """A pod of the training's account. It never runs: the API server makes tokens for it all the same."""
    name = "e2e-results-train-1234"
    context = {"runAsNonRoot": True, "runAsUser": 10000, "seccompProfile": {"type": "RuntimeDefault"}}
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = {
        "serviceAccountName": TRAIN,
        "automountServiceAccountToken": False,
        "nodeSelector": {"e2e.example.com/nowhere": "true"},
        "securityContext": context,
        "containers": [{"name": "main", "image": "nothing", "securityContext": closed}],
    }
    core = kubernetes.CoreV1Api(config.new_client_from_config(str(station.paths.kubeconfig)))
    core.create_namespaced_pod(LOOP, {"metadata": {"name": name}, "spec": spec})
    yield name
    core.delete_namespaced_pod(name, LOOP, grace_period_seconds=0)


def writing_as(station: Station, token: str) -> kubernetes.CustomObjectsApi:
    """The API server's client of whoever holds the token, and nothing else."""
    known = kubernetes.Configuration()
    config.load_kube_config(str(station.paths.kubeconfig), client_configuration=known)
    theirs = kubernetes.Configuration(host=known.host)
    theirs.ssl_ca_cert = known.ssl_ca_cert
    theirs.api_key["authorization"] = f"Bearer {token}"
    return kubernetes.CustomObjectsApi(kubernetes.ApiClient(theirs))


def reported(api: kubernetes.CustomObjectsApi, workflow: str, name: str) -> int:
    """Tries to say that a step of a workflow has ended, as its executor does; the API server's status."""
    metadata = {"name": name, "labels": {"workflows.argoproj.io/workflow": workflow}}
    result = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult", "metadata": metadata}
    try:
        api.create_namespaced_custom_object(
            "argoproj.io", "v1alpha1", LOOP, "workflowtaskresults", result, dry_run="All"
        )
    except ApiException as error:
        return error.status or 0
    return 201


def test_a_pod_says_what_its_own_step_ended_with_and_nothing_of_another(station: Station, pod: str) -> None:
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod}")
    of_the_pod, of_nobody = (
        writing_as(station, station.kubectl("create", "token", TRAIN, "-n", LOOP, *more).strip())
        for more in (bound, ())
    )
    assert reported(of_the_pod, "e2e-results", "e2e-results-1234") == 201
    forged = (
        ("e2e-results", "e2e-results-4321"),
        ("another", "another-1234"),
        ("e2e", "e2e-results-1234"),
        ("e2e-results", "another-1234"),
        ("", "e2e-results-1234"),
        ("e2e-results-train-1234", "e2e-results-train-1234-1234"),
        ("e2e-results", "e2e-results"),
    )
    assert {names: reported(of_the_pod, *names) for names in forged} == dict.fromkeys(forged, 403)
    assert reported(of_nobody, "e2e-results", "e2e-results-1234") == 403


def test_a_data_scientist_s_own_run_needs_no_token(station: Station) -> None:
    client, name = MlflowClient(), "e2e-identities"
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run_id = client.create_run(experiment).info.run_id
    client.log_metric(run_id, "auc", 0.5)
    client.log_text(run_id, "mine", "note.txt")
    client.set_terminated(run_id)
    client.delete_run(run_id)
