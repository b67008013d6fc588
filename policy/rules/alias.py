"""The alias `production` moves through the promotion identity alone.

MLflow lets every writer set every alias (mlflow#24742), so identity and network decide. What manifests show of it: pods
that run the promotion do so as the promotion's service account, and no other pod runs as it.
"""

import re
from collections.abc import Iterator
from typing import Any

from policy.manifest import Unknown, elements, get
from policy.pods import containers, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

IDENTITY_SUFFIX = "-promote"
COMMAND = re.compile(r"\bloop[. ](\S+\.)?promote\b")
"""`python3 -m loop promote`, or the module behind it."""


def promotion_identity(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Pods whose command and service account disagree on whether they promote."""
    for pod in pods(resource.kind, resource.manifest, stack):
        account = get(pod.spec, "serviceAccountName")
        promotes = [
            str(get(container, "name")) for _, container in containers(pod) if COMMAND.search(_command(container))
        ]
        field = pod.source("pod.serviceAccountName")
        if promotes and (isinstance(account, Unknown) or not str(account).endswith(IDENTITY_SUFFIX)):
            required = f"the promotion's own account (<model>{IDENTITY_SUFFIX})"
            yield Violation(resource.name, field, account, required, "run the promotion as it", promotes[0])
        if not promotes and isinstance(account, str) and account.endswith(IDENTITY_SUFFIX):
            required = "another account: this one may move the alias production"
            yield Violation(resource.name, field, account, required, "give the pod an account of its own")


def _command(container: Any) -> str:
    return " ".join(str(word) for key in ("command", "args") for _, word in elements(get(container, key), key))


PRODUCTION_ALIAS = Rule(
    name="production-alias",
    description="The alias production moves through the promotion identity alone.",
    check=promotion_identity,
    whole_stack=True,
)
