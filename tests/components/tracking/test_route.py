"""MLflow's host name at the gateway."""

from components.tracking.route import MlflowRoute
from tests.components.given import providers
from tests.components.table import mlflow_route_args
from tests.program.mocks import Recording, record


def build() -> Recording:
    def program() -> None:
        opts = providers()
        MlflowRoute("it", mlflow_route_args(opts), opts)

    return record(program)


def test_the_host_leads_to_mlflow_and_no_other_host_does() -> None:
    spec = build().inputs("HTTPRoute")["spec"]
    assert spec["hostnames"] == ["mlflow.example.com"]
    assert spec["rules"] == [{"backendRefs": [{"name": "mlflow", "namespace": "mlflow", "port": 5000}]}]


def test_the_grant_is_for_routes_of_the_gateway_s_namespace_to_mlflow_alone() -> None:
    grant = build().inputs("ReferenceGrant")
    assert grant["metadata"]["namespace"] == "mlflow"
    assert grant["spec"] == {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "loop"}],
        "to": [{"group": "", "kind": "Service", "name": "mlflow"}],
    }


def test_the_url_has_the_gateway_s_scheme() -> None:
    assert build().only("MlflowRoute").outputs == {"url": "http://mlflow.example.com"}
