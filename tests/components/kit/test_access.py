"""How a pod uses services."""

from components.kit.access import NOTHING, Access
from components.kit.network import ANYWHERE, Allowance

STORE = Access(
    env=[{"name": "STORE", "value": "s3"}],
    mounts=[{"name": "ca", "mount_path": "/ca"}],
    volumes=[{"name": "ca", "secret": {"secret_name": "ca"}}],
    labels={"client-of-store": "true"},
    egress=[Allowance(ports=(443,), peers=ANYWHERE)],
)
BROKER = Access(
    env=[{"name": "BROKER", "value": "kafka"}],
    labels={"client-of-broker": "true"},
    egress=[Allowance(ports=(9092,), peers=ANYWHERE)],
)


def test_two_services_are_what_both_ask_for_in_order() -> None:
    both = STORE + BROKER
    assert [each["name"] for each in both.env if "name" in each] == ["STORE", "BROKER"]
    assert both.labels == {"client-of-store": "true", "client-of-broker": "true"}
    assert [allowed.ports for allowed in both.egress] == [(443,), (9092,)]
    assert (list(both.mounts), list(both.volumes)) == (STORE.mounts, STORE.volumes)


def test_access_to_nothing_adds_nothing() -> None:
    assert NOTHING + STORE + NOTHING == STORE
