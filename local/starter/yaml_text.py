"""Changes in YAML files that people write: what is not changed stays as it is, comments included."""

import textwrap

import yaml
from yaml.nodes import MappingNode, Node

from local.steps import StepError

MODELS = ("config", "ml-loop:models")


def with_image(text: str, image: str) -> str:
    """A `model.yaml` whose model is trained in this image."""
    _, model = _first(_mapping(yaml.compose(text)))
    return _with_image(text, model, image)


def _with_image(text: str, model: Node, image: str) -> str:
    training = _at(model, "training")
    if training is None:
        raise StepError("the model's settings have no key training; `make model` shows what they hold")
    given = _at(training, "image")
    if given is not None:
        return text[: given.start_mark.index] + image + text[given.end_mark.index :]
    key, _ = _first(_mapping(training))
    at, indent = key.start_mark.index, " " * key.start_mark.column
    return f"{text[:at]}image: {image}\n{indent}{text[at:]}"


def with_model(text: str, name: str, settings: str, image: str) -> str:
    """A stack's file with this image for a model.

    A model that is not there yet gets the settings of `model.yaml`. Of an existing one, nothing else changes: what is
    in production is decided in the stack's file.
    """
    settings = with_image(settings, image)
    root = yaml.compose(text)
    config = _at(root, MODELS[0])
    models = _at(config, MODELS[1]) if config is not None else None
    if config is None:
        raise StepError("the stack's file has no key config; copy Pulumi.dev.yaml")
    block = settings[_first(_mapping(yaml.compose(settings)))[0].start_mark.index :].rstrip() + "\n"
    if models is None or not _mapping(models).value:
        indent = _first(_mapping(config))[0].start_mark.column
        entry = textwrap.indent(block, " " * (indent + 2))
        if models is None:
            return f"{text.rstrip()}\n{' ' * indent}{MODELS[1]}:\n{entry}"
        end = _end_of_line(text, models)
        return text[: models.start_mark.index].rstrip(" ") + "\n" + entry + text[end:]
    column = _first(_mapping(models))[0].start_mark.column
    there = _at(models, name)
    if there is not None:
        return _with_image(text, there, image)
    last = _end_of_line(text, _mapping(models).value[-1][1])
    return text[:last] + textwrap.indent(block, " " * column) + text[last:]


def _mapping(node: Node | None) -> MappingNode:
    if not isinstance(node, MappingNode):
        raise StepError("the file must hold keys and values")
    return node


def _first(mapping: MappingNode) -> tuple[Node, Node]:
    return mapping.value[0]


def _at(node: Node | None, wanted: str) -> Node | None:
    return next((value for key, value in _mapping(node).value if key.value == wanted), None)


def _end_of_line(text: str, node: Node) -> int:
    """Where the line after a value begins: its last line may end with a comment."""
    end = len(text[: node.end_mark.index].rstrip())
    found = text.find("\n", end)
    return len(text) if found < 0 else found + 1
