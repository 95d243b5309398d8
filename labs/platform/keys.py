"""Hides the kubeconfig, the key to the cluster, and puts it back.

It is moved, never copied or changed, and `lab.start` and `make up` put it back as well: nobody can
lose it by a restarted kernel or a forgotten step.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from labs.errors import LabError
from labs.instance import Instance, write_json


def hide(instance: Instance) -> bool:
    """Move the kubeconfig away; return False if it was hidden already."""
    if hidden(instance):
        return False
    if not instance.kubeconfig.exists():
        raise LabError(
            f"no kubeconfig at {instance.kubeconfig}",
            expected="the key that `make up` has put there",
            todo="run `make up`",
        )
    instance.kubeconfig.replace(_away(instance))
    _note(instance, [*_spans(instance), (time.time(), None)])
    return True


def put_back(instance: Instance) -> bool:
    """Put the kubeconfig back; return False if it was in its place."""
    spans = _spans(instance)
    if spans and spans[-1][1] is None:
        _note(instance, [*spans[:-1], (spans[-1][0], time.time())])
    if not _away(instance).exists():
        return False
    if instance.kubeconfig.exists():  # `make up` wrote a new one meanwhile: that one is right
        _away(instance).unlink()
        return False
    _away(instance).replace(instance.kubeconfig)
    return True


def hidden(instance: Instance) -> bool:
    """Return whether the kubeconfig is hidden now."""
    return _away(instance).exists() and not instance.kubeconfig.exists()


def was_hidden(instance: Instance, at: float | None = None) -> bool:
    """Return whether the kubeconfig was hidden at a time (Unix seconds), or ever."""
    return any(
        at is None or begin <= at <= (end if end is not None else time.time())
        for begin, end in _spans(instance)
    )


def _away(instance: Instance) -> Path:
    return instance.root / "kubeconfig.hidden"


def _spans(instance: Instance) -> list[tuple[float, float | None]]:
    path = instance.root / "keyless.json"
    if not path.exists():
        return []
    return [(begin, end) for begin, end in json.loads(path.read_text())]


def _note(instance: Instance, spans: list[tuple[float, float | None]]) -> None:
    write_json(instance.root / "keyless.json", spans)
