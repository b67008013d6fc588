"""`python -m tests.chaos --minutes 5 --seed 1`: hits the built-in stack, judges it, and leaves it as `make up` does."""

import argparse
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from contract.names import MODEL_LABEL
from local.node.node import Node
from local.paths import REPOSITORY, Paths
from local.shell import run
from tests.chaos import changing
from tests.chaos.checker import findings
from tests.chaos.clients import Clients
from tests.chaos.faults import Chaos, let_go
from tests.chaos.history import Happening, History, HistoryLine
from tests.chaos.outside import QUIET, Outside, wait
from tests.chaos.plan import MODEL, plan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of faults; 60 hits every part some ten times")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the plan; the same makes the same again")
    parser.add_argument("--history", type=Path, help="file that is kept; by default in the cache folder")
    given = parser.parse_args()
    paths = Paths.default()
    file = given.history or paths.cache / "chaos" / f"{given.seed}.jsonl"
    print(f"seed {given.seed}, {given.minutes:g} minutes; history: {file}", flush=True)
    # Whoever stops the run stops it healed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    outside = Outside(paths, Node(paths))
    _let_all_go(outside)
    changing.take_outcomes(paths)
    try:
        found = _run(given.seed, given.minutes, outside, History(file))
    finally:
        _leave(outside)
    for each in found:
        print(f"finding: {each}")
    print("every promise was kept" if not found else f"{len(found)} findings; again: make chaos SEED={given.seed}")
    return 1 if found else 0


def _run(seed: int, minutes: float, outside: Outside, history: History) -> list[str]:
    prefix, began = f"chaos-{seed}-{int(time.time()) % 100000}", time.time()
    live = outside.look()
    outside.forget_cooldown(live.namespace)
    if not live.rows or not live.aliases:
        raise SystemExit("the model has no version to ask; run make up first")
    clients = Clients(live, history, prefix, outside.environment())
    over = threading.Event()
    chaos = Chaos(outside.node, history, outside.pods)
    faults = threading.Thread(target=chaos.play, args=(iter(plan(seed, minutes)), began, over.is_set))
    promotion = threading.Timer(minutes * 20, changing.promote, (outside, history))
    try:
        clients.start()
        faults.start()
        promotion.start()
        faults.join()
        promotion.join()
    finally:
        over.set()
        promotion.cancel()
        faults.join()
        clients.end()
    acknowledged = {line.target for line in history.lines if line.what is Happening.OUTCOME and line.acknowledged}
    end = outside.end(began, prefix, acknowledged)
    history.close()
    print(*_told(history.lines), sep="\n", flush=True)
    return findings(history.lines, end)


def _told(lines: list[HistoryLine]) -> list[str]:
    """What was done, and how often it took more than one try."""
    told: list[str] = []
    for what in Happening:
        mine = [line for line in lines if line.what is what]
        if what in {Happening.FAULT, Happening.HEAL}:
            kinds = Counter(line.detail for line in mine if line.acknowledged and line.detail)
            named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            told.append(f"{what}: {len(mine)}{f' ({named})' if named else ''}")
        elif mine:
            good, again = sum(line.acknowledged for line in mine), sum(line.tries > 1 for line in mine)
            slowest = max(line.seconds for line in mine)
            told.append(f"{what}: {good} of {len(mine)} acknowledged, {again} not at once, at most {slowest:.1f} s")
    told += [f"{line.what} {line.target}: {line.answer}" for line in lines if _odd(line)]
    return told


def _odd(line: HistoryLine) -> bool:
    """What is worth a line of its own without being a broken promise."""
    return line.what not in {Happening.PREDICT, Happening.OUTCOME} and not line.acknowledged


def _let_all_go(outside: Outside) -> None:
    """Daemons first: what they know of pods is asked for."""
    let_go(outside.node, ())
    wait(lambda: bool(outside.uids()), QUIET)
    let_go(outside.node, outside.uids())


def _leave(outside: Outside) -> None:
    """The stack as its file says, nothing live, no training left to run."""
    _let_all_go(outside)
    namespace = outside.look().namespace
    run(*outside.node.kubectl, "-n", namespace, "delete", "workflows", "-l", f"{MODEL_LABEL}={MODEL}", "--wait=false")
    outside.forget_cooldown(namespace)
    changing.retire(outside)
    run("make", "-C", str(REPOSITORY), "up")


if __name__ == "__main__":
    sys.exit(main())
