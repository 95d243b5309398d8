"""One of the processes in the cluster: `python3 -m labs.understudy reflector`, for example."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from labs.understudy import web
from labs.understudy.api_server import ApiServer
from labs.understudy.controller import Controller
from labs.understudy.reconciler import Reconciler

HEALTH_PORT = 9440
HOOK_PORT = 9292
CLONES = Path(os.environ.get("CLONES", "/data"))


def main(part: str) -> None:
    """Run one part until it is told to end."""
    controller, reconcile = _part(part, ApiServer.in_cluster())
    signal.signal(signal.SIGTERM, lambda *_: controller.stop())
    signal.signal(signal.SIGINT, lambda *_: controller.stop())
    web.serve_health(HEALTH_PORT, lambda: controller.ready)
    controller.journal.say("info", f"{controller.journal.controller}: the lab's understudy starts")
    controller.run(reconcile)


def _part(part: str, api: ApiServer) -> tuple[Controller, Reconciler]:
    # Each is imported only where it runs: a process is to hold no more than it needs.
    match part:
        case "reflector":
            from labs.understudy.reflector import Reflector

            reflector = Reflector(api)
            return reflector.controller, reflector.reconcile
        case "automation":
            from labs.understudy.automation import Automation

            automation = Automation(api, CLONES)
            return automation.controller, automation.reconcile
        case "receiver":
            from labs.understudy.receiver import Receivers

            receivers = Receivers(api)
            web.serve_hooks(HOOK_PORT, receivers.answer)
            return receivers.controller, receivers.reconcile
        case _:
            raise SystemExit(f"found:    {part!r}\nexpected: reflector, automation or receiver")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
