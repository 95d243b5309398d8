"""The console's process: `python -m labs.console`, started by `labs.platform.console`."""

from __future__ import annotations

import uvicorn

from labs.console.app import build
from labs.console.seat import seat
from labs.console.site import Site
from labs.instance import Instance
from labs.platform import console

CLOSE_SECONDS = 2


def main() -> None:
    """Serve the console of the lab that LAB_NAME names, on loopback, until told to end."""
    instance = Instance.current()
    site = Site(seat(instance), console.token(instance))
    site.start()
    uvicorn.run(
        build(site),
        host="127.0.0.1",
        port=instance.port("console"),
        access_log=False,  # an address may hold the token
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
    )


if __name__ == "__main__":
    main()
