"""The program itself, run with the stack files of this repository."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pytest

import versions
from policy.rules import RULES
from policy.verdict import judge
from settings import Settings, SettingsError
from tests.components import walk
from tests.program import program
from tests.program.mocks import Recording

Run = Callable[..., Recording]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with a stack file and changes to its keys: `run("local", {"tracking": {...}})`."""

    def run(stack: str, changes: Mapping[str, Any] | None = None) -> Recording:
        return program.run(stack, tmp_path / "config", changes)

    return run


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_runs_and_passes_the_walks(run: Run, stack: str) -> None:
    recording = run(stack)
    complaints = [
        *walk.orphans(recording),
        *walk.misnamed(recording),
        *walk.strayed(recording, {"kubernetes": "cluster", "aws": "aws"}),
        *walk.silent(recording),
        *walk.unpinned(recording, {pin.reference for pin in versions.IMAGES.values()}),
        *walk.nulls(recording),
        *walk.idle_policies(recording),
        *walk.strangers(recording),
        *(complaint for secret in program.SECRETS.values() for complaint in walk.revealed(recording, secret)),
    ]
    assert complaints == []


def test_the_local_stack_s_outputs_say_where_mlflow_is_and_what_is_installed(run: Run) -> None:
    recording = run("local")
    template = recording.inputs("WorkflowTemplate")["metadata"]["name"]
    assert recording.exports == {
        "mlflow": {"url": "http://mlflow.mlflow.svc.cluster.local:5000", "externalUrl": "http://10.173.0.1:30500"},
        "platform": dict.fromkeys(("certManager", "knative", "barmanCloud"), "not used")
        | dict.fromkeys(("argoWorkflows", "argoEvents", "kserve", "cloudNativePg"), "brought by the cluster"),
        "models": {
            "recommender": {
                "predict": "http://192.0.2.1/v1/models/recommender:predict",
                "template": template,
                "submit": f"argo submit --from workflowtemplate/{template} -n bookstore-platform-ml --wait",
                "logs": "s3://ml-loop-logs/logs/recommender",
            }
        },
        "page": "http://10.173.0.1:30501/loop/",
    }


def test_production_s_outputs_name_the_public_host_and_the_charts(run: Run) -> None:
    exports = run("prod").exports
    assert exports["mlflow"]["externalUrl"] == "https://mlflow.example.com"
    assert exports["platform"] == {
        "argoWorkflows": "argo-workflows 1.0.18",
        "argoEvents": "argo-events 2.4.22",
        "certManager": "cert-manager v1.21.1",
        "knative": "not used",
        "kserve": "kserve-resources v0.20.0",
        "cloudNativePg": "cloudnative-pg 0.29.0",
        "barmanCloud": "plugin-barman-cloud 0.7.0",
    }


@pytest.mark.parametrize("mode", [{}, {"platform": program.KNATIVE}], ids=["standard", "knative"])
@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_passes_the_policy_pack_once_its_images_have_digests(
    run: Run, stack: str, mode: Mapping[str, Any]
) -> None:
    judged = walk.as_stack(run(stack, {"images": program.IMAGES, **mode}), stack)
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_holds_a_whole_loop(run: Run, stack: str) -> None:
    recording = run(stack)
    stations = ["Training", "Serving", "Front", "DriftMonitor", "AliasWatch", "Retraining"]
    assert recording.exports["models"]["recommender"]["predict"].endswith("/v1/models/recommender:predict")
    assert [kind for kind in stations if not recording.of(kind)] == []


def test_only_production_s_data_is_protected(run: Run) -> None:
    protected = {stack: [each.name for each in run(stack).resources if each.protected] for stack in ("local", "prod")}
    assert protected == {"local": [], "prod": ["artifacts-s3-bucket", "mlflow-db-cluster"]}


def test_protection_is_a_setting_whatever_the_stack_is_called(run: Run) -> None:
    def protected(stack: str, protect: bool) -> list[str]:
        return [each.name for each in run(stack, {"protect": protect}).resources if each.protected]

    assert protected("dev", True) == ["mlflow-db-cluster"]
    assert protected("prod", False) == []


def test_the_bundled_store_s_volume_is_protected_in_production(run: Run) -> None:
    recording = run("prod", {"artifacts": {"kind": "s3-compatible", "bundled": {"storage": "10Gi"}}})
    assert recording.only("PersistentVolumeClaim").protected


def test_nothing_is_made_on_a_cluster_that_lacks_an_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_: Settings) -> None:
        raise SettingsError(["KServe is missing"])

    def made(*_: object, **__: object) -> None:
        pytest.fail("something was made")

    monkeypatch.setattr(pulumi.CustomResource, "__init__", made)
    with pytest.raises(SettingsError, match=r"^KServe is missing$"):
        program.run("local", tmp_path / "config", check=lacking)


def test_a_cluster_that_enforces_no_policies_gets_a_warning(run: Run) -> None:
    (warning,) = run("local").warnings
    assert warning == (
        "cluster.enforcesNetworkPolicies is false: every pod of the cluster can reach MLflow, Kafka and the models"
    )


def test_a_cluster_that_enforces_policies_gets_no_warning(run: Run) -> None:
    assert run("prod").warnings == []


def test_the_provider_is_bound_to_the_context_of_the_settings(run: Run) -> None:
    provider = run("dev").inputs("kubernetes", "cluster")
    assert (provider["context"], provider["clusterIdentifier"]) == ("example-dev", program.KUBE_SYSTEM)


def test_a_renamed_context_changes_only_the_provider_s_context(run: Run) -> None:
    renamed = {"cluster": {"context": "renamed", "enforcesNetworkPolicies": False}}
    assert run("dev").changed(run("dev", renamed)) == ["kubernetes context"]


def test_the_settings_may_say_what_the_cluster_is_known_by(run: Run) -> None:
    provider = run("dev", {"cluster": {"context": "renamed", "identifier": "example-dev"}}).inputs(
        "kubernetes", "cluster"
    )
    assert (provider["context"], provider["clusterIdentifier"]) == ("renamed", "example-dev")


def _egress(recording: Recording) -> Iterator[tuple[list[str] | None, list[int]]]:
    """(blocks of addresses, None for anywhere; ports) of each rule that names no pods."""
    for policy in recording.of("NetworkPolicy"):
        for rule in policy.inputs["spec"].get("egress", ()):
            ports = [port["port"] for port in rule.get("ports", ())]
            peers = rule.get("to")
            if peers is None or all("ipBlock" in peer for peer in peers):
                yield peers and [peer["ipBlock"]["cidr"] for peer in peers], ports


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_who_calls_the_api_server_reaches_it_alone_where_its_addresses_are_known(stack: str, run: Run) -> None:
    cluster = {"context": "here", "apiServer": ["10.96.0.1", "10.0.0.0/28"]}
    rules = list(_egress(run(stack, {"cluster": cluster})))
    assert (["10.96.0.1/32", "10.0.0.0/28"], [443, 6443]) in rules
    assert (None, [443, 6443]) not in rules
    assert (None, [443, 6443]) in list(_egress(run(stack)))


def test_names_are_asked_for_where_the_settings_say_in_every_namespace(run: Run) -> None:
    recording = run("prod", {"cluster": {"context": "here", "dns": ["10.96.0.10", "fd00::a"]}})
    policies = [policy for policy in recording.of("NetworkPolicy") if policy.inputs["metadata"]["name"] == "allow-dns"]
    assert len(policies) == len(recording.of("RestrictedNamespace"))
    for policy in policies:
        by_address = [peer["ipBlock"]["cidr"] for peer in policy.inputs["spec"]["egress"][1]["to"]]
        assert by_address == ["169.254.0.0/16", "fe80::/10", "10.96.0.10/32", "fd00::a/128"]


ELSEWHERE = {
    "kind": "s3-compatible",
    "endpoint": "https://s3.fr-par.scw.cloud",
    "bucket": "models",
    "credentialsSecret": "s3",
    "region": "fr-par",
    "caSecret": "s3-ca",
    "logs": {"bucket": "training-logs", "credentialsSecret": "logs-s3"},
}
BACKED_UP = {"postgres": {"backup": {"schedule": "0 3 * * *"}}}


def _servers_env(recording: Recording) -> dict[str, object]:
    pod = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]
    return {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}


def test_a_store_that_is_not_aws_is_spoken_to_in_its_own_way_by_all_of_its_clients(run: Run) -> None:
    model = {"training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}}}
    recording = run("dev", {"artifacts": ELSEWHERE, "tracking": BACKED_UP, "models": {"recommender": model}})
    said = {
        "AWS_DEFAULT_REGION": "fr-par",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    # MLflow
    env = _servers_env(recording)
    assert env | said | {"AWS_CA_BUNDLE": "/etc/s3-ca/ca.crt"} == env
    pod = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]
    (authority,) = (volume for volume in pod["volumes"] if volume["name"] == "s3-ca")
    assert authority["secret"] == {"secretName": "s3-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert {"name": "s3-ca", "mountPath": "/etc/s3-ca", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    # Backups
    archive = recording.inputs("ObjectStore")["spec"]
    assert archive["configuration"]["endpointCA"] == {"name": "s3-ca", "key": "ca.crt"}
    assert {each["name"]: each["value"] for each in archive["instanceSidecarConfiguration"]["env"]} == said
    # Logs
    templates = recording.inputs("WorkflowTemplate")["spec"]["templates"]
    (place,) = {json.dumps(each["archiveLocation"]["s3"]) for each in templates if "container" in each}
    assert json.loads(place)["region"] == "fr-par"
    assert json.loads(place)["caSecret"] == {"name": "s3-ca", "key": "ca.crt"}


def test_a_bucket_in_the_host_name_is_asked_for_there(run: Run) -> None:
    store = {key: value for key, value in ELSEWHERE.items() if key not in {"logs", "caSecret"}}
    changes = {"artifacts": store | {"pathStyle": False, "checksums": "when_supported"}, "tracking": {}}
    env = _servers_env(run("dev", changes))
    assert env["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"] == "virtual"
    assert env["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_supported"
    assert "AWS_CA_BUNDLE" not in env


def test_the_stack_s_own_image_replaces_the_pinned_one(run: Run) -> None:
    own = f"ml-loop.local/mlflow@sha256:{64 * '1'}"
    (container,) = run("local", {"images": {"mlflow": own}}).inputs("Deployment", "mlflow-server")["spec"]["template"][
        "spec"
    ]["containers"]
    assert container["image"] == own


def test_at_a_registry_of_one_s_own_every_pinned_image_moves_and_a_named_one_stays(run: Run) -> None:
    own = f"ml-loop.local/mlflow@sha256:{64 * '1'}"
    platform = {"argoWorkflows": {"install": False}, "imageRegistry": "registry.example.com/mirror"}
    recording = run("dev", {"platform": platform, "images": {"mlflow": own}})
    cluster = recording.inputs("Cluster")["spec"]["imageName"]
    assert cluster.startswith("registry.example.com/mirror/cloudnative-pg/postgresql:")
    (container,) = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == own


def test_on_aws_server_and_database_have_a_role_each_for_their_own_folder(run: Run) -> None:
    recording = run("prod", {"models": {}})
    accounts = {each.inputs["serviceAccount"] for each in recording.of("PodIdentityAssociation")}
    names = {
        recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["name"],
        recording.inputs("Cluster")["metadata"]["name"],
    }
    assert accounts == names == {"mlflow", "mlflow-db"}


def test_on_aws_each_account_of_a_training_has_a_role_that_adds_logs(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}, "retraining": {"cooldown": "6h"}}
    recording = run("prod", {"models": {"recommender": model}})
    linked = recording.of("PodIdentityAssociation")
    found = {each.inputs["serviceAccount"] for each in linked if each.inputs["namespace"] != "mlflow"}
    pods_as = {each.inputs["metadata"]["name"] for each in recording.of("ServiceAccount") if "-training-" in each.name}
    assert found == pods_as == {f"recommender-{step}" for step in ("train", "gate", "cooldown", "rollout")}


def test_a_service_of_one_s_own_keeps_logs_where_the_settings_name_a_bucket(run: Run) -> None:
    place = {"kind": "s3-compatible", "endpoint": "https://s3.example.com", "bucket": "b-1", "credentialsSecret": "s3"}
    own = {"logs": {"bucket": "training-logs", "credentialsSecret": "training-logs"}}

    def logs(artifacts: dict[str, Any]) -> Any:
        recording = run("dev", {"models": {"recommender": GATE}, "artifacts": artifacts})
        return recording.exports["models"]["recommender"]["logs"]

    assert logs(place | own) == "s3://training-logs/logs/recommender"
    assert logs(place) is None


def test_on_aws_roles_are_those_of_the_named_cluster_or_of_the_context_s(run: Run) -> None:
    def clusters(**changes: Any) -> set[str]:
        artifacts = {"artifacts": {"kind": "aws-s3", "region": "eu-west-1", **changes}}
        return {each.inputs["clusterName"] for each in run("prod", artifacts).of("PodIdentityAssociation")}

    assert clusters() == {"example-prod"}
    assert clusters(eksCluster="blue") == {"blue"}


ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"


def test_with_irsa_the_accounts_of_server_and_database_name_their_roles(run: Run) -> None:
    recording = run("prod", {"artifacts": {"kind": "aws-s3", "region": "eu-west-1", "oidcProvider": PROVIDER}})
    accounts = {
        "mlflow": recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["annotations"],
        "mlflow-db": recording.inputs("Cluster")["spec"]["serviceAccountTemplate"]["metadata"]["annotations"],
    }
    roles = {"mlflow": "artifacts-s3-mlflow-role", "mlflow-db": "artifacts-s3-mlflow-db-role"}
    assert accounts == {account: {"eks.amazonaws.com/role-arn": f"arn:aws:::{role}"} for account, role in roles.items()}
    trust = {role: json.loads(recording.inputs("Role", role)["assumeRolePolicy"]) for role in roles.values()}
    assert {role: it["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] for role, it in trust.items()} == {
        role: f"system:serviceaccount:mlflow:{account}" for account, role in roles.items()
    }


def test_with_pod_identity_no_account_names_a_role(run: Run) -> None:
    recording = run("prod")
    assert recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["annotations"] == {}
    assert recording.inputs("Cluster")["spec"]["serviceAccountTemplate"] == {"metadata": {"annotations": {}}}


def test_the_settings_restore_the_database_from_an_archive(run: Run) -> None:
    backup = {"archive": "mlflow-db-2", "restore": {"archive": "mlflow-db", "until": "2027-01-31T12:00:00Z"}}
    spec = run("prod", {"tracking": {"postgres": {"backup": backup}}}).inputs("Cluster")["spec"]
    assert spec["bootstrap"]["recovery"]["recoveryTarget"] == {"targetTime": "2027-01-31T12:00:00Z"}
    assert spec["plugins"][0]["parameters"]["serverName"] == "mlflow-db-2"


def test_the_job_that_reads_an_archive_reaches_the_bundled_store(run: Run) -> None:
    def clients(backup: Mapping[str, Any]) -> list[Any]:
        recording = run("local", {"tracking": {"postgres": {"instances": 1, **backup}}})
        return recording.inputs("NetworkPolicy", "artifacts-s3-server")["spec"]["ingress"][0]["from"]

    job = {"podSelector": {"matchLabels": {"cnpg.io/cluster": "mlflow-db"}}}
    assert job in clients({"backup": {"schedule": "0 3 * * *"}})
    assert job not in clients({})


def test_the_database_comes_after_its_operator(run: Run) -> None:
    assert "barman-cloud-chart" in run("prod").only("Postgres").depends_on
    assert "cloudnative-pg-chart" in run("dev").only("Postgres").depends_on


def test_what_a_model_is_made_of_comes_after_the_operators_of_its_kinds(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}, "retraining": {"cooldown": "6h"}}
    recording = run("dev", {"models": {"recommender": model}})
    operators = {"ModelStorage": "kserve", "Serving": "kserve", "Training": "argo-workflows", "EventBus": "argo-events"}
    made = {each.type.rpartition(":")[2]: each for each in recording.resources if each.type.startswith("ml-loop:")}
    early = [kind for kind, operator in operators.items() if f"{operator}-chart" not in made[kind].depends_on]
    assert early == []


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_delivery_by_argo_cd_changes_no_output_and_passes_walks_and_policy_pack(run: Run, stack: str) -> None:
    changes = {"images": program.IMAGES, "tracking": {"delivery": "argocd", "argocd": {"project": "ml"}}}
    recording = run(stack, changes)
    assert recording.exports == run(stack, {"images": program.IMAGES, "tracking": {}}).exports
    assert recording.inputs("Application")["spec"]["project"] == "ml"
    judged = walk.as_stack(recording, stack)
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    complaints = [line for verdict in verdicts for line in verdict.violations + verdict.unknown]
    assert [*complaints, *walk.idle_policies(recording), *walk.strangers(recording), *walk.nulls(recording)] == []


GATE = {"training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}}}


def test_the_gateway_s_proxies_reach_a_model_and_its_outputs_name_the_address(run: Run) -> None:
    recording = run("local", {"models": {"recommender": GATE}})
    assert recording.exports["models"]["recommender"]["predict"] == "http://192.0.2.1/v1/models/recommender:predict"
    ingress = recording.inputs("NetworkPolicy", "recommender-serving-servers")["spec"]["ingress"]
    assert ingress[1]["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]


def test_a_number_in_the_settings_brings_production_into_the_split(run: Run) -> None:
    def weights(model: dict[str, Any]) -> list[int]:
        (rule,) = run("local", {"models": {"recommender": model}}).inputs("HTTPRoute")["spec"]["rules"]
        return [backend["weight"] for backend in rule["backendRefs"]]

    assert weights(GATE) == [100]
    assert weights(GATE | {"production": 1, "serving": {"canaryPercent": 25}}) == [75, 25]


def test_a_version_is_promoted_before_production_has_its_share_and_after_there_are_services(run: Run) -> None:
    recording = run("local", {"models": {"recommender": GATE | {"production": 2}}})
    assert recording.inputs("Job", "recommender-promotion-job")["metadata"]["name"] == "recommender-promote-v2"
    assert "recommender-promotion-job" in recording.only("Front").depends_on
    assert "recommender-serving-production" in recording.only("Promotion").depends_on


def test_another_number_in_the_settings_restarts_nobody_who_watches(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}}

    def deployments(number: int) -> dict[str, Any]:
        # By name: components register what they make in no fixed order.
        recording = run("local", {"models": {"recommender": model | {"production": number}}})
        return {each.name: each.inputs for each in recording.of("Deployment")}

    first = deployments(1)
    assert first.keys() > {"recommender-aliases-deployment", "recommender-drift-detector"}
    assert deployments(2) == first


def test_only_where_the_settings_say_so_may_anybody_put_production_back(run: Run) -> None:
    def healers(promotion: dict[str, Any]) -> tuple[set[str], bool]:
        recording = run("local", {"models": {"recommender": GATE | {"promotion": promotion}}})
        policy = json.loads(recording.inputs("ConfigMap", "mlflow-identity")["data"]["policy.json"])
        guarded = policy["models"]["recommender"].get("healing", [])
        roles = {each.inputs["metadata"]["name"] for each in recording.of("Role")}
        return {each.rpartition(":")[2] for each in guarded}, "recommender-aliases" in roles

    assert healers({}) == (set(), False)
    assert healers({"healing": True}) == ({"recommender-aliases"}, True)


def test_without_a_number_in_the_settings_nothing_is_promoted(run: Run) -> None:
    assert run("local", {"models": {"recommender": GATE}}).of("Promotion") == []


def test_a_stack_without_a_gateway_serves_its_models_inside_the_cluster_only(run: Run) -> None:
    own = {"training": {"image": f"registry.example.com/fraud@sha256:{64 * '2'}", **GATE["training"]}}
    recording = run("dev", {"gateway": {}, "models": {"fraud": own}})
    assert recording.exports["models"]["fraud"]["predict"] is None
    assert recording.of("HTTPRoute") == []
    assert len(recording.of("InferenceService")) == 2


@pytest.mark.parametrize(
    ("changes", "replicas"),
    [({}, {"min": 2, "max": 4}), ({"platform": program.KNATIVE}, {"min": 0, "max": 4})],
    ids=["standard", "knative"],
)
def test_models_in_either_mode_pass_the_policy_pack_and_have_the_gateway_s_address(
    run: Run, changes: Mapping[str, Any], replicas: Mapping[str, int]
) -> None:
    images = program.IMAGES
    model = GATE | {"production": 1, "serving": {"replicas": replicas}}
    recording = run("prod", {"images": images, "models": {"recommender": model}, **changes})
    assert recording.exports["models"]["recommender"]["predict"] == "https://192.0.2.1/v1/models/recommender:predict"
    judged = walk.as_stack(recording, "prod")
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []


def test_only_where_outcomes_are_taken_is_anything_made_for_them(run: Run) -> None:
    def made(model: dict[str, Any]) -> set[str]:
        recording = run("local", {"models": {"recommender": GATE | model}})
        routes = {each.inputs["metadata"]["name"] for each in recording.of("HTTPRoute")}
        pods = {each.inputs["metadata"]["name"] for each in recording.of("Deployment")}
        return {name for name in routes | pods if "outcomes" in name or name.endswith(("-recorder", "-performance"))}

    assert made({}) == set()
    assert made({"outcomes": {}}) == {
        *("outcomes", "recommender-outcomes", "recommender-recorder", "recommender-performance")
    }


def test_a_fall_of_the_gate_s_metrics_starts_a_training_where_the_settings_say_so(run: Run) -> None:
    def passes(retraining: dict[str, Any]) -> tuple[list[str], str]:
        model = {"drift": {"features": ["pages"]}, "outcomes": {}, "retraining": {"cooldown": "6h"} | retraining}
        recording = run("local", {"models": {"recommender": GATE | model}})
        first = recording.inputs("Sensor", "recommender-retraining-sensor")["spec"]["dependencies"][0]["filters"]
        (feature,) = (each["value"] for each in first["data"] if each["path"] == "body.feature")
        return feature, first["script"]

    only, both = passes({}), passes({"on": ["drift", "performance"]})
    assert only[0] == ["^(pages)$"]
    assert both[0] == ["^(pages|performance:auc)$"]
    assert '"performance"' not in only[1]
    assert 'kind == "drift" or kind == "performance"' in both[1]
