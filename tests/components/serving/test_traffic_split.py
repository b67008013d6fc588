"""The address of a model, and how its requests are split."""

from dataclasses import replace
from typing import Any

import pytest

from components.serving.gateway import Gateway, GatewayArgs
from components.serving.serving import Serving
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from tests.components.arguments import gateway_args, serving_args
from tests.components.given import providers
from tests.components.table import traffic_split_args
from tests.program.mocks import Recording, record


def split(canary_percent: int, *, in_production: bool = True, gateway: GatewayArgs | None = None) -> Recording:
    def build() -> None:
        opts = providers()
        serving = Serving("serving", replace(serving_args(), in_production=in_production), opts)
        made = Gateway("models", gateway or gateway_args(), opts)
        TrafficSplit("it", TrafficSplitArgs(gateway=made, serving=serving, canary_percent=canary_percent), opts)

    return record(build)


def weights(recording: Recording) -> dict[str, int]:
    (rule,) = recording.inputs("HTTPRoute")["spec"]["rules"]
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


@pytest.mark.parametrize("percent", [0, 10, 100])
def test_staging_answers_its_share_and_production_the_rest(percent: int) -> None:
    expected = {"recommender-production-predictor": 100 - percent, "recommender-staging-predictor": percent}
    assert weights(split(percent)) == expected


def test_before_the_first_production_version_staging_answers_everything() -> None:
    assert weights(split(10, in_production=False)) == {"recommender-staging-predictor": 100}


def test_the_route_leads_to_predictions_and_to_nothing_else_of_the_servers() -> None:
    (rule,) = split(10).inputs("HTTPRoute")["spec"]["rules"]
    assert {match["path"]["value"]: match["path"]["type"] for match in rule["matches"]} == {
        "/v1/models/recommender": "Exact",
        "/v1/models/recommender:predict": "Exact",
        "/v2/models/recommender": "PathPrefix",
    }


def test_the_route_comes_after_the_gateway_has_its_address() -> None:
    recording = split(10)
    assert recording.inputs("HTTPRoute")["spec"]["parentRefs"] == [{"name": "models"}]
    assert "models-gateway" in recording.only("HTTPRoute").depends_on


def test_the_predict_url_is_below_the_gateway_s_address() -> None:
    urls: list[Any] = []

    def build() -> None:
        opts = providers()
        url = TrafficSplit("front", traffic_split_args(opts), opts).predict_url
        assert url is not None
        url.apply(urls.append)

    record(build)
    assert urls == ["http://192.0.2.1/v1/models/recommender:predict"]


def test_a_client_cannot_say_whose_prediction_it_is() -> None:
    (rule,) = split(10).inputs("HTTPRoute")["spec"]["rules"]
    removed = {"remove": ["X-Tenant", "X-User-Id"]}
    assert rule["filters"] == [{"type": "RequestHeaderModifier", "requestHeaderModifier": removed}]


def test_a_gateway_that_authenticates_may_say_whose_prediction_it_is() -> None:
    (rule,) = split(10, gateway=replace(gateway_args(), authenticates=True)).inputs("HTTPRoute")["spec"]["rules"]
    assert rule["filters"] == []


def test_a_gateway_with_a_certificate_speaks_https_and_nothing_else() -> None:
    found: list[Any] = []
    args = replace(gateway_args(), tls_secret="models-tls")
    recording = record(lambda: Gateway("it", args, providers()).url.apply(found.append))
    (listener,) = recording.inputs("Gateway", "it-gateway")["spec"]["listeners"]
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["tls"] == {"mode": "Terminate", "certificateRefs": [{"name": "models-tls"}]}
    assert found == ["https://192.0.2.1"]


def test_the_gateway_counts_as_made_once_its_controller_serves_it() -> None:
    metadata = split(10).inputs("Gateway", "models-gateway")["metadata"]
    assert metadata["annotations"] == {"pulumi.com/waitFor": "condition=Programmed"}


def test_routes_of_other_namespaces_cannot_take_the_models_paths() -> None:
    (listener,) = split(10).inputs("Gateway", "models-gateway")["spec"]["listeners"]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}
