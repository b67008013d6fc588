"""`make model`: each kind's folder is whole, is the model's own, and has settings that the stack takes."""

import ast
import re
from pathlib import Path

import pytest

from local.starter import folder, new
from local.steps import StepError

FILES = {
    "Dockerfile",
    "README.md",
    "model.yaml",
    "requirements.txt",
    "tests/test_contract.py",
    *(f"churn_eu_model/{name}.py" for name in ("__init__", "data", "evaluate", "leave", "train")),
}


@pytest.mark.parametrize("kind", new.ModelKind)
def test_a_folder_of_each_kind_speaks_of_the_model_alone(kind: new.ModelKind, tmp_path: Path) -> None:
    made = new.make("churn-eu", kind, tmp_path / "churn")
    files = {str(path.relative_to(made)): path.read_text() for path in made.rglob("*") if path.is_file()}
    assert files.keys() == FILES
    assert not [name for name, text in files.items() if re.search(r"\bstarter\b|\b(NAME|PACKAGE|KIND)\b", text)]
    for name, text in files.items():
        if name.endswith(".py"):
            imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
            assert {each for each in imported if each and each.endswith("_model") and "." not in each} <= {
                "churn_eu_model"
            }
    assert "COPY churn_eu_model /opt/app/churn_eu_model" in files["Dockerfile"]


@pytest.mark.parametrize("kind", new.ModelKind)
def test_its_settings_are_valid_and_watch_columns_that_the_data_has(kind: new.ModelKind, tmp_path: Path) -> None:
    found = folder.read(new.make("churn", kind, tmp_path / "churn"))
    assert found.name == "churn"
    assert found.requirements is None
    assert found.settings.training.commands.train == ("python3", "-m", "churn_model.train")
    assert found.settings.drift is not None
    code = (found.path / "churn_model" / "data.py").read_text()
    (features,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FEATURES"
    )
    assert list(found.settings.drift.features) == features


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("Churn", "classification", 'NAME: "Churn" is not allowed; expected at most 30 lowercase letters'),
        ("recommender", "ranking", "NAME: recommender is the example; choose another"),
        ("churn", "forecast", "KIND is 'forecast'; expected one of classification, regression, ranking"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(name: str, kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=re.escape(said)):
        new.make(name, kind, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="is there already; name another FOLDER"):
        new.make("churn", "regression", tmp_path)
    assert list(tmp_path.iterdir()) == []
