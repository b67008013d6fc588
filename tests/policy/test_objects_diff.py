"""The object-level diff of a pull request's comment."""

from typing import Any

from policy.objects_diff import markdown, objects


def preview(**inputs: Any) -> dict[str, Any]:
    steps = [
        {
            "newState": {
                "type": "kubernetes:core/v1:ConfigMap",
                "urn": f"urn:p::s::t::{name}",
                "custom": True,
                "inputs": data,
            }
        }
        for name, data in inputs.items()
    ]
    component = {"newState": {"type": "ml-loop:tracking:Mlflow", "urn": "urn:p::s::t::mlflow", "custom": False}}
    provider = {"newState": {"type": "pulumi:providers:kubernetes", "urn": "urn:p::s::t::cluster", "custom": True}}
    return {"steps": [*steps, component, provider, {"op": "same"}]}


def test_only_real_objects_are_compared() -> None:
    assert objects(preview(a={"data": {"x": "1"}})) == {"kubernetes:core/v1:ConfigMap a": "data:\n  x: '1'\n"}
    assert objects({}) == {}


def test_what_is_added_removed_and_changed_is_shown_line_by_line() -> None:
    base, head = (
        preview(same={"x": 1}, changed={"x": 1}, gone={"x": 1}),
        preview(same={"x": 1}, changed={"x": 2}, new={"x": 1}),
    )
    text = markdown(objects(base), objects(head))
    assert text.splitlines()[0] == "3 of 4 objects differ from the base."
    for title, line in (("changed", "-x: 1\n+x: 2"), ("gone", "-x: 1"), ("new", "+x: 1")):
        assert f"ConfigMap {title}</summary>" in text
        assert line in text
    assert "ConfigMap same" not in text


def test_equal_stacks_have_no_blocks() -> None:
    same = objects(preview(a={"x": 1}))
    assert markdown(same, same) == "0 of 1 objects differ from the base."
