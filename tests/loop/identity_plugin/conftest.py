"""The helpers beside these tests are importable in every import mode of pytest."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from guarded import Things, seed
from guarded_server import GuardedServer
from token_reviews import TokenReviews


@pytest.fixture(scope="session")
def reviews() -> Iterator[TokenReviews]:
    with TokenReviews() as server:
        yield server


# One for each file: its tests delete and overwrite what is guarded.
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, reviews: TokenReviews) -> Iterator[GuardedServer]:
    guarded = GuardedServer(tmp_path_factory.mktemp("guarded-server"), reviews)
    guarded.start()
    guarded.wait()
    yield guarded
    guarded.stop()


@pytest.fixture(scope="module")
def things(server: GuardedServer) -> Things:
    """What belongs to the guarded model, written by its training."""
    return seed(server)
