"""One reconcile, as it is for every kind: read, judge the spec, do the work, write the status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labs.understudy.api_server import ApiAway, ApiRefused, Kind, Object
from labs.understudy.controller import Again, Controller
from labs.understudy.coverage import require_covered
from labs.understudy.objects import (
    Failed,
    Key,
    failed,
    merge_patch,
    requested,
    succeeded,
    suspended,
)


@dataclass(frozen=True)
class Outcome:
    """What a reconcile that went well came to."""

    message: str
    fields: Mapping[str, Any]
    again: float | None
    """Seconds to the next one; None for "only when something changes"."""
    done: str = ""
    """What was done beyond a look, for an event of its own."""


Work = Callable[[Object], Outcome]


class Reconciler:
    """Reconciles the objects of some kinds, each by its own work."""

    def __init__(self, controller: Controller, works: Mapping[Kind, Work]) -> None:
        self._controller = controller
        self._works = {kind.kind: (kind, work) for kind, work in works.items()}

    def __call__(self, key: Key) -> float | None:
        """Reconcile one object. Raises Again, what the API server says, or what nobody foresaw."""
        kind, work = self._works[key.kind]
        api, journal = self._controller.api, self._controller.journal
        found = api.get(kind, key.namespace, key.name)
        if found is None:
            return None
        if suspended(found):
            journal.say("info", "reconciliation is suspended for this object", key)
            return None
        try:
            require_covered(found)
            outcome = work(found)
        except Failed as error:
            self._write(kind, found, failed(found, error))
            if error.retry:
                raise Again from error
            return None
        except (ApiAway, ApiRefused):
            raise
        except Exception as bug:
            self._write(
                kind, found, failed(found, Failed("Bug", f"a bug of the understudy: {bug!r}"))
            )
            raise
        if outcome.done:
            journal.say("info", outcome.done, key)
            journal.event(api, kind, found, "Succeeded", outcome.done, ok=True)
        self._write(kind, found, succeeded(found, outcome.fields, outcome.message))
        return outcome.again

    def _write(self, kind: Kind, found: Object, status: Object) -> None:
        api, key = self._controller.api, Key.of(found)
        if change := merge_patch(found.get("status") or {}, status):
            api.patch(kind, key.namespace, key.name, {"status": change}, "status")
        after = {**found, "status": status}
        self._controller.journal.tell_ready(api, kind, found, after)


def newly_requested(found: Object) -> bool:
    """Return whether somebody asks for a reconcile that was not yet made."""
    handled = (found.get("status") or {}).get("lastHandledReconcileAt", "")
    return requested(found) not in ("", handled)
