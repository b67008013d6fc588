"""`python -m local`: the commands behind `make up`, `down`, `env`, `logs`, `train` and `check`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

import restore.cli
from local import check, environment, logs, train, up
from local.lock import exclusive
from local.node.node import Node
from local.paths import Paths
from local.stack import BUILT_IN
from local.steps import StepError

CONSOLE = Console(highlight=False, soft_wrap=True)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="make", description="The MLOps loop on this machine, or on a cluster you have.")
    commands = root.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start the built-in cluster if need be, then apply the stack")
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
    return root


def run_up(arguments: argparse.Namespace) -> int:
    if arguments.context or arguments.stack != BUILT_IN:
        return up.elsewhere(arguments.stack, arguments.context)
    paths = Paths.default()
    with exclusive(paths, "make up"):
        return up.here(paths, CONSOLE, BUILT_IN)


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
        sys.stderr.write(f"\n{Path(sys.argv[0]).parent.name} {arguments.command}: interrupted; run it again to go on\n")
        return 130
