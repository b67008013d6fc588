"""The login before MLflow's host: who comes in, what of a request goes on, and which ways lead around it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.tracking.login import NO_TOKENS, SESSION, OAuth2Proxy, OAuth2ProxyArgs
from components.tracking.route import MlflowRoute
from tests.components.arguments import oauth2_proxy_args
from tests.components.given import providers
from tests.components.table import mlflow_route_args
from tests.program import program
from tests.program.mocks import Recording, record

GATEWAY = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
SERVERS = {
    "app.kubernetes.io/name": "mlflow",
    "app.kubernetes.io/instance": "mlflow",
    "app.kubernetes.io/component": "server",
}
LOGIN = {"app.kubernetes.io/name": "oauth2-proxy", "app.kubernetes.io/instance": "mlflow-login"}
OIDC = {"issuerUrl": "https://login.example.com", "clientId": "mlflow", "clientSecretName": "mlflow-login"}


def build(args: OAuth2ProxyArgs) -> Recording:
    return record(lambda: OAuth2Proxy("it", args, providers()))


def container(recording: Recording) -> dict[str, Any]:
    (one,) = recording.inputs("Deployment")["spec"]["template"]["spec"]["containers"]
    return one


def groups(recording: Recording) -> list[str]:
    return [flag for flag in container(recording)["args"] if flag.startswith("--allowed-group")]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(oauth2_proxy_args())


@pytest.fixture
def stack(tmp_path: Path) -> Recording:
    """Production's stack, whose gateway is in the cluster."""
    gateway = {"className": "example", "namespace": "gateway", "tlsSecret": "models-tls"}
    return program.run("prod", tmp_path / "config", {"gateway": gateway})


def flags(recording: Recording) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in container(recording)["args"])


def test_no_flag_lets_a_request_pass_without_login_or_hands_on_a_token(recording: Recording) -> None:
    lets_in = ("skip-auth", "skip-jwt", "trusted-ip", "allow-", "htpasswd", "insecure", "ssl-insecure", "bearer-token")
    believes = ("reverse-proxy", "real-client-ip", "whitelist-domain")
    hands_on = ("pass-access", "pass-authorization", "set-authorization", "set-xauth")
    assert [name for name in flags(recording) if name.startswith((*lets_in, *believes, *hands_on))] == []


def test_people_of_the_issuer_s_client_come_in_and_go_on_to_mlflow(recording: Recording) -> None:
    args, told = oauth2_proxy_args(), flags(recording)
    assert (told["provider"], told["oidc-issuer-url"], told["client-id"]) == (
        "oidc",
        args.oidc.issuer_url,
        args.oidc.client_id,
    )
    assert (told["code-challenge-method"], told["upstream"]) == ("S256", f"{args.upstream}/")
    assert told["redirect-url"] == f"https://{args.host}/oauth2/callback"


def test_the_cookie_stays_on_this_host_and_over_tls(recording: Recording) -> None:
    told = flags(recording)
    assert told["cookie-name"].startswith("__Host-")  # browsers take no other domain, and no plain HTTP, for it
    assert (told["cookie-secure"], told["cookie-samesite"]) == ("true", "lax")
    assert "cookie-domain" not in told
    assert told["cookie-expire"] == SESSION


def test_scripts_learn_that_a_session_has_ended(recording: Recording) -> None:
    scripts = re.compile(flags(recording)["api-route"])
    for path in ("/api/2.0/mlflow/runs/search", "/ajax-api/2.0/mlflow/runs/search", "/graphql", "/loop/live/x"):
        assert scripts.match(path)
    for page in ("/", "/loop/", "/static-files/x", "/x/api"):
        assert not scripts.match(page)


def test_groups_narrow_who_may_come_in(recording: Recording) -> None:
    args = oauth2_proxy_args()
    oidc = args.oidc.model_copy(update={"allowed_groups": ("ml", "ML Platform")})
    assert groups(recording) == []
    assert groups(build(replace(args, oidc=oidc))) == ["--allowed-group=ml", "--allowed-group=ML Platform"]


def test_the_secrets_are_files_that_the_stack_never_reads(recording: Recording) -> None:
    spec = recording.inputs("Deployment")["spec"]["template"]["spec"]
    assert {"name": "secrets", "secret": {"secretName": "login"}} in spec["volumes"]
    folders = {each["name"]: each["mountPath"] for each in container(recording)["volumeMounts"]}
    files = {name: path for name, path in flags(recording).items() if "secret" in name}
    assert files.keys() == {"client-secret-file", "cookie-secret-file"}
    assert {str(Path(path).parent) for path in files.values()} == {folders["secrets"]}
    assert "env" not in container(recording)
    assert recording.of("Secret") == []


def test_only_the_gateway_reaches_it_and_it_reaches_mlflow_and_its_issuer(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": 4180, "protocol": "TCP"}], "from": [GATEWAY]}]
    assert [[each["port"] for each in rule["ports"]] for rule in spec["egress"]] == [[5000], [443]]


def test_an_issuer_at_a_port_of_its_own_is_reached_there() -> None:
    args = oauth2_proxy_args()
    oidc = args.oidc.model_copy(update={"issuer_url": "https://login.example.com:8443"})
    egress = build(replace(args, oidc=oidc)).inputs("NetworkPolicy")["spec"]["egress"]
    assert egress[1:] == [{"ports": [{"port": 8443, "protocol": "TCP"}]}]


def test_in_a_stack_the_host_leads_to_the_login_without_anybody_s_token(stack: Recording) -> None:
    assert stack.inputs("HTTPRoute", "mlflow-route-route")["spec"]["rules"] == [
        {
            "backendRefs": [{"name": "mlflow-login", "namespace": "mlflow", "port": 4180}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["Authorization"]}}],
        }
    ]
    (allowed,) = stack.inputs("ReferenceGrant")["spec"]["to"]
    assert allowed == {"group": "", "kind": "Service", "name": "mlflow-login"}


def test_in_a_stack_the_gateway_reaches_the_login_and_no_longer_mlflow(stack: Recording) -> None:
    (to_login,) = stack.inputs("NetworkPolicy", "mlflow-login-servers")["spec"]["ingress"]
    (to_mlflow,) = stack.inputs("NetworkPolicy", "mlflow-ingress")["spec"]["ingress"]
    loop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bookstore-platform-ml"}}}
    assert to_login["from"] == [GATEWAY]
    assert to_mlflow["from"] == [loop, {"podSelector": {"matchLabels": LOGIN}}]


def test_in_a_stack_the_login_reaches_mlflow_s_servers(stack: Recording) -> None:
    egress = stack.inputs("NetworkPolicy", "mlflow-login-servers")["spec"]["egress"]
    assert egress[0]["to"] == [{"podSelector": {"matchLabels": SERVERS}}]


def test_a_route_without_login_hands_tokens_on() -> None:
    def program_of(**changes: Any) -> Recording:
        def made() -> None:
            opts = providers()
            MlflowRoute("it", replace(mlflow_route_args(opts), **changes), opts)

        return record(made)

    (rule,) = program_of(filters=[NO_TOKENS]).inputs("HTTPRoute")["spec"]["rules"]
    (plain,) = program_of().inputs("HTTPRoute")["spec"]["rules"]
    assert rule == plain | {"filters": [NO_TOKENS]}


@pytest.mark.parametrize(
    ("authenticates", "oidc", "warned"),
    [(False, None, True), (True, None, False), (False, OIDC, False)],
    ids=["neither", "gateway", "login"],
)
def test_a_host_that_nobody_guards_gets_a_warning(
    tmp_path: Path, authenticates: bool, oidc: dict[str, str] | None, warned: bool
) -> None:
    gateway = {"className": "example", "tlsSecret": "models-tls", "authenticates": authenticates}
    tracking = {"host": "mlflow.example.com"} | ({"oidc": oidc} if oidc else {})
    warnings = program.run("prod", tmp_path / "config", {"gateway": gateway, "tracking": tracking}).warnings
    message = "tracking.host has no login (tracking.oidc): anyone who reaches the gateway reads and writes in MLflow"
    assert warnings == ([message] if warned else [])
