"""A role's policy and trust that name everything, then one wildcard a test."""

import json
from datetime import date
from typing import Any

import pytest

from policy.manifest import Unknown
from policy.rule import Resource, Stack
from policy.rules.iam import NO_WILDCARD_IAM
from policy.verdict import judge
from tests.policy.manifests import changed, messages

LIST = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models"}
USE = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::models/runs/*"]}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
TYPES = [
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
]
ATTACHMENTS = [
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
]


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def said(inputs: dict[str, Any], of: str = "aws:iam/rolePolicy:RolePolicy") -> list[str]:
    return messages(NO_WILDCARD_IAM, Resource(inputs, type=of, label="it"))


@pytest.mark.parametrize("of", TYPES)
def test_a_policy_that_names_actions_and_resources_passes(of: str) -> None:
    assert said({"policy": text(LIST, USE)}, of) == []


def test_what_is_denied_may_be_everything() -> None:
    assert said({"policy": text(LIST, DENY)}) == []


@pytest.mark.parametrize("of", TYPES)
@pytest.mark.parametrize("action", ["*", "s3:*", "kms:*", "s3:Get*"])
def test_a_wildcard_among_the_actions_is_named(action: str, of: str) -> None:
    assert said({"policy": text(LIST, changed(USE, "Action.1", action))}, of) == [
        (f'it: policy.Statement[1].Action[1] is "{action}"; must be named, not a wildcard; list what is used')
    ]


@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::*", "arn:aws:kms:eu-west-1:111122223333:*"])
def test_a_resource_that_is_every_resource_is_named(resource: str) -> None:
    assert said({"policy": text(changed(LIST, "Resource", resource))}) == [
        (f'it: policy.Statement[0].Resource is "{resource}"; must be an ARN that names what is used; list what is used')
    ]


@pytest.mark.parametrize(("key", "instead"), [("Action", "NotAction"), ("Resource", "NotResource")])
def test_everything_but_something_is_named(key: str, instead: str) -> None:
    statement = changed(changed(LIST, key, None), instead, "x")
    assert said({"policy": text(statement)}) == [
        f'it: policy.Statement[0].{instead} is "x"; must be unset, as it allows all else; list what is used'
    ]


def test_a_document_of_one_statement_without_a_list_is_judged() -> None:
    policy = {"Statement": changed(LIST, "Action", "*")}
    assert (
        said({"policy": json.dumps(policy)})
        == said({"policy": policy})
        == ['it: policy.Statement.Action is "*"; must be named, not a wildcard; list what is used']
    )


def test_a_role_with_a_named_principal_passes() -> None:
    assert said({"assumeRolePolicy": text(TRUST)}, "aws:iam/role:Role") == []


@pytest.mark.parametrize("everyone", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_role_that_everyone_may_take_is_named(everyone: Any) -> None:
    assert said({"assumeRolePolicy": text(changed(TRUST, "Principal", everyone))}, "aws:iam/role:Role") == [
        (
            f"it: assumeRolePolicy.Statement[0].Principal is {json.dumps(everyone)}; must be named, not everyone; "
            "name who takes the role"
        )
    ]


def test_a_wildcard_in_a_role_s_inline_policy_is_named() -> None:
    role = {"assumeRolePolicy": text(TRUST), "inlinePolicies": [{"policy": text(changed(LIST, "Action", "*"))}]}
    assert said(role, "aws:iam/role:Role") == [
        ('it: inlinePolicies[0].policy.Statement[0].Action is "*"; must be named, not a wildcard; list what is used')
    ]


@pytest.mark.parametrize("name", ["AdministratorAccess", "AmazonS3FullAccess"])
def test_aws_own_policies_of_full_access_are_named(name: str) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    rest = f'is "{arn}"; must be a policy of the least privilege; write one with what is used'
    for of in ATTACHMENTS:
        assert said({"policyArn": arn}, of) == [f"it: policyArn {rest}"]
    assert said({"managedPolicyArns": [arn]}, "aws:iam/role:Role") == [f"it: managedPolicyArns[0] {rest}"]


@pytest.mark.parametrize("of", ATTACHMENTS)
def test_a_policy_of_one_s_own_may_be_attached(of: str) -> None:
    assert said({"policyArn": "arn:aws:iam::111122223333:policy/models"}, of) == []


def test_a_policy_that_is_not_known_yet_is_not_passed() -> None:
    resource = Resource({"policy": Unknown("policy")}, type="aws:iam/rolePolicy:RolePolicy", label="it")
    verdict = judge(NO_WILDCARD_IAM, resource, Stack((resource,)), (), date(2026, 1, 1))
    assert (verdict.violations, verdict.unknown) == ((), ("it: policy is not known yet",))


def test_the_policy_of_a_key_is_its_own_matter() -> None:
    assert said({"policy": text(changed(LIST, "Resource", "*"))}, "aws:kms/key:Key") == []
