"""What a promotion keeps at the registered model while it is under way: what is needed to finish it, or to go back."""

import json
from dataclasses import asdict, dataclass

from mlflow.entities.model_registry import RegisteredModel

from contract.names import PROMOTION_TAG
from loop.promotion.traffic import Traffic


@dataclass(frozen=True)
class Change:
    """A promotion under way."""

    to: str
    origin: str | None
    """The version that was in production before; None: there was none."""
    previous: str | None
    """The version that had the alias `previous` before."""
    since: str
    traffic: Traffic | None
    """What the servers of `origin` had counted by then; None where `to` is not compared with it."""
    lately: Traffic | None = None
    """Of it, what came just before."""
    reason: str | None = None
    """Why the version is being taken back; None while it goes forward."""
    rejected: bool = False
    """Whether that is a verdict on the version, which then never goes live again."""

    @classmethod
    def of(cls, model: RegisteredModel) -> "Change | None":
        if (text := model.tags.get(PROMOTION_TAG)) is None:
            return None
        fields = json.loads(text)
        counts = {name: fields[name] and Traffic(**fields[name]) for name in ("traffic", "lately") if name in fields}
        return cls(**fields | counts)

    def to_json(self) -> str:
        return json.dumps(asdict(self))
