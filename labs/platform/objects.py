"""The cluster's objects, as plain dicts, and what they say of themselves.

They have the shape that `kubectl get -o json` prints.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[Object]


def pod_state(pod: Object) -> str:
    """Return `Ready`, `Terminating`, the reason why a container waits, or the pod's phase."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = pod.get("status", {})
    if any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])):
        return "Ready"
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return str(waiting.get("reason", "Waiting"))
    return str(status.get("phase", "Unknown"))


def condition(found: Object | None, type_: str) -> tuple[str, str]:
    """Return status (`True`, `False`, `Unknown`) and message of an object's condition."""
    for entry in (found or {}).get("status", {}).get("conditions", []):
        if entry["type"] == type_:
            return str(entry["status"]), str(entry.get("message", ""))
    return "Unknown", ""


def since(found: Object | None, type_: str) -> str:
    """Return the time at which a condition became `True`; empty if it is not."""
    for entry in (found or {}).get("status", {}).get("conditions", []):
        if (entry["type"], entry["status"]) == (type_, "True"):
            return str(entry["lastTransitionTime"])
    return ""
