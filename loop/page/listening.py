"""How the page's programs listen: HTTP/1.1 alone, without a log of requests."""

import uvicorn
from starlette.applications import Starlette


def listener(app: Starlette, port: int) -> uvicorn.Server:
    """A server that does not run yet. On SIGTERM, it gives requests under way five seconds."""
    config = uvicorn.Config(
        app,
        host="0.0.0.0",  # noqa: S104  in a pod
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
