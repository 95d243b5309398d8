"""Flux's objects: what their specs may hold here, and their statuses as Flux writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labs.understudy.api_server import Object

REQUESTED = "reconcile.fluxcd.io/requestedAt"
"""The annotation by which anybody may ask for a reconcile."""
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, order=True)
class Key:
    """Which object."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, found: Object) -> Key:
        """Return an object's key."""
        meta = found["metadata"]
        return cls(str(found["kind"]), str(meta["namespace"]), str(meta["name"]))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Failed(Exception):
    """A reconcile that is worth another attempt; carries the reason and fields of the status."""

    retry = True

    def __init__(self, reason: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.reason = reason
        self.fields = fields


class Waiting(Failed):
    """As Failed, but for something whose change wakes the object up anyway."""

    retry = False


class Stalled(Failed):
    """A reconcile that no attempt mends: somebody has to change the spec."""

    retry = False


def generation(found: Object) -> int:
    """Return how often the spec was changed."""
    return int(found["metadata"].get("generation", 0))


def requested(found: Object) -> str:
    """Return the last request for a reconcile, or ''."""
    return str((found["metadata"].get("annotations") or {}).get(REQUESTED, ""))


def suspended(found: Object) -> bool:
    """Return whether the object is to be left alone."""
    return bool(found["spec"].get("suspend"))


def seconds(duration: str) -> float:
    """Return a Go duration such as `1m30s` in seconds."""
    return sum(float(number) * UNITS[unit] for number, unit in DURATION.findall(duration))


def stamp(moment: datetime | None = None) -> str:
    """Return a time (default: now) as Kubernetes writes one."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Return a time that Kubernetes wrote."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def condition(found: Object, type_: str) -> Mapping[str, Any]:
    """Return an object's condition, or {}."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((dict(one) for one in conditions if one["type"] == type_), {})


def is_ready(found: Object) -> bool:
    """Return whether an object says that all is well with it."""
    return condition(found, "Ready").get("status") == "True"


def succeeded(found: Object, fields: Mapping[str, Any], message: str) -> Object:
    """Return the status after a reconcile that went well."""
    status = {**_handled(found), **fields, "observedGeneration": generation(found)}
    status["conditions"] = [_condition(found, "Ready", "True", "Succeeded", message)]
    return status


def failed(found: Object, error: Failed) -> Object:
    """Return the status after a reconcile that failed, as kstatus reads it."""
    told = str(error)
    ready = _condition(found, "Ready", "False", error.reason, told)
    status = {**_handled(found), **error.fields}
    if isinstance(error, Stalled):
        status["observedGeneration"] = generation(found)
        status["conditions"] = [_condition(found, "Stalled", "True", error.reason, told), ready]
    else:
        again = _condition(found, "Reconciling", "True", "ProgressingWithRetry", told)
        status["conditions"] = [again, ready]
    return status


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    """Return what turns `old` into `new` when it is merged: what went away becomes null."""
    change: Object = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := merge_patch(before, value):
                change[key] = inner
        elif value != before:
            change[key] = value
    return change


def _handled(found: Object) -> Object:
    """Return the status as it was, with the last request for a reconcile noted as handled."""
    status = dict(found.get("status") or {})
    if request := requested(found):
        status["lastHandledReconcileAt"] = request
    return status


def _condition(found: Object, type_: str, status: str, reason: str, message: str) -> Object:
    before = condition(found, type_)
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message[:20000],
        "observedGeneration": generation(found),
        "lastTransitionTime": since or stamp(),
    }
