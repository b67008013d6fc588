"""The policy file: the guarded models, and which service accounts may do what to each."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.names import Env
from identity.operations import Right


class Guards(BaseModel):
    """Accounts as Kubernetes names them: `system:serviceaccount:<namespace>:<name>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    training: frozenset[str] = frozenset()
    gate: frozenset[str] = frozenset()
    healing: frozenset[str] = frozenset()
    promotion: frozenset[str] = frozenset()


class Policy(BaseModel):
    """Guarded models by name; the experiment of the same name belongs to the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, Guards]

    def allowed(self, model: str, right: Right) -> frozenset[str]:
        """The accounts that have a right. Each right includes those before it: training, gate, promotion.

        Healing is apart: an account with it may do nothing else.
        """
        guards = self.models[model]
        if right is Right.HEALING:
            return guards.healing | guards.promotion
        accounts = {Right.TRAINING: guards.training, Right.GATE: guards.gate, Right.PROMOTION: guards.promotion}
        order = list(accounts)
        return frozenset[str]().union(*(accounts[each] for each in order[order.index(right) :]))


def load() -> Policy:
    """Raises `ValueError` with one sentence where there is no policy: a server without one would guard nothing."""
    path = os.environ.get(Env.IDENTITY_POLICY)
    if not path:
        raise ValueError(f"{Env.IDENTITY_POLICY} is not set: it must be the path of the identity check's policy file")
    try:
        return Policy.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ValueError(
            f"{Env.IDENTITY_POLICY} is {path}: it must be a policy file ({' '.join(str(error).split())})"
        ) from None
