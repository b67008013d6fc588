"""The alias `production` moves through the promotion's identity, and back through that of the watch over it.

MLflow lets every writer set every alias (mlflow#24742), so identity and network decide. Manifests must show that pods
which run either do so as its service account, and that no other pod does.
"""

import re
from collections.abc import Iterator
from typing import Any

from policy.manifest import Unknown, elements, get
from policy.pods.workloads import containers, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

IDENTITIES = {
    "promotion": ("-promote", re.compile(r"\bloop[. ](\S+\.)?promote\b")),
    "watch of the aliases": ("-aliases", re.compile(r"\bloop[. ](watch-|\S+\.)aliases\b")),
}
"""Who may move it → the account's suffix, and the command: `python3 -m loop promote`, or the module behind it."""


def promotion_identity(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Pods whose command and service account disagree on whether they move it."""
    for pod in pods(resource.kind, resource.manifest, stack):
        account, field = get(pod.spec, "serviceAccountName"), pod.source("pod.serviceAccountName")
        for what, (suffix, command) in IDENTITIES.items():
            moving = [
                str(get(container, "name")) for _, container in containers(pod) if command.search(_command(container))
            ]
            if moving and (isinstance(account, Unknown) or not str(account).endswith(suffix)):
                required = f"the {what}'s own account (<model>{suffix})"
                yield Violation(resource.name, field, account, required, f"run the {what} as it", moving[0])
            if not moving and isinstance(account, str) and account.endswith(suffix):
                required = "another account: this one may move the alias production"
                yield Violation(resource.name, field, account, required, "give the pod an account of its own")


def _command(container: Any) -> str:
    return " ".join(str(word) for key in ("command", "args") for _, word in elements(get(container, key), key))


PRODUCTION_ALIAS = Rule(
    name="production-alias",
    description="The alias production moves through the identities of promotion and alias watch alone.",
    check=promotion_identity,
    whole_stack=True,
)
