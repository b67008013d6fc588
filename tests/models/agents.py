"""Agents and models from code, models with files and modules of their own, autologged ones, estimators with params."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from closing import Case
from logged import bunch, data, titanic
from mlflow.models import infer_signature
from mlflow.pyfunc.model import ChatModel, PythonModel, ResponsesAgent
from mlflow.sklearn import autolog
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse
from mlflow.types.responses_helpers import OutputItem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors

QUESTIONS = [f"Who survived in class {row.passengerClass}, {row.sex}?" for row in titanic().head(120).itertuples()]


class Echo(ChatModel):
    def predict(self, context: object, messages: list[ChatMessage], params: object) -> ChatCompletionResponse:  # pyright: ignore[reportIncompatibleMethodOverride]
        said = ChatMessage(role="assistant", content=str(messages[-1].content).upper())
        return ChatCompletionResponse(choices=[ChatChoice(message=said)])


class Answers(ResponsesAgent):
    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        asked = request.model_dump()["input"][-1]["content"]
        text = OutputItem(**self.create_text_output_item(text=str(asked).upper(), id="1"))
        return ResponsesAgentResponse(output=[text])


def chat_model() -> pd.DataFrame:
    mlflow.pyfunc.log_model(name="model", python_model=Echo(), pip_requirements=[])
    return pd.DataFrame({"messages": [[{"role": "user", "content": each}] for each in QUESTIONS]})


def responses_agent() -> pd.DataFrame:
    mlflow.pyfunc.log_model(name="model", python_model=Answers(), pip_requirements=[])
    return pd.DataFrame({"input": [[{"role": "user", "content": each}] for each in QUESTIONS]})


CODE = """
import mlflow
from mlflow.pyfunc import PythonModel

class Lengths(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["message"].str.len()

mlflow.models.set_model(Lengths())
"""


def model_from_code() -> pd.DataFrame:
    rows = pd.DataFrame({"message": QUESTIONS})
    with TemporaryDirectory() as folder:
        (path := Path(folder) / "lengths.py").write_text(CODE)
        mlflow.pyfunc.log_model(
            name="model", python_model=str(path), signature=infer_signature(rows), pip_requirements=[]
        )
    return rows


class Rates(PythonModel):
    """Reads a table that was logged beside it, by a module that was, too."""

    def load_context(self, context: Any) -> None:
        self.rates = json.loads(Path(context.artifacts["rates"]).read_text())

    def predict(self, context: object, model_input: Any, params: object = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        from rates_of_classes import rate  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        return [rate(self.rates, each) for each in model_input["passengerClass"]]


def artifacts_and_code_paths() -> pd.DataFrame:
    rows = titanic()
    shares = (rows["survived"] == "yes").groupby(rows["passengerClass"]).mean()
    with TemporaryDirectory() as folder:
        (module := Path(folder) / "rates_of_classes.py").write_text(
            "def rate(rates, name):\n    return rates.get(name, 0.5)\n"
        )
        (table := Path(folder) / "rates.json").write_text(shares.to_json())
        mlflow.pyfunc.log_model(
            name="model", python_model=Rates(), artifacts={"rates": str(table)}, code_paths=[str(module)],
            signature=infer_signature(rows[["passengerClass"]]), pip_requirements=[],
        )  # fmt: skip
    return rows[["passengerClass"]]


def autologged() -> pd.DataFrame:
    """A search among estimators, with all that autologging leaves beside the best one."""
    rows, target = bunch("iris")
    autolog(silent=True, serialization_format="cloudpickle")
    try:
        GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0]}, cv=3).fit(rows, target)
    finally:
        autolog(disable=True)
    return rows


class Similar(PythonModel):
    """A recommender of films' kind: the nearest penguins of one."""

    def __init__(self, neighbours: Any, names: list[str]) -> None:
        self.neighbours, self.names = neighbours, names

    def predict(self, context: object, model_input: Any, params: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        found = self.neighbours.kneighbors(model_input, n_neighbors=(params or {}).get("k", 3), return_distance=False)
        return [[self.names[each] for each in row] for row in found]


def nearest_neighbours() -> pd.DataFrame:
    rows = data("datasets", "iris")
    points = rows.drop(columns="Species")
    model = Similar(NearestNeighbors().fit(points), [f"{name} {at}" for at, name in enumerate(rows["Species"])])
    signature = infer_signature(points, params={"k": 3})
    mlflow.pyfunc.log_model(name="model", python_model=model, signature=signature, pip_requirements=[])
    return points


CASES: dict[str, Case] = {
    "chat_model": Case(
        train=chat_model, rows=[{"messages": [{"role": "user", "content": QUESTIONS[0]}]}], repeats=False
    ),
    "responses_agent": Case(train=responses_agent, rows=[{"input": [{"role": "user", "content": QUESTIONS[0]}]}]),
    "model_from_code": Case(train=model_from_code, unseen={"message": ""}),
    "artifacts_and_code_paths": Case(train=artifacts_and_code_paths, unseen={"passengerClass": "4th"}),
    "autologged_search": Case(train=autologged),
    "nearest_neighbours": Case(train=nearest_neighbours),
}
