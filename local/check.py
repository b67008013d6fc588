"""`make check`: asks the running stack, one line per question."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from local import stack
from local.paths import Paths

Answer = tuple[bool, str]


def run(paths: Paths, console: Console) -> int:
    """Prints each question with its answer; 0 only if every answer is yes."""
    outputs = stack.outputs(stack.BUILT_IN, paths)
    if not outputs:
        console.print("There is no stack to ask; run `make up` first.")
        return 1
    answers = {question: ask(outputs) for question, ask in QUESTIONS.items()}
    for question, (yes, detail) in answers.items():
        console.print(f"{'✓' if yes else '✗'} {question}: {detail}", style="green" if yes else "red", markup=False)
    return 0 if all(yes for yes, _ in answers.values()) else 1


def registry(outputs: Mapping[str, Any]) -> Answer:
    """Whether the registry answers from outside the cluster."""
    url = f"{outputs['mlflow']['externalUrl']}/api/2.0/mlflow/registered-models/search?max_results=100"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # the stack's own output
            models = [model["name"] for model in json.load(response).get("registered_models", [])]
    except OSError as error:
        return False, f"{outputs['mlflow']['externalUrl']} does not answer: {error}"
    return True, f"{len(models)} registered models" + (f" ({', '.join(models[:5])})" if models else "")


QUESTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {"the registry lists its models": registry}
