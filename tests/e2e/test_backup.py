"""A database comes back as it was at a moment: by the program of `make restore`, from an archive in a foreign store."""

import json
from collections.abc import Iterator

import pytest
from pulumi import automation

import restore.cli
from components.tracking.mlflow import ARTIFACTS_FOLDER
from local.paths import Paths
from restore.engine import reason
from tests.e2e.backup_stack import LOOP, NAME, NAMESPACE, BackupStack, moment, provide_plugin
from tests.e2e.foreign_store import foreign_store
from tests.e2e.station import Station, Timed, until

pytestmark = pytest.mark.e2e
MODEL = "kept"
SCHEDULE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "CronWorkflow",
    "metadata": {"name": "kept-train", "namespace": LOOP},
    "spec": {
        "schedules": ["0 0 1 1 *"],
        "workflowSpec": {"entrypoint": "none", "templates": [{"name": "none", "suspend": {}}]},
    },
}


@pytest.fixture
def station_with_backups(
    station: Station, tmp_path_factory: pytest.TempPathFactory, timed: Timed
) -> Iterator[BackupStack]:
    with timed("the barman-cloud plugin provided"):
        provide_plugin(Paths.default())
    with foreign_store(Paths.default(), tmp_path_factory.mktemp("store")) as store:
        made = BackupStack(tmp_path_factory.mktemp("backup"), store)
        try:
            store.hand_out(made.paths, NAMESPACE)
            with timed("a tracking station with backups, up"):
                made.up()
            yield made
        finally:
            made.delete()


def aliases(made: BackupStack) -> dict[str, dict[str, str]]:
    """Model → alias → version."""
    return {
        each.name: {alias: str(version) for alias, version in each.aliases.items()}
        for each in made.registry.search_registered_models()
    }


def release(made: BackupStack, model: str, version: int) -> None:
    """A new version, in production."""
    registry = made.registry
    if version == 1:
        registry.create_registered_model(model)
    run = registry.create_run("0").info
    registry.log_text(run.run_id, f"version {version}", "model/content.txt")
    registry.create_model_version(model, f"{run.artifact_uri}/model", run.run_id)
    registry.set_registered_model_alias(model, "production", str(version))


def test_the_registry_comes_back_as_it_was_at_a_moment_by_base_backup_and_log(
    station_with_backups: BackupStack, timed: Timed
) -> None:
    made = station_with_backups
    release(made, MODEL, 1)
    assert [each.rpartition("/")[2] for each in made.store.objects(ARTIFACTS_FOLDER)] == ["content.txt"]
    with timed("the first base backup"):
        until(lambda: made.backups() == ["completed"], "the first base backup")
    release(made, MODEL, 2)  # in the log only
    before_the_mistake = moment()
    made.registry.delete_registered_model(MODEL)
    release(made, "later", 1)
    made.kubectl("create", "-f", "-", stdin=json.dumps(SCHEDULE))
    made.protect()
    old = made.read("cluster", "mlflow-db")["metadata"]["uid"]

    made.ask_for_restore("mlflow-db", before_the_mistake)
    with pytest.raises(automation.CommandError) as refused:
        made.up()
    assert f"make restore STACK={NAME}" in reason(str(refused.value))
    assert made.read("cluster", "mlflow-db")["spec"]["plugins"][0]["parameters"]["serverName"] == "mlflow-db"

    with timed("restored"):
        restore.cli.restore(made.pulumi, yes=True, kubectl=str(made.paths.bin / "kubectl"))
    assert aliases(made) == {MODEL: {"production": "2"}}
    cluster = made.read("cluster", "mlflow-db")
    assert cluster["metadata"]["uid"] != old
    assert cluster["spec"]["plugins"][0]["parameters"]["serverName"] == "mlflow-db-2"
    windows = made.read("objectstore", "mlflow-db")["status"]["serverRecoveryWindow"]
    assert windows.keys() == {"mlflow-db", "mlflow-db-2"}
    assert not made.read("cronworkflow", "kept-train", LOOP)["spec"].get("suspend")
    managers = json.loads(
        made.kubectl("get", "deployment", "mlflow", "-n", NAMESPACE, "--show-managed-fields", "-o", "json")
    )["metadata"]["managedFields"]
    assert {each["manager"] for each in managers} & {"ml-loop-restore"} == set()
    assert set(made.pulumi.preview(color="never").change_summary) == {"same"}
    restore.cli.restore(made.pulumi, yes=True, kubectl=str(made.paths.bin / "kubectl"))  # once more does no harm
    assert made.read("cluster", "mlflow-db")["metadata"]["uid"] == cluster["metadata"]["uid"]
