"""Every way to change something in MLflow is known to the identity check, or closed."""

import re
from collections.abc import Iterator
from typing import Any, cast

from guarded import REQUESTS
from mlflow.server.fastapi_app import app
from mlflow.server.graphql.graphql_schema_extensions import schema
from starlette.routing import Mount

from identity import operations
from identity.operations import READING, Right, operation, right, short

CLOSED_AREAS = ("assistant", "gateway", "gateway-proxy", "jobs", "mcp-servers", "webhooks")
"""Language models, agents and calls to other services: the loop uses none, and they would act with the server's rights.
"""


def flask_operations() -> set[str]:
    rules = operations.flask_app.url_map.iter_rules()
    return {f"{method} {short(rule.rule)}" for rule in rules for method in (rule.methods or set()) - READING}


def native_operations() -> Iterator[str]:
    """Those that FastAPI answers itself, by their paths with an example of each variable."""
    for included in cast("list[Any]", app.routes):
        if isinstance(included, Mount):
            continue
        for route in included.original_router.routes:
            path = re.sub(r"\{[^}]*\}", "x", included.include_context.prefix + route.path)
            yield from (operation(method, path)[0] for method in route.methods - READING)


def test_every_operation_of_mlflow_is_in_one_set_and_every_set_holds_operations_of_mlflow_only() -> None:
    sets = list(operations.SETS.values())
    known = frozenset[str]().union(*sets)
    assert sum(map(len, sets)) == len(known)
    areas = {name for name in flask_operations() if name.partition(" ")[2].partition("/")[0] in CLOSED_AREAS}
    assert {right(name) for name in areas} == {Right.CLOSED}
    assert flask_operations() - areas == known - {"POST v1/traces"} - areas


def test_every_route_that_fastapi_answers_itself_is_known_or_closed() -> None:
    found = {name: right(name) for name in native_operations()}
    by_area: dict[str, set[Right]] = {}
    for name, needed in found.items():
        by_area.setdefault(name.partition(" ")[2].partition("/")[0], set()).add(needed)
    assert by_area == {
        "v1": {Right.TRAINING},
        "jobs": {Right.CLOSED},
        "gateway": {Right.CLOSED},
        "assistant": {Right.CLOSED},
        "mlflow-artifacts": {Right.TRAINING},
        "mcp-servers": {Right.CLOSED},
    }


def test_graphql_changes_nothing() -> None:
    searches = {"mlflowSearchDatasets", "mlflowSearchRuns"}
    mutations = schema.graphql_schema.mutation_type
    assert mutations is not None
    assert mutations.fields.keys() == searches | {"testMutation"}


def test_what_nobody_knows_is_closed() -> None:
    assert right("POST registered-models/promote-everything") is Right.CLOSED
    assert right(operation("POST", "/api/2.0/mlflow//runs/search")[0]) is Right.CLOSED
    assert right(operation("POST", "/api/2.0/mlflow-artifacts/artifacts//1/file")[0]) is Right.CLOSED


def test_whatever_writes_a_file_of_a_run_or_a_logged_model_is_known_to_write_files() -> None:
    words = ("artifact", "upload", "mpu")
    assert {name for name in operations.TRAINING if any(word in name for word in words)} == operations.FILES


def test_there_is_a_request_to_try_for_every_operation_that_takes_a_right() -> None:
    assert REQUESTS.keys() == (operations.TRAINING | operations.GATE | operations.PROMOTION) - {"POST v1/traces"}
