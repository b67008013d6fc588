"""What a train command must leave behind: the contract kept, then one thing broken at a time."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from bench import DATA, WINDOW, Bench
from mlflow.models import infer_signature

from contract.names import REFERENCE_ARTIFACT
from loop.training import checks, fit


def test_a_run_that_keeps_the_contract_passes_and_each_fact_is_one_line(bench: Bench) -> None:
    run_id = bench.run()
    code, said = bench.train(run_id)
    lines = said.splitlines()
    assert re.fullmatch(r"the train command took \d+\.\d s", lines.pop(0))
    assert re.fullmatch(r"load: \d+\.\d s, \d+ MiB at most", lines.pop(2))
    facts = [f"run: {run_id}", f"data fingerprint: {DATA}", "features: price, pages", "reference window: 120 rows"]
    assert (code, lines) == (0, facts)


def test_an_exception_in_the_train_command_is_told_in_one_sentence(bench: Bench) -> None:
    script = "import sys; print('working', file=sys.stderr); raise RuntimeError('no rows in the store')"
    code, said = bench.step("train", "--", "python3", "-c", script)
    assert (code, said) == (
        1,
        "the train command must end with exit code 0, and ended with 1: RuntimeError: no rows in the store",
    )


def test_a_command_that_does_not_exist_is_told_in_one_sentence(bench: Bench) -> None:
    code, said = bench.step("train", "--", "no-such-command")
    assert (code, said) == (1, "the train command 'no-such-command' cannot be started: No such file or directory")


def test_an_unknown_trigger_is_refused_before_anything_runs(bench: Bench) -> None:
    assert bench.step("train", "--", "false", TRIGGER="whim") == (
        1,
        "ML_LOOP_TRIGGER is 'whim': it must be one of manual, schedule, drift",
    )


def test_the_run_id_of_an_earlier_attempt_does_not_count(bench: Bench) -> None:
    assert bench.train(bench.run())[0] == 0
    code, said = bench.step("train", "--", "true")
    assert (code, said) == (
        1,
        "the train command must write the id of its MLflow run to $ML_LOOP_OUTPUT/run_id: it wrote none",
    )


def test_parameters_that_are_no_json_object_are_refused_before_anything_runs(bench: Bench) -> None:
    code, said = bench.step("train", "--", "touch", str(bench.output / "ran"), PARAMETERS="[1]")
    assert (code, said) == (1, "ML_LOOP_PARAMETERS must be a JSON object: it is '[1]'")
    assert not (bench.output / "ran").exists()


def test_the_command_sees_the_environment_of_the_contract(bench: Bench) -> None:
    script = (
        'echo "$ML_LOOP_MODEL|$ML_LOOP_PARAMETERS|$ML_LOOP_DATA_URI|$MLFLOW_EXPERIMENT_NAME" > $ML_LOOP_OUTPUT/seen'
    )
    bench.step("train", "--", "sh", "-c", script, PARAMETERS='{"depth": 3}', DATA_URI="s3://data/books.csv")
    assert bench.written("seen") == f'{bench.model}|{{"depth": 3}}|s3://data/books.csv|{bench.model}\n'


BROKEN_RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "failed": ({"status": "FAILED"}, "the training run must end FINISHED: run {run} is FAILED"),
    "no fingerprint": (
        {"fingerprint": None},
        "the training run must log the param data_fingerprint, the SHA-256 of its data in hex: run {run} has 'none'",
    ),
    "no model": ({"model_id": None}, "the training run must log one model named 'model': run {run} logged none"),
    "no window": (
        {"window": None},
        "the training run must log the reference window as artifact reference/window.csv: run {run} has none",
    ),
    "features in another order": (
        {"window": WINDOW[["pages", "price"]]},
        ("reference/window.csv must have the signature's columns in order (price, pages), and has: pages, price"),
    ),
    "few rows": ({"window": WINDOW.head(99)}, "reference/window.csv must hold at least 100 rows, and holds 99"),
    "NaN row": (
        {"window": pd.concat([WINDOW.assign(pages=np.nan).head(1), WINDOW])},
        (
            "the model must predict on the rows of reference/window.csv: row 0, column 'pages' is missing (null); give "
            "the signature an example with missing values, and let the model take them"
        ),
    ),
    "text for a number": (
        {"window": WINDOW.to_csv(index=False) + "1.0,many\n"},
        "reference/window.csv has 'many' in line 122, column 'pages', which its type does not take",
    ),
    "another experiment": (
        {"experiment": "elsewhere"},
        (
            "the training run must be in the experiment {model!r} that it was given: run {run} is in 'elsewhere'; "
            "let the train command, and the libraries it calls, not set another experiment"
        ),
    ),
    "ragged row": (
        {"window": WINDOW.to_csv(index=False) + "1.0\n"},
        "reference/window.csv must hold 2 values in each line, and holds 1 in line 122",
    ),
}


@pytest.mark.parametrize("name", BROKEN_RUNS)
def test_a_run_that_breaks_one_rule_fails_with_the_sentence_that_names_it(bench: Bench, name: str) -> None:
    broken, sentence = BROKEN_RUNS[name]
    run_id = bench.run(**broken)
    assert bench.train(run_id) == (1, sentence.format(run=run_id, model=bench.model))


def test_a_run_that_does_not_exist_is_named(bench: Bench) -> None:
    assert bench.train("0" * 32) == (
        1,
        f"the train command must write the id of its MLflow run: no run {'0' * 32!r} exists",
    )


TEXT = pd.DataFrame({"title": ["Emma"], "pages": [474.0]})


def one_less(rows: pd.DataFrame) -> object:
    return rows["price"].to_numpy()[:-1]


def no_numbers(rows: pd.DataFrame) -> object:
    return rows["price"].to_numpy() * np.nan


def another_column(rows: pd.DataFrame) -> object:
    return rows["author"]


def grows(rows: pd.DataFrame) -> object:
    return rows["price"].to_numpy() / rows["price"].max()


def columns_for_documents(rows: pd.DataFrame) -> object:
    """As a vectorizer does with a frame: iterating over it gives the columns' names."""
    return [len(str(name)) for name in rows][:1]


BROKEN_MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "other columns": (
        {"predict": len, "signature": infer_signature(TEXT)},
        "reference/window.csv must have the signature's columns in order (title, pages), and has: price, pages",
    ),
    "an answer that depends on the other rows": (
        {"predict": grows},
        (
            "the model must answer each row alone as among others: row 0 of reference/window.csv gets null alone, "
            "and 0.0 among 120 rows"
        ),
    ),
    "another name": (
        {"predict": len, "name": "classifier"},
        "the training run must log one model named 'model': run {run} logged 'classifier'",
    ),
    "wrong shape": (
        {"predict": one_less},
        "the model must give one prediction per row: 3 rows gave the shape (2,)",
    ),
    "NaN predictions": (
        {"predict": no_numbers},
        "the model must answer the rows of reference/window.csv: each answer is null or NaN",
    ),
    "an answer that says nothing of the row": (
        {"predict": columns_for_documents},
        (
            "the model must answer what its rows hold: asked one row at a time, it gives 5 to each of "
            "reference/window.csv; if it reads texts, let it choose their columns, as in a ColumnTransformer"
        ),
    ),
    "exception": (
        {"predict": another_column},
        "the model must predict on the rows of reference/window.csv, and raised KeyError: 'author'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_MODELS)
def test_a_model_that_cannot_be_served_fails_with_the_sentence_that_says_why(bench: Bench, name: str) -> None:
    broken, sentence = BROKEN_MODELS[name]
    run_id = bench.run(model_id=bench.pyfunc(**broken))
    assert bench.train(run_id) == (1, sentence.format(run=run_id, model=bench.model))


WRITE_ID = "printf {} > $ML_LOOP_OUTPUT/run_id"


def test_a_watched_feature_that_the_model_lacks_ends_the_training_and_names_the_columns(bench: Bench) -> None:
    command = WRITE_ID.format(bench.run())
    code, said = bench.step("train", "--", "sh", "-c", command, WATCHED='["price", "prize"]')
    assert code == 1
    assert said == (
        "the model must have the columns of drift.features, and lacks 'prize': its columns are price, pages; "
        "correct drift.features, or train with the column"
    )
    assert bench.step("train", "--", "sh", "-c", command, WATCHED='["price"]')[0] == 0


def test_a_model_whose_columns_have_no_names_is_left_unwatched(capsys: pytest.CaptureFixture[str]) -> None:
    checks.watched(["price"], columns=[])
    assert capsys.readouterr().out == "watched: none of drift.features, as the model's columns have no names\n"


def test_a_reference_that_is_parquet_alone_is_written_as_csv_too_as_the_server_would_publish_its_rows(
    bench: Bench,
) -> None:
    run_id = bench.run(window=None)
    typed = bench.output / "window.parquet"
    rows = WINDOW.astype({"price": "float32"})
    rows.to_parquet(typed)
    bench.client.log_artifact(run_id, str(typed), "reference")
    code, said = bench.train(run_id)
    assert (code, said.splitlines()[-1]) == (0, "reference window: 120 rows")
    written = pd.read_csv(bench.client.download_artifacts(run_id, REFERENCE_ARTIFACT, str(bench.output)))
    pd.testing.assert_frame_equal(written, rows, check_dtype=False)


def test_a_model_that_needs_more_than_a_server_has_is_refused_with_both_numbers(bench: Bench) -> None:
    code, said = bench.step("train", "--", "sh", "-c", f"printf {bench.run()} > $ML_LOOP_OUTPUT/run_id",
                            SERVER_MEMORY=str(2**20))  # fmt: skip
    assert code == 1
    assert re.fullmatch(
        r"the model must fit into its servers: to load it and to ask it took \d+ MiB, and "
        r"serving\.resources\.limits\.memory is 1 MiB; raise that limit",
        said,
    )
    code, said = bench.step("train", "--", "sh", "-c", f"printf {bench.run()} > $ML_LOOP_OUTPUT/run_id",
                            SERVER_SECONDS="0")  # fmt: skip
    assert code == 1
    assert "serving.startTimeout is 0 s; raise it" in said


def test_what_the_image_lacks_of_a_model_s_requirements_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(
        "mlflow>=1\nscikit-learn==0.1 # old\nno-such-package\n-r more.txt\n# a comment\n"
        "pywin32==1; sys_platform == 'win32'\nhttp://example.com/a.whl\n"
    )
    assert fit.requirements(tmp_path) == [
        f"requirements: the model asks for scikit-learn==0.1, and the image has scikit-learn {sklearn.__version__}",
        "requirements: the model asks for no-such-package, and the image has no no-such-package",
        "requirements: http://example.com/a.whl cannot be compared with the image",
    ]
    assert fit.requirements(tmp_path / "none") == []
