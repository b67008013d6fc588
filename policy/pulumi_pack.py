"""The rules as Pulumi policies: what a policy gets becomes a `Resource`, and a verdict becomes a report.

A policy's report has one level, so what is not known yet and what is excepted cannot be advice from a mandatory rule:
two advisory policies at the end of the pack list both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.exceptions import SCHEMA, read_exceptions
from policy.lint import from_chart
from policy.manifest import Unknown
from policy.rule import Resource, Rule, Stack
from policy.rules.charts import CHART
from policy.verdict import judge
from settings import PolicyException

CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


@dataclass
class Notes:
    """What a run found besides violations: message → URN. One pack serves one preview or one update."""

    unknown: dict[str, str] = field(default_factory=dict[str, str])
    excepted: dict[str, str] = field(default_factory=dict[str, str])


def plain(value: Any, path: str = "") -> Any:
    """What a policy gets, as plain data: an unknown, which cannot be read there, becomes an `Unknown`, 1.0 a 1."""
    if isinstance(value, Mapping):
        return {key: _known(value, key, f"{path}.{key}".lstrip(".")) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, index, f"{path}[{index}]") for index in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(container: Any, key: Any, path: str) -> Any:
    try:
        return plain(container[key], path)
    except UnknownValueError:
        return Unknown(path)


def to_resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    """A resource as the rules see it. Kubernetes objects are known by their type, all others have a label."""
    # No rule reads a CRD's schema, and a stack has megabytes of them.
    schema = given.resource_type == CRD
    manifest = plain({key: given.props[key] for key in ("apiVersion", "kind")} if schema else given.props)
    kubernetes = given.resource_type.startswith("kubernetes:") and "apiVersion" in manifest
    dependencies = getattr(given, "property_dependencies", {})
    return Resource(
        manifest=manifest,
        type=given.resource_type,
        urn=given.urn,
        label="" if kubernetes else f"{given.resource_type.rpartition(':')[2]} {given.name}",
        protected=given.opts.protect,
        from_chart=f"{CHART}$" in given.urn or from_chart(manifest),
        references={key: tuple(resource.urn for resource in urns) for key, urns in dependencies.items()},
    )


def policies(rules: Sequence[Rule], stack_name: Callable[[], str] = pulumi.get_stack) -> list[Policy]:
    """One policy for each rule, and the two that list what is not known yet and what is excepted."""
    notes = Notes()
    return [
        *(_policy(rule, stack_name, notes) for rule in rules),
        _list("not-known-yet", "What a preview cannot know is neither broken nor passed.", notes.unknown),
        _list("exceptions-in-use", "Violations that the stack's config excepts, until a date.", notes.excepted),
    ]


def _policy(rule: Rule, stack_name: Callable[[], str], notes: Notes) -> Policy:
    level = EnforcementLevel(rule.level.value)
    schema = PolicyConfigSchema({"exceptions": dict(SCHEMA), **{key: dict(of) for key, of in rule.options.items()}})

    def validate_stack(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = Stack(tuple(map(to_resource, args.resources)), stack_name(), plain(args.get_config()), _protect())
        _judge(rule, stack, notes, report)

    def validate_resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        stack = Stack((to_resource(args),), stack_name(), plain(args.get_config()), _protect())
        _judge(rule, stack, notes, report)

    if rule.whole_stack:
        return StackValidationPolicy(rule.name, rule.description, validate_stack, level, schema)
    return ResourceValidationPolicy(rule.name, rule.description, validate_resource, level, schema)


def _protect() -> bool | None:
    """The stack's setting `protect`; None where it is left out or is not a Boolean, which the program refuses."""
    return {"true": True, "false": False}.get(pulumi.Config("ml-loop").get("protect") or "")


def _judge(rule: Rule, stack: Stack, notes: Notes, report: ReportViolation) -> None:
    """Judge all resources of `stack`, and report to Pulumi."""
    try:
        exceptions = _exceptions(rule, stack.options)
    except ValueError as error:
        report(str(error), None)
        return
    for resource in stack.resources:
        verdict = judge(rule, resource, stack, exceptions, datetime.now(UTC).date())
        for message in verdict.violations:
            report(message, resource.urn)
        notes.unknown.update(dict.fromkeys(verdict.unknown, resource.urn))
        notes.excepted.update(dict.fromkeys(verdict.excepted, resource.urn))


def _exceptions(rule: Rule, options: Mapping[str, Any]) -> tuple[PolicyException, ...]:
    """The exceptions of the policy config, and those of the stack's own config, `ml-loop:policyExceptions`."""
    stack: Sequence[Mapping[str, Any]] = pulumi.Config("ml-loop").get_object("policyExceptions") or ()
    return read_exceptions(options.get("exceptions", ()), rule.name) + read_exceptions(stack)


def _list(name: str, description: str, notes: Mapping[str, str]) -> StackValidationPolicy:
    def validate(_args: StackValidationArgs, report: ReportViolation) -> None:
        for message, urn in notes.items():
            report(message, urn)

    return StackValidationPolicy(name, description, validate, EnforcementLevel.ADVISORY)
