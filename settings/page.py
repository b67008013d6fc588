"""The page of the loop: what happens with each model, and what waits for a human."""

from typing import Annotated

from pydantic import Field

from settings.notifications import Notifications
from settings.problem import Allowed
from settings.section import Section
from settings.values.network import NodePort, WebUrl


class Page(Section):
    """A small server that shows the loop and changes nothing. People reach it at MLflow's host, below /loop/."""

    node_port: NodePort | None = None
    """Port of the page on every node, without TLS and without a login. For a one-machine cluster."""
    proposals: WebUrl | None = None
    """Where pull requests that propose a version wait for people. Unset: the page names the settings alone."""
    apply: Annotated[
        str, Field(min_length=1, max_length=200), Allowed("the command that applies the stack", "Write it in one line")
    ] = "pulumi up"
    """The command that puts this file into effect, as the page shows it."""
    notifications: Notifications | None = None
    """The webhook that is told what the page shows. Unset: no one is told."""
