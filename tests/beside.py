"""Runs a coroutine from a test, whatever else runs in its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def ended(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns. In a thread of its own: Playwright's loop is in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
