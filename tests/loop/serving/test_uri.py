import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.serving.uri import BadUriError, ModelRef, parse

ALLOWED = "allowed are mlflow://NAME@ALIAS, mlflow://NAME/VERSION and models://NAME/ALIAS"


@pytest.mark.parametrize(
    ("uri", "ref"),
    [
        ("mlflow://recommender@production", ModelRef("recommender", alias="production")),
        ("mlflow://recommender/12", ModelRef("recommender", version="12")),
        ("models://recommender/production", ModelRef("recommender", alias="production")),
        ("mlflow://recommender@production/", ModelRef("recommender", alias="production")),
    ],
)
def test_each_form_of_the_uri_is_read(uri: str, ref: ModelRef) -> None:
    assert parse(uri) == ref


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/model",
        "mlflow://recommender",
        "mlflow://recommender/production",
        "mlflow://recommender/0",
        "mlflow://@production",
        "mlflow://recommender@production/2",
        "models:/recommender@production",
        "",
    ],
)
def test_any_other_uri_is_refused_with_the_forms_that_are_allowed(uri: str) -> None:
    with pytest.raises(BadUriError) as caught:
        parse(uri)
    assert str(caught.value) == f"storage URI {uri!r} is not of a known form: {ALLOWED}"


def test_models_with_a_number_is_refused_because_it_means_neither_alias_nor_version() -> None:
    with pytest.raises(BadUriError) as caught:
        parse("models://recommender/3")
    assert str(caught.value) == (
        "storage URI 'models://recommender/3' names no alias: for a version write mlflow://NAME/VERSION"
    )


@given(st.from_regex(r"[a-z][a-z0-9 ._-]{0,20}", fullmatch=True), st.integers(1, 10**6))
def test_what_a_reference_prints_is_read_back(name: str, version: int) -> None:
    for ref in (ModelRef(name, alias="staging"), ModelRef(name, version=str(version))):
        assert parse(str(ref)) == ref
