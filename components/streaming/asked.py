"""Brokers that others run, asked for what the loop needs before anything connects to them.

External: the topics and rights, which their owner gives (docs/kafka.md). Nothing is made there.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.client_job import client_job
from components.kit.connections import KafkaConnection
from components.kit.pod import plain_env
from components.streaming.kafka import APP
from contract.brokers import NEEDS, Needs

SCRIPT: Final = "import sys; from loop.runtime.brokers import main; sys.exit(main())"


@dataclass(frozen=True, kw_only=True)
class AskedBrokersArgs:
    """The way to the brokers, and which models will need what of them."""

    connection: KafkaConnection
    namespace: pulumi.Input[str]
    client_image: str
    """The loop's image."""
    watched: Iterable[str]
    """Models with a detector."""
    retrained: Iterable[str]
    """Models that train on drift."""
    answering: Collection[str] = ()
    """Models whose outcomes are taken."""


class AskedBrokers(pulumi.ComponentResource):
    """Creates a Job that succeeds once all is there, and the policy by which it reaches the brokers."""

    connection: KafkaConnection
    """The same connection, its address known once the Job has succeeded."""

    def __init__(self, name: str, args: AskedBrokersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:streaming:AskedBrokers", name, None, opts)
        work = Needs.of(args.watched, args.retrained, args.answering, args.connection.writers).to_json()
        job = client_job(
            name,
            "needs",
            args.connection.access,
            app=APP,
            namespace=args.namespace,
            image=args.client_image,
            script=SCRIPT,
            env=plain_env({NEEDS: work}),
            work=work,
            opts=ResourceOptions(parent=self),
            verb="check",
        )
        servers = Output.all(job, args.connection.bootstrap_servers).apply(lambda known: str(known[1]))
        self.connection = replace(args.connection, bootstrap_servers=servers)
        self.register_outputs({"bootstrap_servers": servers})
