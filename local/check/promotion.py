"""Question 7: production moves only through the human gate."""

from typing import Final

from contract import metrics
from contract.names import Alias
from local.check.answer import Answer, no, yes
from local.check.live import RunningStack

NO_SUCH_VERSION: Final = "2147483647"
"""MLflow looks for the version before it moves an alias, so the probe changes nothing where it is not refused."""


def guarded(live: RunningStack) -> Answer:
    """`production` is what the settings say, a promotion put it there, and a write without an identity is refused."""
    approved = str(live.settings.production) if live.settings.production is not None else None
    found = (live.aliases or {}).get(Alias.PRODUCTION)
    where = f"production is {_name(found)}, ml-loop:models.{live.model}.production says {_name(approved)}"
    if found != approved and (approved is not None or found is None):
        return no(f"{where}: moved by hand, or not promoted yet")
    watched = live.metrics("alias-watch", live.model)
    if watched is None:
        return no(f"{where}, but nothing watches the alias: no pod of the Deployment {live.model}-aliases is ready")
    if watched.get(metrics.UNEXPLAINED.name) != 0:
        return no(f"{where}, but no promotion has put it there: moved by hand")
    probe = {"name": live.model, "alias": str(Alias.PRODUCTION), "version": NO_SUCH_VERSION}
    reply = live.http(live.registry("registered-models/alias"), probe)
    if reply.status != 403:
        return no(f"{where}, but a write of the alias without an identity is answered with {reply.status}, must be 403")
    if found != approved:
        where += ", so nothing serves it and the alias is a record of the last promotion"
    return yes(f"{where}; a write of the alias without an identity is refused with 403")


def _name(version: str | None) -> str:
    return f"version {version}" if version else "nothing"
