"""What the workshop's app answers on the computer's own port, as anybody's browser would see it."""

from __future__ import annotations

import json
from typing import Any

from labs.instance import Instance
from labs.platform.loopback import fetch
from labs.wait import NotYet

ANSWER_SECONDS = 2.0


def address(instance: Instance) -> str:
    """Return where the app's page is."""
    return f"http://127.0.0.1:{instance.port('app')}/"


def answer(instance: Instance) -> dict[str, Any]:
    """Return what the app says of itself: version, greeting, colour, pod. Raises NotYet."""
    where = f"{address(instance)}api"
    found = fetch(where, timeout=ANSWER_SECONDS)
    if found.status != 200:
        raise NotYet(f"{where} answers {found.status}")
    try:
        return dict(json.loads(found.body))
    except ValueError as other:
        raise NotYet(f"{where} answers, and not as the app does") from other
