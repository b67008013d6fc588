"""`python -m demo`: the parts of `make demo` that run outside the stack's driver, each a command of its own.

External: the model's address, MLflow, Kafka, the cluster and the record, as the environment names them.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from mlflow import MlflowClient

from contract.names import DRIFT_TOPIC, Env
from demo import picture, story
from demo.address import ModelAddress, UnansweredError
from demo.playing import Player, StoppedError
from demo.seen import DriftEvents, SeenVersions
from demo.state import ROWS, Play, kept
from examples.employment import data
from loop.runtime import objects
from loop.runtime.objects import ObjectStoreError

RECORDED_SECONDS: Final = 120.0


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    root.add_argument("part", choices=["begin", "rest", "story", "clear"], help="which part")
    root.add_argument("--model", required=True, help="the registered model's name")
    root.add_argument("--state", type=Path, required=True, help="file in which the parts remember")
    root.add_argument("--namespace", default="", help="where the model's trainings run")
    root.add_argument("--address", default="", help="URL of its predictions")
    root.add_argument("--seconds", type=float, default=12.0, help="of a step: outcomes.every")
    return root


def begin(given: argparse.Namespace) -> None:
    """Plays from the first row to a version that waits."""
    events, versions = DriftEvents(given.model), SeenVersions(given.model)
    served = versions.production()
    if served is None:
        raise StoppedError(f"{given.model} has no version in production")
    play = Play(file=given.state, tag=f"demo-{int(time.time())}", served=served, offset=events.end())
    _player(given, play, events, versions).until_proposed()


def rest(given: argparse.Namespace) -> None:
    """Plays from there to the last row."""
    play, versions = kept(given.state), SeenVersions(given.model)
    play.approved = versions.production() == play.proposed
    _player(given, play, DriftEvents(given.model), versions).rest()


def _player(given: argparse.Namespace, play: Play, events: DriftEvents, versions: SeenVersions) -> Player:
    return Player(
        play=play,
        address=ModelAddress(given.address),
        events=events,
        versions=versions,
        rows=data.later(),
        namespace=given.namespace,
        model=given.model,
        seconds=given.seconds,
        say=lambda text: print(text, flush=True),
    )


def tell(given: argparse.Namespace) -> None:
    """Makes the table and the picture, from the record and MLflow."""
    play, record = kept(given.state), objects.folder(os.environ[Env.RECORD])
    deadline, asked = time.monotonic() + RECORDED_SECONDS, len(play.steps) * ROWS
    while len(rows := story.recorded(record, play)) < asked:
        if time.monotonic() > deadline:
            raise StoppedError(f"the record holds {len(rows)} predictions with their outcome, and {asked} were asked")
        time.sleep(3)
    rows = story.counterfactual(rows, play, given.model)
    lines = story.table(rows, play)
    picture.draw(story.by_step(rows, play), play, given.state.with_name("story"))
    given.state.with_name("story.txt").write_text(story.shown(lines) + "\n", "utf-8")
    print(f"\nrecord: {len(rows)} predictions with their outcome, {asked} were asked; {DRIFT_TOPIC}: {_events(play)}")
    print(f"\nAUC ± standard error\n{story.shown(lines)}\n\npicture: {given.state.with_name('story.svg')}")


def _events(play: Play) -> str:
    started = f"{len(play.began)} training" + ("s" if len(play.began) != 1 else "")
    return f"drift in {len(play.drift)} features, {len(play.falls)} falls of performance, {started} by itself"


def clear(given: argparse.Namespace) -> None:
    """Removes the model from MLflow, and its record. It must have left the stack."""
    client = MlflowClient()
    for found in client.search_registered_models(f"name = '{given.model}'"):
        client.delete_registered_model(found.name)
    for experiment in client.search_experiments(filter_string=f"name = '{given.model}'"):
        # A deleted experiment keeps its name, which the next demo needs.
        client.rename_experiment(experiment.experiment_id, f"{given.model} of a demo, {experiment.experiment_id}")
        client.delete_experiment(experiment.experiment_id)
    record = objects.folder(os.environ[Env.RECORD])
    try:
        left = list(record.names())
    except ObjectStoreError:  # a stack without outcomes has no bucket for them
        return
    for name in left:
        record.delete(name)


def main() -> int:
    given = parser().parse_args()
    try:
        {"begin": begin, "rest": rest, "story": tell, "clear": clear}[given.part](given)
    except (StoppedError, UnansweredError, ObjectStoreError) as error:
        print(f"the demo stops: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
