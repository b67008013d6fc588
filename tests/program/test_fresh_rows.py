"""A model that trains on its record, in the whole program: who reads which rows."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.program import program


def changed(**data: Any) -> dict[str, Any]:
    text = (program.ROOT / "Pulumi.local.yaml").read_text()
    models: dict[str, Any] = yaml.safe_load(text)["config"]["ml-loop:models"]
    models["recommender"]["outcomes"] = {"delay": "2d"}
    models["recommender"]["training"] |= data
    return {"models": models}


def test_rows_are_set_down_before_a_training_and_its_code_reads_them_by_a_key_of_their_own(tmp_path: Path) -> None:
    recording = program.run("local", tmp_path / "config", changed(data={"recent": "30d", "minRows": 500}))
    templates = {each["name"]: each for each in recording.inputs("WorkflowTemplate")["spec"]["templates"]}
    steps = [step["name"] for group in templates["pipeline"]["steps"] for step in group]
    assert steps[:2] == ["freeze", "train"]
    assert templates["freeze"]["container"]["command"] == [
        *("python3", "-m", "loop", "freeze", "--model=recommender", "--recent=2592000s"),
        *("--delay=172800s", "--min-rows=500"),
    ]
    keys: dict[str, Any] = {}
    for step in ("freeze", "train", "evaluate"):
        env = {each["name"]: each for each in templates[step]["container"]["env"]}
        keys[step] = env["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]["name"]
        if step != "freeze":
            place = "s3://ml-loop-record/recommender/trainings/{{workflow.uid}}"
            assert env["ML_LOOP_TRAINING_ROWS"]["value"] == place
    assert keys["train"] == keys["evaluate"] != keys["freeze"]
    allowed = {
        each.inputs["metadata"]["name"]
        for each in recording.of("NetworkPolicy")
        if "-rows" in each.inputs["metadata"]["name"]
    }
    assert allowed == {f"recommender-training-{step}-rows" for step in ("freeze", "train", "evaluate")}
    (policy,) = {
        env["value"]
        for job in recording.of("Job")
        for env in job.inputs["spec"]["template"]["spec"]["containers"][0].get("env", [])
        if env["name"] == "POLICY" and "ml-loop-record" in env.get("value", "")
    }
    mine = [
        each for each in json.loads(policy)["Statement"] if each["Principal"]["AWS"] == ["ml-loop-rows-recommender"]
    ]
    assert [(each["Action"], each["Resource"]) for each in mine] == [
        (["s3:GetObject"], ["arn:aws:s3:::ml-loop-record/recommender/trainings/*"])
    ]


def test_at_a_service_of_yours_the_code_that_trains_has_the_key_that_you_made_for_it(tmp_path: Path) -> None:
    record = {"bucket": "our-record", "credentialsSecret": "record-s3", "trainingSecret": "rows-s3"}
    service = {"kind": "s3-compatible", "endpoint": "https://s3.example.com", "bucket": "models"}
    artifacts = service | {"credentialsSecret": "models-s3", "record": record}
    recording = program.run("local", tmp_path / "config", changed(data={"recent": "30d"}) | {"artifacts": artifacts})
    templates = {each["name"]: each for each in recording.inputs("WorkflowTemplate")["spec"]["templates"]}
    held = {step: json.dumps(template) for step, template in templates.items()}
    assert {step for step, text in held.items() if "rows-s3" in text} == {"train", "evaluate"}
    assert {step for step, text in held.items() if "record-s3" in text} == {"freeze"}
    recorder = json.dumps(recording.inputs("Deployment", "recommender-outcomes-recorder"), default=str)
    assert "record-s3" in recorder
    assert "s3://our-record/recommender" in recorder


def test_a_model_that_trains_on_its_own_data_reads_no_record(tmp_path: Path) -> None:
    recording = program.run("local", tmp_path / "config", changed())
    names = {each["name"] for each in recording.inputs("WorkflowTemplate")["spec"]["templates"]}
    assert "freeze" not in names
    assert "ml-loop-rows" not in json.dumps([each.inputs for each in recording.resources], default=str)
