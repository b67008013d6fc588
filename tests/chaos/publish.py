"""`python tests/chaos/publish.py MODEL`: one drift event from stdin; ends with 0 once every replica of Kafka has it."""

import os
import sys

from confluent_kafka import Producer

from contract.names import DRIFT_TOPIC
from loop.runtime.kafka import client_settings

SECONDS = 30


def main() -> int:
    failed: list[str] = []
    settings = {"acks": "all", "enable.idempotence": True, "message.timeout.ms": SECONDS * 1000}
    producer = Producer(client_settings(os.environ) | settings)

    def told(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    producer.produce(DRIFT_TOPIC, sys.stdin.read().encode(), key=sys.argv[1].encode(), on_delivery=told)
    left = producer.flush(SECONDS + 5)
    print(*failed, sep="\n", file=sys.stderr)
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())
