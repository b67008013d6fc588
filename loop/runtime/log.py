"""What a program of a pod says while it runs."""

import logging


def to_stderr() -> None:
    """One line per event, with its time: for the program's start, before anything is logged.

    A library that tells each request does not: an address may be a credential.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
