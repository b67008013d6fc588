"""What the pods that run a model's code find around them: variables, devices, nodes, disks, and whom they may call.

The keys are the same for the training (train and evaluate) and for the servers; without them, nothing changes.
"""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Annotated, Final

from pydantic import Field

from contract.credentials import SECRET_NAME
from settings.problem import NOT_SHOWN, Allowed, Problem, one_of, refused
from settings.resources import Resources
from settings.section import FrozenMap, Section
from settings.values.environment import EnvName, EnvValue, SecretKeyName
from settings.values.names import ExtendedResource, LabelKey, LabelValue, OtherNamespace
from settings.values.network import PeerBlock, Port
from settings.values.number import Count
from settings.values.quantity import Size, amount
from settings.values.secret import SecretName

_METADATA: Final = tuple(ip_address(each) for each in ("169.254.169.254", "fd00:ec2::254"))


class SecretKey(Section):
    """A key of a Secret, whose value no setting and no state ever holds."""

    SECRET = True

    name: SecretName
    """Secret in the loop's namespace."""
    key: SecretKeyName
    """Key of the Secret that holds the value."""


class Accelerator(Section):
    """Devices of one kind for each pod."""

    resource: ExtendedResource = "nvidia.com/gpu"
    """What the node's device plugin calls them."""
    count: Count = 1
    """How many each pod has for itself."""


class TolerationOperator(StrEnum):
    """How a taint is compared."""

    EQUAL = "Equal"
    """The values are equal."""
    EXISTS = "Exists"
    """Whatever its value is."""


class TaintEffect(StrEnum):
    """What a taint does to pods that don't tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    """No new pods are placed there."""
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    """New pods are placed there last."""
    NO_EXECUTE = "NoExecute"
    """Running pods are evicted as well."""


class Toleration(Section):
    """A taint that the pods put up with."""

    key: LabelKey
    """Key of the taint."""
    operator: Annotated[TolerationOperator, one_of(TolerationOperator, "Set it to Exists for any value")] = (
        TolerationOperator.EQUAL
    )
    """How the taint's value is compared."""
    value: LabelValue | None = None
    """Value of the taint, with the operator Equal."""
    effect: Annotated[TaintEffect, one_of(TaintEffect, "Leave it out for all of them")] | None = None
    """Effect of the taint. Unset: any."""

    def contradictions(self) -> Iterator[Problem]:
        if self.operator is TolerationOperator.EXISTS and self.value is not None:
            remedy = "Remove it, or set operator to Equal"
            yield Problem.with_value(("value",), self.value, "no value while operator is Exists", remedy)
        if self.operator is TolerationOperator.EQUAL and self.value is None:
            yield Problem.missing(("value",), "the taint's value", "Add it, or set operator to Exists")


class Egress(Section):
    """What the pods may call: addresses, or pods of the cluster."""

    cidr: PeerBlock | None = None
    """Address, or block of addresses, outside the cluster."""
    namespace: OtherNamespace | None = None
    """Namespace of the pods that are called. Unset: the loop's."""
    pod_labels: FrozenMap[LabelKey, LabelValue] = Field(default_factory=dict, validate_default=True)
    """Labels of the pods that are called. Empty, with a namespace: all of its pods."""
    ports: Annotated[
        tuple[Port, ...],
        Field(min_length=1),
        Allowed("a list with at least one port", "Name the TCP ports: of pods their own, not their Service's"),
    ]
    """TCP ports: those of the pods, not of their Service."""

    def contradictions(self) -> Iterator[Problem]:
        pods = self.namespace is not None or self.pod_labels
        if self.cidr is None and not pods:
            yield Problem.missing(("cidr",), "who is called", "Add it, or namespace or podLabels")
        if self.cidr is not None and pods:
            expected = "no address beside namespace and podLabels"
            yield Problem.with_value(("cidr",), self.cidr, expected, "Make two entries of it")
        if self.cidr is not None and 80 in self.ports and any(each in ip_network(self.cidr) for each in _METADATA):
            expected = "a block without 169.254.169.254 at port 80, where a cloud hands out the node's own credentials"
            yield Problem.with_value(("cidr",), self.cidr, expected, "Name smaller blocks, or leave port 80 out")


class Surroundings(Section):
    """What the pods that run the model's code find around them."""

    env: FrozenMap[EnvName, EnvValue] = Field(default_factory=dict, validate_default=True)
    """Environment variables whose values are not secret."""
    secrets: FrozenMap[EnvName, SecretKey] = Field(default_factory=dict, validate_default=True)
    """Environment variables whose values are in Secrets of the loop's namespace."""
    accelerator: Accelerator | None = None
    """Devices for each pod, such as GPUs. Unset: none."""
    node_selector: FrozenMap[LabelKey, LabelValue] = Field(default_factory=dict, validate_default=True)
    """Labels of the nodes that the pods may run on."""
    tolerations: Annotated[
        tuple[Toleration, ...], Allowed("a list of tolerations", "Start each with a hyphen below the key")
    ] = ()
    """Taints of nodes that the pods tolerate."""
    shared_memory: Size | None = None
    """Size of /dev/shm, which counts as memory of the pod. Unset: the container runtime's, usually 64 MiB."""
    ephemeral_storage: Size | None = None
    """Disk of the node that is reserved for each pod, and the most that it may use. Unset: no limit."""
    egress: Annotated[
        tuple[Egress, ...], Allowed("a list of whom to call", "Start each with a hyphen below the key")
    ] = ()
    """What the pods may call besides MLflow, the stack's own services and HTTPS."""

    def contradictions(self) -> Iterator[Problem]:
        remedy = "Name the Secret that holds it under secrets"
        for variable in self.secrets:
            if variable in self.env:
                expected = "a variable that secrets does not set as well"
                yield Problem.with_value(("env", variable), self.env[variable], expected, "Remove one of the two")

        for variable, value in self.env.items():
            if value and SECRET_NAME.search(variable):
                text = refused(NOT_SHOWN, "no credential in plain text, as the name ends like one's", remedy)
                yield Problem(("env", variable), text)

    def within(self, memory: Resources) -> Iterator[Problem]:
        """What is wrong with these surroundings beside the container's memory."""
        limit = memory.limits.memory
        if self.shared_memory is not None and limit is not None and amount(self.shared_memory) >= amount(limit):
            expected = f"less than resources.limits.memory, which is {limit} and pays for it"
            yield Problem.with_value(("sharedMemory",), self.shared_memory, expected, "Raise the limit or lower it")
