"""Structs to Python and back; secrets stay secret."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from local.provider.values import (
    UNKNOWN,
    Json,
    Secret,
    conceal,
    decode,
    encode,
    has_unknown,
    redact,
    reveal,
    secret_strings,
    with_string_data,
)

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
TREES = st.recursive(
    LEAVES | LEAVES.map(Secret),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), TREES, max_size=5))
def test_what_is_encoded_is_decoded_as_it_was(tree: Json) -> None:
    assert decode(encode(tree)) == tree


def test_whole_numbers_arrive_as_ints_because_the_api_server_refuses_a_port_of_80_point_0() -> None:
    ports = decode(encode({"port": 80, "weight": 0.5}))
    assert (repr(ports["port"]), repr(ports["weight"])) == ("80", "0.5")


def test_a_secret_is_not_shown_by_its_repr() -> None:
    assert repr({"password": Secret("hunter2")}) == "{'password': Secret(...)}"


def test_an_unknown_is_found_inside_a_secret_list() -> None:
    assert has_unknown({"args": Secret(["--token", UNKNOWN])})
    assert not has_unknown({"args": Secret(["--token", "known"])})


def container(value: object) -> Json:
    return {"kind": "Deployment", "spec": {"containers": [{"name": "app", "env": [{"name": "TOKEN", "value": value}]}]}}


def test_a_live_value_is_secret_where_the_input_was() -> None:
    live = container("sesame-open")
    assert conceal(live, container(Secret("sesame-open"))) == container(Secret("sesame-open"))


def test_a_secret_stays_secret_where_a_webhook_has_moved_it_by_adding_a_container() -> None:
    live = container("sesame-open")
    live["spec"]["containers"].insert(0, {"name": "injected", "args": ["--token=sesame-open"]})
    hidden = conceal(live, container(Secret("sesame-open")))["spec"]["containers"]
    assert hidden[0]["args"] == [Secret("--token=sesame-open")]
    assert hidden[1]["env"] == [{"name": "TOKEN", "value": Secret("sesame-open")}]


def test_the_body_of_a_core_secret_is_secret_even_where_the_program_gave_it_in_clear() -> None:
    live = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"key": "dmFsdWU="}}
    assert conceal(live, {}) == live | {"data": Secret({"key": "dmFsdWU="})}


def test_messages_lose_a_secret_in_clear_and_in_base64() -> None:
    encoded = base64.b64encode(b"hunter2").decode()
    hidden = secret_strings({"stringData": Secret({"password": "hunter2"})})
    assert redact(f"Invalid value: hunter2 ({encoded})", hidden) == "Invalid value: [secret] ([secret])"


def test_a_live_secret_is_compared_with_string_data_where_the_program_wrote_string_data() -> None:
    given_inputs = {"kind": "Secret", "stringData": Secret({"key": "value"})}
    assert with_string_data({"data": {"key": "b3RoZXI="}}, given_inputs)["stringData"] == {"key": "other"}
    assert reveal(given_inputs)["stringData"] == {"key": "value"}
