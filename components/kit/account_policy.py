"""How the API server holds a namespace's service accounts to less than their rights say."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.labels import labels


def account_policy(
    name: str,
    app: str,
    namespace: pulumi.Input[str],
    *,
    operations: Sequence[str],
    resource: str,
    validations: Sequence[k8s.admissionregistration.v1.ValidationArgsDict],
    variables: Mapping[str, str] | None = None,
    opts: ResourceOptions,
) -> Output[str]:
    """Judges what service accounts of the namespace do to objects of Argo's kind `resource`. Returns the policy's name.

    Each validation is an expression in CEL with a `message` or a `message_expression`.
    """
    # Cluster-wide names: two stacks on one cluster differ in the namespace.
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": Output.concat(namespace, "-", name),
        "labels": labels(app, name),
    }
    own = "request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':')"
    rule: k8s.admissionregistration.v1.NamedRuleWithOperationsArgsDict = {
        "api_groups": ["argoproj.io"],
        "api_versions": ["*"],
        "operations": [*operations],
        "resources": [resource],
    }
    spec: k8s.admissionregistration.v1.ValidatingAdmissionPolicySpecArgsDict = {
        "failure_policy": "Fail",
        "match_constraints": {"resource_rules": [rule]},
        "match_conditions": [{"name": "account-of-the-namespace", "expression": own}],
        "validations": [{**each, "reason": "Forbidden"} for each in validations],
    }
    if variables:
        spec["variables"] = [{"name": key, "expression": text} for key, text in variables.items()]
    policy = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
        f"{name}-policy", metadata=metadata, spec=spec, opts=opts
    )
    k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
        f"{name}-binding",
        metadata=metadata,
        spec={
            "policy_name": object_name(policy),
            "validation_actions": ["Deny"],
            "match_resources": {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}}},
        },
        opts=opts,
    )
    return object_name(policy)
