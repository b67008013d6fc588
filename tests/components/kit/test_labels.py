"""Labels that Kubernetes takes, whatever a stack is called."""

import re

import pytest

from components.kit.labels import STACK, of_stack


@pytest.mark.parametrize("name", ["dev", "eu-west.prod_2", "a" * 63])
def test_a_stack_s_name_is_its_namespaces_label(name: str) -> None:
    assert of_stack(name) == {STACK: name}


@pytest.mark.parametrize("name", ["a" * 64, "b" * 100, "-dev", "dev-", "_", "-" * 80, "." * 51 + "x" * 20])
def test_a_name_that_is_no_label_is_shortened_to_one(name: str) -> None:
    found = of_stack(name)[STACK]
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", found)
    assert of_stack(f"{name}x")[STACK] != found
