"""What a controller says: lines of JSON as Flux's write them, and events on its objects."""

from __future__ import annotations

import json
import sys
import traceback
from datetime import UTC, datetime

from labs.understudy.api_server import EVENT, ApiAway, ApiRefused, ApiServer, Kind, Object
from labs.understudy.objects import Key, condition, stamp

LONGEST = 1024
"""Characters that an event's message may have."""


def where(bug: BaseException) -> str:
    """Return an exception that nobody foresaw in one line: what it says, and where it came from."""
    said = traceback.format_exception_only(bug)[-1].strip()
    frames = traceback.extract_tb(bug.__traceback__)
    return f"{said} ({frames[-1].filename}:{frames[-1].lineno})" if frames else said


class Journal:
    """The log and the events of one controller."""

    def __init__(self, controller: str) -> None:
        self.controller = controller

    def say(self, level: str, message: str, key: Key | None = None) -> None:
        """Write a line to the log; `flux logs` reads it."""
        line: Object = {
            "level": level,
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "msg": message,
        }
        if key is not None:
            line |= {
                "controller": key.kind.lower(),
                "controllerKind": key.kind,
                key.kind: {"name": key.name, "namespace": key.namespace},
                "namespace": key.namespace,
                "name": key.name,
            }
        print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)

    def event(
        self, api: ApiServer, kind: Kind, found: Object, reason: str, message: str, ok: bool
    ) -> None:
        """Put an event on an object; `flux events` and `kubectl describe` show it."""
        meta = found["metadata"]
        now = stamp()
        body = {
            "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "reason": reason,
            "message": message[:LONGEST],
            "type": "Normal" if ok else "Warning",
            "source": {"component": self.controller},
            "reportingComponent": self.controller,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            api.create(EVENT, meta["namespace"], body)
        except (ApiAway, ApiRefused) as lost:  # what was done stays done without its event
            self.say("error", f"an event was lost: {lost}", Key.of(found))

    def tell_ready(self, api: ApiServer, kind: Kind, before: Object, after: Object) -> None:
        """Log an object's condition Ready, and put an event on it where the condition changed."""
        was, now = condition(before, "Ready"), condition(after, "Ready")
        ok = now["status"] == "True"
        self.say("info" if ok else "error", now["message"], Key.of(after))
        if any(was.get(word) != now[word] for word in ("status", "reason", "message")):
            self.event(api, kind, after, now["reason"], now["message"], ok)
