"""`python -m local`: the commands behind `make`, from `up` and `down` to `model`, `try` and `image`."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

import restore.cli
from local import check, demo, environment, logs, record, train, up
from local.display import Display
from local.lock import exclusive
from local.node.node import Node
from local.paths import Paths
from local.stack import BUILT_IN
from local.starter import folder, image, new, tryout
from local.steps import Runner, StepError

CONSOLE = Console(highlight=False, soft_wrap=True)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="make", description="The MLOps loop on this machine, or on a cluster you have.")
    commands = root.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start the built-in cluster if necessary, then apply the stack")
    start.add_argument("--stack", default=BUILT_IN, help="which Pulumi.<stack>.yaml to apply (default: local)")
    start.add_argument("--context", help="a context of your kubeconfig instead of the built-in cluster")
    start.set_defaults(run=run_up)
    stop = commands.add_parser("down", help="stop the built-in cluster; its data stays")
    stop.add_argument("--purge", action="store_true", help="also delete its data: objects, volumes, Pulumi's state")
    stop.set_defaults(run=run_down)
    commands.add_parser("env", help='print exports for your shell: eval "$(make env)"').set_defaults(run=run_env)
    tail = commands.add_parser("logs", help="show the last lines of the daemons' and the pods' logs")
    tail.add_argument("--lines", type=int, default=20, help="lines of each log (default: 20)")
    tail.add_argument("--only", default="", help="only logs whose name contains this text")
    tail.set_defaults(run=run_logs)
    now = commands.add_parser("train", help="train a model of the built-in cluster now, and wait")
    now.add_argument("--model", help="which of the stack's models (default: the only one)")
    now.set_defaults(run=run_train)
    ask = commands.add_parser("check", help="ask the running stack whether the loop is closed: seven questions")
    ask.add_argument("--deep", action="store_true", help="also act: train, and publish a synthetic drift event")
    form = ask.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the answers as a JSON list")
    form.add_argument("--watch", action="store_true", help=f"ask every {check.PERIOD:.0f} s, until Ctrl-C")
    ask.set_defaults(run=run_check)
    back = commands.add_parser(
        "restore", help="replace MLflow's database by what an archive holds, as the settings say"
    )
    back.add_argument("--stack", default=BUILT_IN, help="whose database (default: local)")
    restore.cli.options(back)
    back.set_defaults(run=run_restore)
    shown = commands.add_parser("demo", help="play the census through the loop: people change, it learns, you decide")
    shown.add_argument("--approve", action="store_true", help="put the version that waits into production")
    shown.add_argument("--keep", action="store_true", help="leave the model in the stack at the end")
    shown.set_defaults(run=run_demo)
    forget = commands.add_parser("erase", help="take a user's rows out of a model's record")
    forget.add_argument("--model", default="", help="whose record")
    forget.add_argument("--user-id", default="", help="whose rows, as X-User-Id said it")
    forget.set_defaults(run=run_erase)
    _model_commands(commands)
    return root


def _model_commands(commands: Any) -> None:
    """The commands that work on the folder of a model of yours."""
    made = commands.add_parser("model", help="make a folder of a model that runs as it is")
    made.add_argument("--name", required=True, help="the model's name")
    made.add_argument("--kind", default=new.ModelKind.CLASSIFICATION, help=f"one of {', '.join(new.ModelKind)}")
    made.add_argument("--folder", type=Path, help="where (default: models/NAME)")
    made.set_defaults(run=run_model)
    tried = commands.add_parser("try", help="take a model through all stations of the loop, without a cluster")
    tried.add_argument("--folder", type=Path, required=True, help="the model's folder")
    tried.set_defaults(run=run_try)
    built = commands.add_parser("image", help="build a model's image without Docker, and hand it over")
    built.add_argument("--folder", type=Path, required=True, help="the model's folder")
    built.add_argument("--registry", default="", help="where to push it (default: the built-in cluster gets it)")
    built.add_argument("--base", default="", help="image that the Dockerfile begins with (default: the project's own)")
    built.add_argument("--stack", help="whose file gets the settings (default: local, and none with a registry)")
    built.set_defaults(run=run_image)


def run_model(arguments: argparse.Namespace) -> int:
    made = new.make(arguments.name, arguments.kind, arguments.folder)
    CONSOLE.print(f"{made} is a {arguments.kind} that runs as it is. Next: make try FOLDER={made}", markup=False)
    return 0


def run_try(arguments: argparse.Namespace) -> int:
    return tryout.run(folder.read(arguments.folder), Paths.default(), CONSOLE, os.environ)


def run_image(arguments: argparse.Namespace) -> int:
    stack = arguments.stack if arguments.stack is not None else "" if arguments.registry else BUILT_IN
    order = image.Order(
        folder=folder.read(arguments.folder), registry=arguments.registry, base=arguments.base, stack=stack
    )
    paths = Paths.default()
    with exclusive(paths, "make image"):
        reference = image.Build(order, paths).run(Runner(paths.steps, Display(CONSOLE)))
    CONSOLE.print(f"\ntraining.image: {reference}", markup=False)
    return 0


def run_up(arguments: argparse.Namespace) -> int:
    if arguments.context or arguments.stack != BUILT_IN:
        return up.elsewhere(arguments.stack, arguments.context)
    paths = Paths.default()
    with exclusive(paths, "make up"):
        return up.here(paths, CONSOLE, BUILT_IN)


def run_demo(arguments: argparse.Namespace) -> int:
    paths = Paths.default()
    with exclusive(paths, "make demo"):
        return demo.run_demo(paths, CONSOLE, approve=arguments.approve, keep=arguments.keep)


def run_erase(arguments: argparse.Namespace) -> int:
    return record.erase(Paths.default(), arguments.model, arguments.user_id)


def run_restore(arguments: argparse.Namespace) -> int:
    if arguments.stack != BUILT_IN:
        flags = [flag for flag in ("--yes", "--lose-the-end") if getattr(arguments, flag[2:].replace("-", "_"))]
        return restore.cli.main(["--stack", arguments.stack, *flags])
    paths = Paths.default()
    with exclusive(paths, "make restore"):
        return up.restored(paths, CONSOLE, BUILT_IN, yes=arguments.yes, lose_the_end=arguments.lose_the_end)


def run_down(arguments: argparse.Namespace) -> int:
    paths = Paths.default()
    with exclusive(paths, "make down"):
        up.down(Node(paths), paths, purge=arguments.purge)
    CONSOLE.print("The cluster is stopped" + (" and its data deleted." if arguments.purge else "; its data stays."))
    return 0


def run_env(_: argparse.Namespace) -> int:
    sys.stdout.write(environment.exports(Paths.default()))
    return 0


def run_logs(arguments: argparse.Namespace) -> int:
    return logs.show(Paths.default(), CONSOLE, arguments.lines, arguments.only)


def run_train(arguments: argparse.Namespace) -> int:
    return train.run(Paths.default(), arguments.model)


def run_check(arguments: argparse.Namespace) -> int:
    if arguments.watch:
        return check.watch(Paths.default(), CONSOLE)
    return check.run(Paths.default(), CONSOLE, deep=arguments.deep, as_json=arguments.json)


def main() -> int:
    arguments = parser().parse_args()
    command: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return command(arguments)
    except StepError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\n{Path(sys.argv[0]).parent.name} {arguments.command}: interrupted; run it again to continue\n"
        )
        return 130
