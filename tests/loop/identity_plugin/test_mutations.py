"""Requests that nobody has thought of: no exception gets out of the guard, and no guarded thing passes it."""

import json
import string
from collections.abc import Callable, Iterator
from typing import Any, cast

import junk
import pytest
from guarded import REQUESTS
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.server.fastapi_app import app
from starlette.routing import Mount

from identity import things
from identity.accounts import Callers, UnknownCallerError
from identity.guard import Guard
from identity.operations import FREE, flask_app
from identity.policy import Guards, Policy
from identity.requests import SPELLINGS, Request

GUARDED = "1"
METHODS = ("POST", "PUT", "PATCH", "DELETE")
pytestmark = pytest.mark.timeout(1200)
TIMES = junk.times(3_400)
"""Of each of three kinds: ten thousand in full."""
NOT_AN_ID = st.none() | st.booleans() | st.floats() | st.dictionaries(st.text(max_size=3), junk.ANY_JSON, max_size=2)
"""What is no id of anything, as MLflow's are texts."""
MALFORMED = st.sampled_from(["1.0", "2.4", "1e0", "nope", "0x1", "true"])
"""Texts that are no experiment's id, as those are numbers."""


def routes() -> Iterator[str]:
    """All of the installed MLflow, their variables as they are: `<run_id>` is a text as any."""
    for rule in flask_app.url_map.iter_rules():
        yield rule.rule
    for included in cast("list[Any]", app.routes):
        if not isinstance(included, Mount):
            yield from (included.include_context.prefix + each.path for each in included.original_router.routes)


class Store:
    """Knows one experiment, guarded, to which all belongs that has its id. Experiments have numbers, as in MLflow."""

    experiment_id, name, artifact_location, tags = GUARDED, "guarded", "mlflow-artifacts:/1", dict[str, str]()
    status = "READY"

    @property
    def info(self) -> "Store":
        return self

    def get_experiment_by_name(self, name: str) -> "Store | None":
        return self if name == "guarded" else None

    def get_experiment(self, given: str) -> "Store":
        try:
            number = int(given)
        except ValueError:
            raise MlflowException.invalid_parameter_value(f"{given} is no id") from None
        return self._known(str(number) == GUARDED)

    def get_dataset_experiment_ids(self, given: str) -> list[str]:
        return [GUARDED] if given == GUARDED else []

    def search_model_versions(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def _known(self, yes: bool) -> "Store":
        if not yes:
            raise MlflowException("none", RESOURCE_DOES_NOT_EXIST)
        return self

    def __getattr__(self, name: str) -> Callable[..., "Store"]:
        if not name.startswith("get_"):
            raise AttributeError(name)

        def asked(thing: str, **_: object) -> "Store":
            return self._known(thing == GUARDED)

        return asked


class Nobody(Callers):
    def __init__(self) -> None:
        pass

    def caller(self, authorization: str | None) -> str:
        raise UnknownCallerError("has no token")


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(things, "_get_tracking_store", Store)
        patch.setattr(things, "_get_model_registry_store", Store)
        yield Guard(Policy(models={"guarded": Guards(training=frozenset({"train"}))}), Nobody())


OWNED = {
    name: asked
    for name, asked in REQUESTS.items()
    if isinstance(asked.body, dict) and set(SPELLINGS) & set(asked.body) and not asked.path
    if name != "POST model-versions/create"
}
"""Operations whose body has an id of what they change; the run of a new version is only read."""


def path_of(name: str) -> str:
    _, short = name.split(" ")
    return next(each.rule for each in flask_app.url_map.iter_rules() if each.rule.endswith(f"/mlflow/{short}"))


def request(method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...] = (), query: str = "") -> Request:
    return Request(method, path, query, headers, body)


@TIMES
@given(data=st.data())
def test_no_value_of_an_id_that_is_none_passes(guard: Guard, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(OWNED)))
    key = data.draw(st.sampled_from(sorted(set(SPELLINGS) & set(OWNED[name].body))))
    value = data.draw(NOT_AN_ID | MALFORMED if key.startswith("experiment_id") else NOT_AN_ID)
    if key.endswith("s"):
        value = [value]
    if data.draw(st.booleans()):
        head, *rest = key.split("_")
        key = head + "".join(each.capitalize() for each in rest)
    document = {**data.draw(st.dictionaries(st.text(max_size=8), junk.ANY_JSON, max_size=2)), key: value}
    asked = request(name.split(" ")[0], path_of(name), json.dumps(document).encode())
    assert guard.refusal(asked) is not None, document


@TIMES
@given(data=st.data())
def test_a_guarded_id_does_not_pass_whatever_is_beside_it(guard: Guard, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(OWNED)))
    key = data.draw(st.sampled_from(sorted(set(SPELLINGS) & set(OWNED[name].body))))
    beside = data.draw(
        st.dictionaries(st.text(max_size=8) | st.sampled_from(sorted(SPELLINGS)), junk.ANY_JSON, max_size=3)
    )
    value: Any = GUARDED if data.draw(st.booleans()) else int(GUARDED)
    document = {**beside, key: [value] if key.endswith("s") else value}
    spelled = json.dumps(document, ensure_ascii=data.draw(st.booleans()))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "utf-32"]))
    body = spelled.encode(encoding, "surrogatepass")
    if data.draw(st.booleans()):
        body = json.dumps(spelled).encode()
    assert guard.refusal(request(name.split(" ")[0], path_of(name), body)) is not None, body


@TIMES
@given(data=st.data())
def test_no_request_to_any_route_gets_an_exception_out_of_the_guard(guard: Guard, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(set(routes()))) | st.text(string.printable, max_size=40))
    path = data.draw(st.sampled_from(["", "/", "//", "%2e", ";x", "\0", "é"])) + path
    header = st.tuples(
        st.sampled_from(["X-Mlflow-Experiment-Id", "Content-Type", "content-encoding", "Authorization"]),
        st.text(max_size=8),
    )
    asked = request(
        data.draw(st.sampled_from(METHODS)),
        path,
        data.draw(st.binary(max_size=60) | junk.ANY_JSON.map(lambda each: json.dumps(each).encode())),
        tuple(data.draw(st.lists(header, max_size=3))),
        data.draw(st.text(max_size=20)),
    )
    refusal = guard.refusal(asked)
    assert isinstance(asked.named, str)
    assert refusal is None or refusal.sentence


@pytest.mark.parametrize("path", sorted(set(routes())))
def test_no_route_changes_a_guarded_experiment_for_nobody(guard: Guard, path: str) -> None:
    body = json.dumps({key: [GUARDED] if key.endswith("s") else GUARDED for key in SPELLINGS} | {"name": "guarded"})
    for method in METHODS:
        asked = request(method, path, body.encode(), (("X-Mlflow-Experiment-Id", GUARDED),))
        assert (guard.refusal(asked) is None) == (asked.operation in FREE), asked.operation
