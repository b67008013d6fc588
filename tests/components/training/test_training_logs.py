"""Where the logs of a training's steps go, and whose rights bring them there."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from pulumi import Output
from pulumi.runtime import rpc

from components.training.training import Training, accounts
from tests.components.arguments import training_args
from tests.components.given import bucket, providers
from tests.components.training.built import build, pod_templates, spec, template
from tests.program.mocks import Recording, record


def test_each_step_s_log_goes_to_a_folder_of_its_own_when_it_has_ended(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        assert each["archiveLocation"] == {
            "archiveLogs": True,
            "s3": {
                "endpoint": "s3.example.com",
                "insecure": False,
                "region": "us-east-1",
                "bucket": "artifacts",
                "key": "logs/recommender/{{workflow.name}}/{{pod.name}}",
                "accessKeySecret": {"name": "s3", "key": "access-key-id"},
                "secretKeySecret": {"name": "s3", "key": "secret-access-key"},
            },
        }


def test_a_store_without_tls_is_spoken_to_without_it() -> None:
    plain = replace(bucket(), endpoint=Output.from_input("http://s3.mlflow.svc.cluster.local:7070"))
    place = template(build(replace(training_args(), logs=plain)), "train")["archiveLocation"]["s3"]
    assert (place["endpoint"], place["insecure"]) == ("s3.mlflow.svc.cluster.local:7070", True)


def test_a_bucket_that_only_the_update_will_know_hides_no_pod_from_the_policy_pack() -> None:
    def settled(value: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    def program() -> None:
        unknown: Output[str] = Output(set(), settled(None), settled(False))
        Training("training", replace(training_args(), logs=replace(bucket(), name=unknown)), providers())

    found = record(program)
    assert template(found, "train")["archiveLocation"]["s3"]["bucket"] == rpc.UNKNOWN
    assert template(found, "train")["container"] == template(build(training_args()), "train")["container"]


def test_the_store_lets_every_step_in_and_every_step_may_go_there(recording: Recording) -> None:
    client = {"ml-loop.dev/client-of-s3": "true"}
    assert client.items() <= spec(recording)["podMetadata"]["labels"].items()
    policy = recording.inputs("NetworkPolicy", "training-steps")["spec"]
    assert [{"port": 443, "protocol": "TCP"}] in [rule["ports"] for rule in policy["egress"]]


def test_the_user_s_code_sees_no_key_of_the_store(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        assert "s3" not in json.dumps(each["container"])
    assert "secret" not in json.dumps(spec(recording)["volumes"])


def test_without_a_bucket_for_logs_they_stay_with_their_pods() -> None:
    found = build(replace(training_args(), logs=None))
    assert [each for each in spec(found)["templates"] if "archiveLocation" in each] == []
    (account,) = [each for each in found.of("ServiceAccount") if each.name == "training-account"]
    assert "annotations" not in account.inputs["metadata"]


def test_every_account_that_a_step_runs_as_is_one_that_may_log(recording: Recording) -> None:
    made = {each.inputs["metadata"]["name"] for each in recording.of("ServiceAccount")}
    assert made == set(accounts("recommender", cooldown=True, serving=True))
    alone = build(replace(training_args(), cooldown=None, serving=False))
    made = {each.inputs["metadata"]["name"] for each in alone.of("ServiceAccount")}
    assert made == set(accounts("recommender", cooldown=False, serving=False))
