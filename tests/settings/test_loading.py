"""Reading the running stack's configuration and the kubeconfig."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import CONFIG, set_all_config

import settings
from settings import Cluster, SettingsError, check_context

Stack = dict[str, Any]
Change = Callable[[Mapping[str, object]], Stack]
SECRET = "ml-loop:trackingSecretKey"


@pytest.fixture(autouse=True)
def _own_configuration() -> Iterator[None]:
    before = CONFIG.get()
    yield
    set_all_config(before, [])


def configure(stack: Stack, secrets: list[str] | None = None) -> None:
    """Hands the stack over as Pulumi does: mappings and lists as JSON, secrets decrypted and listed."""
    texts = {
        f"ml-loop:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in stack.items()
        if not isinstance(value, pulumi.Output)
    }
    set_all_config({SECRET: "a key", **texts, "aws:region": "eu-west-1"}, [SECRET] if secrets is None else secrets)


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config"
    file.write_text("contexts: [{name: my-eks, context: {}}, {name: laptop, context: {}}]")
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def refusal(**options: bool) -> str:
    with pytest.raises(pulumi.RunError) as error:
        settings.load(**options)
    return str(error.value)


def test_the_stack_of_the_running_program_is_read(stack: Stack, kubeconfig: Path) -> None:
    configure(stack)
    read = settings.load()
    assert read.cluster.context == "my-eks"
    assert read.models["recommender"].production == 3
    assert isinstance(read.tracking_secret_key, pulumi.Output)


def test_a_secret_in_plain_text_is_refused_with_the_command_that_encrypts_it(stack: Stack) -> None:
    configure(stack, secrets=[])
    assert refusal() == (
        "ml-loop:trackingSecretKey: plain text (not shown) is not allowed; expected a Pulumi secret. "
        'Run pulumi config set --secret ml-loop:trackingSecretKey "$(openssl rand -hex 24)".'
    )


def test_a_section_that_was_encrypted_by_mistake_is_refused_without_showing_it(stack: Stack) -> None:
    configure(stack, secrets=[SECRET, "ml-loop:cluster"])
    assert refusal() == (
        "ml-loop:cluster: a Pulumi secret is not allowed; "
        "expected a mapping of context, kubeconfig, nodeAddress, enforcesNetworkPolicies, identifier, dns, apiServer. "
        "Indent its keys below it."
    )


def test_a_misspelt_top_level_key_is_found(change: Change) -> None:
    configure(change({"modles": {}, "kafka2": "x"}))
    assert refusal().startswith("ml-loop:kafka2: this key does not exist; expected one of cluster, namespace,")


def test_the_empty_defaults_of_the_project_say_the_same_as_left_out(change: Change) -> None:
    configure(change({"kafka": {}, "gateway": {}, "models": {}, "policyExceptions": [], "storeSecretKey": ""}))
    read = settings.load(check_cluster=False)
    assert (read.kafka, read.gateway, read.store_secret_key) == (None, None, None)


def test_text_where_a_section_is_expected_is_refused(change: Change) -> None:
    configure(change({"cluster": "{context: my-eks"}))
    assert refusal().startswith('ml-loop:cluster: "{context: my-eks" is not allowed; expected a mapping of context,')


def test_a_context_that_is_not_in_the_kubeconfig_is_refused(change: Change, kubeconfig: Path) -> None:
    configure(change({"cluster.context": "my-esk"}))
    assert refusal() == (
        f'ml-loop:cluster.context: "my-esk" is not allowed; expected one of the contexts in {kubeconfig}: '
        "laptop, my-eks. Correct the name, or let your platform's command (such as aws eks update-kubeconfig) "
        "add the context."
    )


def test_the_context_may_be_left_unchecked(change: Change, kubeconfig: Path) -> None:
    configure(change({"cluster.context": "my-esk"}))
    assert settings.load(check_cluster=False).cluster.context == "my-esk"


def test_the_kubeconfig_of_the_stack_wins_over_the_environment(tmp_path: Path, kubeconfig: Path) -> None:
    own = tmp_path / "own"
    own.write_text("contexts: [{name: other}]")
    check_context(Cluster.model_validate({"context": "other", "kubeconfig": str(own)}))


def test_contexts_of_all_files_in_the_environment_count(
    tmp_path: Path, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{kubeconfig}")
    check_context(Cluster.model_validate({"context": "laptop"}))


def test_without_environment_the_kubeconfig_of_the_home_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("contexts: [{name: home}]")
    check_context(Cluster.model_validate({"context": "home"}))


def test_an_absent_kubeconfig_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(SettingsError, match=f"expected a context in {absent}. Correct the name"):
        check_context(Cluster.model_validate({"context": "any", "kubeconfig": str(absent)}))


@pytest.mark.parametrize("content", ["contexts: [", "[1]", "contexts: [{}]", "contexts: 3"])
def test_a_broken_kubeconfig_is_named(content: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text(content)
    with pytest.raises(SettingsError) as error:
        check_context(Cluster.model_validate({"context": "any", "kubeconfig": str(broken)}))
    assert str(error.value) == (
        f'ml-loop:cluster.kubeconfig: "{broken}" is not allowed; expected a readable kubeconfig. '
        "Check the file with kubectl config view."
    )
