"""The environment of every pod that talks to Kafka."""

from loop.runtime.kafka import client_settings


def test_the_environment_gives_the_clients_settings_and_nothing_else() -> None:
    assert client_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "kafka:9093",
            "KAFKA_SASL_PASSWORD": "secret",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SSL_CA_LOCATION": "",
            "KAFKA_PORT": "tcp://10.0.0.1:9092",
        }
    ) == {"bootstrap.servers": "kafka:9093", "security.protocol": "SASL_SSL", "sasl.password": "secret"}
