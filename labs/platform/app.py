"""What the workshop's app answers on the computer's own port, as anybody's browser would see it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from labs.instance import Instance
from labs.wait import NotYet

ANSWER_SECONDS = 2.0


def address(instance: Instance) -> str:
    """Return where the app's page is."""
    return f"http://127.0.0.1:{instance.port('app')}/"


def answer(instance: Instance) -> dict[str, Any]:
    """Return what the app says of itself: version, greeting, colour, pod. Raises NotYet."""
    where = f"{address(instance)}api"
    try:
        with urllib.request.urlopen(where, timeout=ANSWER_SECONDS) as reply:
            return dict(json.load(reply))
    except (OSError, ValueError) as nothing:
        reason = getattr(nothing, "reason", nothing)
        raise NotYet(f"{where} gives no answer ({reason})") from nothing
