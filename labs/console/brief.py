"""Keeps answers for a moment: however many look at a page, what it asks for is asked once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from labs.errors import LabError

T = TypeVar("T")
MOST = 48


@dataclass
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: list[T] = field(default_factory=list)
    """Empty until there is one."""
    refusal: LabError | None = None


class Brief(Generic[T]):
    """Answers by a key that has the moment in it; the oldest are dropped."""

    def __init__(self, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._most = most

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer of a key; who comes while it is asked for waits for the same one.

        A LabError is an answer like another: it is raised again until the key is a new one.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        with entry.lock:
            if not entry.answer and entry.refusal is None:
                try:
                    entry.answer.append(ask())
                except LabError as refusal:
                    entry.refusal = refusal
        if entry.refusal is not None:
            raise entry.refusal
        return entry.answer[0]
