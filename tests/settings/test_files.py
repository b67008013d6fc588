"""The files of the repository that speak of settings agree with the models."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema
import pulumi
import pytest
import yaml

from settings import Settings, parse, reference, schema
from settings.section import Section

ROOT = Path(__file__).parents[2]
STACKS = ["local", "dev", "prod"]


def stack_file(stack: str) -> Any:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))


def own_settings(stack: str) -> dict[str, Any]:
    config = stack_file(stack)["config"]
    return {key.removeprefix("ml-loop:"): value for key, value in config.items() if key.startswith("ml-loop:")}


def declared() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_needs_nothing_but_its_secrets(stack: str) -> None:
    secrets = {key: pulumi.Output.secret("a key") for key in ("storeSecretKey", "logsSecretKey", "trackingSecretKey")}
    assert parse(own_settings(stack) | secrets).namespace == "bookstore-platform-ml"


@pytest.mark.parametrize("stack", STACKS)
def test_an_editor_accepts_the_stack_file(stack: str) -> None:
    jsonschema.validate(stack_file(stack), schema.schema(), cls=jsonschema.Draft202012Validator)
    first = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./settings.schema.json"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ml-loop:modles", {}),
        ("ml-loop:tracking", {"replicas": 0}),
        ("ml-loop:tracking", {"postgres": {"storage": "20"}}),
        ("ml-loop:trackingSecretKey", "in plain text"),
        ("tracking", {}),
    ],
)
def test_an_editor_refuses_a_wrong_setting(key: str, value: object) -> None:
    file = stack_file("prod")
    file["config"][key] = value
    assert not jsonschema.Draft202012Validator(schema.schema()).is_valid(file)


def test_keys_of_providers_and_encrypted_secrets_are_fine_in_an_editor() -> None:
    file = stack_file("prod")
    file["config"] |= {"aws:region": "eu-west-1", "ml-loop:trackingSecretKey": {"secure": "v1:abc"}}
    jsonschema.validate(file, schema.schema(), cls=jsonschema.Draft202012Validator)


def test_the_committed_schema_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["schema", "--check"])
    assert schema.main() == 0


def test_a_schema_that_is_not_current_is_found_and_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "SCHEMA_FILE", tmp_path / "settings.schema.json")
    monkeypatch.setattr("sys.argv", ["schema", "--check"])
    assert schema.main() == 1
    assert capsys.readouterr().err == "settings.schema.json is not current; run: make schema\n"
    monkeypatch.setattr(schema, "PAGE", tmp_path / "settings.md")
    monkeypatch.setattr("sys.argv", ["schema"])
    assert schema.main() == 0
    monkeypatch.setattr("sys.argv", ["schema", "--check"])
    assert schema.main() == 0


def test_the_page_has_every_key_of_a_stack_file_with_its_default_and_what_is_allowed() -> None:
    page = reference.page(schema.schema())
    for key in used_keys():
        assert f"| `{key}` |" in page, f"docs/settings.md does not tell of {key}"
    assert '| `platform.kserve.mode` | text | `"standard"` | `knative`, `standard` |' in page


def used_keys() -> set[str]:
    """The keys of the repository's stack files, with names that a user chooses left open."""

    def below(path: str, value: object) -> Iterator[str]:
        yield path
        if isinstance(value, Mapping) and path.rpartition(".")[2] not in ("images", "labels", "parameters"):
            for key, item in cast("Mapping[str, object]", value).items():
                yield from below(f"{path}.{'<name>' if path == 'models' else key}", item)

    return {found for stack in STACKS for key, value in own_settings(stack).items() for found in below(key, value)}


def test_the_project_declares_the_keys_of_the_settings_in_their_words() -> None:
    fields = {field.alias: field.description for field in Settings.model_fields.values()}
    assert {key: declaration["description"] for key, declaration in declared().items()} == fields


def test_pulumi_asks_for_the_required_keys_and_for_no_other() -> None:
    required = {field.alias for field in Settings.model_fields.values() if field.is_required()}
    without_default = {key for key, declaration in declared().items() if "default" not in declaration}
    # The program itself asks for the required secret: it knows the command that makes one.
    assert without_default == required - {"trackingSecretKey"}


def test_the_project_calls_the_secrets_secret_and_gives_every_other_key_its_type() -> None:
    properties = Settings.model_json_schema()["properties"]
    for key, declaration in declared().items():
        assert declaration.get("secret", False) == key.endswith("SecretKey"), key
        expected = {"namespace": "string", "policyExceptions": "array", "discard": "array"}.get(key, "object")
        # Neither has an empty value of its type, which is what Pulumi would ask of a default.
        untyped = key.endswith("SecretKey") or key == "protect"
        assert declaration.get("type") == (None if untyped else expected), key
        assert properties[key].get("type", "object") in {expected, "object"}, key


def sections(base: type[Section] = Section) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from sections(section)


def test_every_setting_says_what_it_means() -> None:
    silent = [
        f"{section.__name__}.{name}"
        for section in sections()
        for name, field in section.model_fields.items()
        if not field.description
    ]
    assert not silent
