"""The commands of `python3 -m loop …`: the stack writes a command's words, and the pod reads them.

A field is an option, and spelled nowhere else. The docstring of a command's class is its `--help`. What the steps of a
training have in common, and what a user's own code finds, is in the environment instead (`Env`).
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Self

from contract import flags
from contract.drift import DriftSettings
from contract.flags import Flag
from contract.names import METRICS_PORT, MODEL_FOLDER, SERVER_PORT, Alias
from contract.notices import WEBHOOK_FOLDER, NoticeFormat, NoticeKind
from contract.page import PAGE_PORT
from contract.watching import ROLLOUT_SECONDS, WATCHING, Watching


class Command:
    """What all commands have in common. Raises ValueError when made with options that exclude each other."""

    NAME: ClassVar[str]
    HYPHEN: ClassVar[str] = "-"
    """What separates the words of an option's name."""

    @classmethod
    def summary(cls) -> str:
        """What it does, in one line."""
        return (cls.__doc__ or "").partition("\n")[0]

    @classmethod
    def entry(cls) -> list[str]:
        """How a pod calls the command, without its options."""
        return ["python3", "-m", "loop", cls.NAME]

    def argv(self) -> list[str]:
        """The options."""
        return flags.words(self, self.HYPHEN)

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Self:
        """The command that `argv` wrote. Ends the process with a sentence on stderr and exit code 2 otherwise."""
        parser = argparse.ArgumentParser(prog=" ".join(cls.entry()), description=cls.summary(), allow_abbrev=False)
        flags.add_to(parser, cls, cls.HYPHEN)
        arguments = flags.parse(parser, argv)
        try:
            return flags.read(cls, arguments)
        except ValueError as error:
            parser.error(str(error))


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """Run the image's train command, and check what it left behind."""

    NAME = "train"

    command: Annotated[tuple[str, ...], Flag("the image's train command", bare=True)]


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Measure one model with the image's evaluate command."""

    NAME = "evaluate"

    command: Annotated[tuple[str, ...], Flag("the image's evaluate command", bare=True)]


@dataclass(frozen=True, kw_only=True)
class Register(Command):
    """Decide the gate, and register the version."""

    NAME = "register"


@dataclass(frozen=True, kw_only=True)
class Stage(Command):
    """Move the alias staging to the registered version."""

    NAME = "stage"


@dataclass(frozen=True, kw_only=True)
class ReportFailure(Command):
    """Record why a training failed where its owner looks."""

    NAME = "report-failure"


@dataclass(frozen=True, kw_only=True)
class WatchTrainings(Command):
    """End trainings whose pods cannot start."""

    NAME = "watch-trainings"

    namespace: Annotated[str | None, "namespace of the Workflows; default: this pod's"] = None
    port: Annotated[int, "port of /metrics, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class Fetch(Command):
    """Download a version to a folder, as KServe's storage initializer."""

    NAME = "fetch"

    uri: Annotated[str, Flag("mlflow://NAME@ALIAS, mlflow://NAME/VERSION or models://NAME/ALIAS", bare=True)]
    folder: Annotated[str, Flag("folder for the model", bare=True)]


@dataclass(frozen=True, kw_only=True)
class Evidence(Command):
    """Write the pull request that would put a version into production."""

    NAME = "evidence"

    model: Annotated[str, "the registered model's name"]
    version: Annotated[str, "number or alias (default: staging)"] = Alias.STAGING
    link: Annotated[str | None, "MLflow's address for the reader's browser (default: the tracking URI)"] = None
    output: Annotated[str | None, "folder for the files version, title and body.md"] = None


@dataclass(frozen=True, kw_only=True)
class Detect(Command):
    """Compare windows of predictions with the reference, and publish what was found."""

    NAME = "detect"

    model: Annotated[str, "the registered model's name"]
    drift: DriftSettings
    port: Annotated[int, "port of /metrics, /looks, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class Promote(Command):
    """Put a version into production, watch it, and take it back if it is worse."""

    NAME = "promote"

    model: Annotated[str, "the registered model's name"]
    version: Annotated[str, "the version's number"]
    namespace: Annotated[str, "namespace of the service"]
    service: Annotated[str, "the production InferenceService's name"]
    timeout: Annotated[float, "seconds after which a rollout fails"] = ROLLOUT_SECONDS
    watching: Watching = WATCHING


@dataclass(frozen=True, kw_only=True)
class Canary(Command):
    """Watch the staging version, and take it back if it is worse."""

    NAME = "canary"

    namespace: Annotated[str, "namespace of both services"]
    model: Annotated[str, "the registered model's name"]
    version: Annotated[str, "the version's number"]
    staging: Annotated[str, "the staging InferenceService's name"]
    production: Annotated[str, "the production InferenceService's name"]
    timeout: Annotated[float, "seconds after which a rollout fails"] = ROLLOUT_SECONDS
    watching: Watching = WATCHING


@dataclass(frozen=True, kw_only=True)
class Rollout(Command):
    """Roll a service to the version its alias names."""

    NAME = "rollout"

    namespace: Annotated[str, "namespace of the service"]
    service: Annotated[str, "the InferenceService's name"]
    model: Annotated[str, "the registered model's name"]
    alias: Annotated[Alias, "which version it is to serve"]
    timeout: Annotated[float, "seconds after which the rollout fails"] = ROLLOUT_SECONDS


@dataclass(frozen=True, kw_only=True)
class WatchAliases(Command):
    """Show what the aliases name, and put production back if told to."""

    NAME = "watch-aliases"

    model: Annotated[str, "the registered model's name"]
    heal: Annotated[bool, "put back what was moved by hand"] = False
    namespace: Annotated[str | None, "namespace of the service, to heal"] = None
    service: Annotated[str | None, "the production InferenceService's name, to heal"] = None
    port: Annotated[int, "port of /metrics, /healthz and /readyz"] = METRICS_PORT

    def __post_init__(self) -> None:
        if self.heal and not (self.namespace and self.service):
            raise ValueError("--heal needs --namespace and --service")


@dataclass(frozen=True, kw_only=True)
class Cooldown(Command):
    """Grant a training that drift asked for, or end it as skipped."""

    NAME = "cooldown"

    model: Annotated[str, "the registered model's name"]
    feature: Annotated[str, "the feature that drifted"]
    event_id: Annotated[str, "the drift event's id"]
    run: Annotated[str, "uid of the workflow: one event never starts two"] = ""
    cooldown: Annotated[timedelta, "least time between two, like 21600s"]
    namespace: Annotated[str | None, "namespace of the Leases; default: this pod's"] = None


@dataclass(frozen=True, kw_only=True)
class BusCredentials(Command):
    """Make a certificate and a password for the event bus, once."""

    NAME = "bus-credentials"

    secret: Annotated[str, "name of the Secret to fill"]
    host: Annotated[str, "the bus's name in the cluster"]
    namespace: Annotated[str | None, "namespace of the Secret; default: this pod's"] = None


@dataclass(frozen=True, kw_only=True)
class Serve(Command):
    """Answer v1 and v2 inference requests for one model version."""

    NAME = "serve"
    HYPHEN = "_"  # as KServe's own servers spell their options

    model_name: Annotated[str, "the InferenceService's name"]
    model_dir: Annotated[str, "folder in which fetch put the model"] = MODEL_FOLDER
    port: Annotated[int, "port of predictions and metrics"] = SERVER_PORT
    max_body_bytes: Annotated[int, Flag("most bytes of a request; larger ones get a 413", unless_default=True)] = (
        1024 * 1024
    )
    max_rows: Annotated[int, Flag("most rows of a request; more get a 413", unless_default=True)] = 1000
    batch: Annotated[int, Flag("most rows of waiting requests that are answered together", unless_default=True)] = 64
    drain_seconds: Annotated[float, Flag("seconds of answering after SIGTERM", unless_default=True)] = 5.0


@dataclass(frozen=True, kw_only=True)
class Settle(Command):
    """Tell the cooldown how a training ended that drift asked for."""

    NAME = "settle"

    model: Annotated[str, "the registered model's name"]
    feature: Annotated[str, "the feature that drifted"]
    run: Annotated[str, "uid of the workflow, which holds the cooldown"]
    workflow: Annotated[str, "its name, which its version is tagged with"]
    status: Annotated[str, "how it ended, in Argo's words"]
    cooldown: Annotated[timedelta, "least time between two, like 21600s"]
    namespace: Annotated[str | None, "namespace of the Leases; default: this pod's"] = None


@dataclass(frozen=True, kw_only=True)
class Page(Command):
    """Show the loop to people: what happens in it, and what waits for them."""

    NAME = "page"

    content: Annotated[str, "file with what the stack says about itself"]
    scripts: Annotated[str, "folder with the jars of the browser's scripts"] = "/opt/page"
    port: Annotated[int, "port of the page, /healthz and /readyz"] = PAGE_PORT


@dataclass(frozen=True, kw_only=True)
class Notify(Command):
    """Tell a webhook what happens in the loop, and what waits for people."""

    NAME = "notify"

    content: Annotated[str, "file with what the stack says about itself"]
    on: Annotated[tuple[NoticeKind, ...], "what people are told of; once for each kind"]
    format: Annotated[NoticeFormat, "how a notice is written"] = NoticeFormat.GENERIC
    signed: Annotated[bool, "sign each notice with the key in the file signing"] = False
    webhook: Annotated[str, "folder with the files url and signing"] = WEBHOOK_FOLDER
    port: Annotated[int, "port of /healthz and /readyz"] = PAGE_PORT


@dataclass(frozen=True, kw_only=True)
class Ledger(Command):
    """Sum what a model's trainings cost and gained, by what started them."""

    NAME = "ledger"

    model: Annotated[str, "the registered model's name"]
