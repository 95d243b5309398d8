"""What the page shows, as JSON for programs."""

from __future__ import annotations

from typing import Any

from labs.receiver.board import Board


def told(board: Board) -> dict[str, Any]:
    """Return what fires, in its groups, what is silenced, what has ended, and what was told."""
    view = board.view()
    return {
        "trouble": view.trouble,
        "groups": [
            {
                "labels": dict(group.labels),
                "alerts": [
                    {
                        "name": one.name,
                        "state": one.state,
                        "labels": dict(one.labels),
                        "annotations": dict(one.annotations),
                        "since": one.since.isoformat(),
                        "told": view.told[one.fingerprint].isoformat()
                        if one.fingerprint in view.told
                        else None,
                        "silencedBy": list(one.silenced_by),
                        "fingerprint": one.fingerprint,
                    }
                    for one in group.alerts
                ],
            }
            for group in view.groups
        ],
        "silences": [
            {
                "id": one.id,
                "matchers": list(one.matchers),
                "by": one.by,
                "reason": one.reason,
                "until": one.until.isoformat(),
            }
            for one in view.silences
        ],
        "resolved": [
            {
                "name": one.name,
                "labels": dict(one.labels),
                "annotations": dict(one.annotations),
                "since": one.since.isoformat(),
                "until": one.until.isoformat(),
            }
            for one in view.ended
        ],
        "notifications": [
            {
                "when": one.when.isoformat(),
                "status": one.status,
                "group": dict(one.group),
                "alerts": [dict(each) for each in one.alerts],
            }
            for one in board.notifications()
        ],
    }
