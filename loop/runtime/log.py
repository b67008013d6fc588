"""What a pod's program logs while it runs."""

import logging


def to_stderr() -> None:
    """Logs one line per event, with its time; called at the program's start.

    Libraries do not log each request, as an address may be a credential.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
