"""Downloads over HTTP, checked against a published list of sha256 sums."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabError
from scripts.supply.cache import sha256

TIMEOUT = 60.0
"""Seconds without a byte after which a download is given up."""
TRIES = 3


def fetch(address: str, target: Path, tell: Callable[[str], None]) -> None:
    """Download a file. Raises LabError with the address and the reason."""
    name = address.rsplit("/", 1)[-1]
    for attempt in range(1, TRIES + 1):
        try:
            with (
                urllib.request.urlopen(address, timeout=TIMEOUT) as answer,
                target.open("wb") as out,
            ):
                total = int(answer.headers.get("Content-Length") or 0)
                done = 0
                while block := answer.read(1 << 20):
                    out.write(block)
                    done += len(block)
                    of = f" of {total >> 20}" if total else ""
                    tell(f"download {name}: {done >> 20}{of} MiB")
            if total and done != total:
                raise OSError(f"{done} of {total} bytes")
            return
        except urllib.error.HTTPError as refused:
            if refused.code < 500 or attempt == TRIES:
                raise _failed(address, f"HTTP {refused.code} {refused.reason}") from refused
        except OSError as wrong:
            if attempt == TRIES:
                raise _failed(address, str(wrong)) from wrong
        tell(f"download {name}: try {attempt + 1} of {TRIES}")


def published_sum(sums: str, name: str) -> str:
    """Return the sha256 of a file by its name in the text of a list, or a list of one sum alone."""
    lines = [line.split() for line in sums.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) == 1:
        return _hex(lines[0][0], name)
    for words in lines:
        if len(words) == 2 and words[1].lstrip("*").rsplit("/", 1)[-1] == name:
            return _hex(words[0], name)
    raise LabError(
        f"the published list of sums has no line for {name}",
        expected="one line `<sha256>  <name>`",
        todo="compare the tool's `pull` and `sums` in scripts/supply/images.toml",
    )


def check(path: Path, wanted: str, address: str) -> None:
    """Raise LabError, and remove the file, if its sha256 is another one."""
    found = sha256(path)
    if found != wanted:
        path.unlink()
        raise LabError(
            f"{address} was downloaded with sha256 {found}",
            expected=f"sha256 {wanted}, as published beside it",
            todo="run the command again; if it stays so, the file was changed on its way: tell the "
            "owner of the mirror or network",
        )


def _hex(word: str, name: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", word):
        raise LabError(
            f"the published sum of {name} is {word[:80]!r}",
            expected="64 hexadecimal digits",
            todo="see what the address in scripts/supply/images.toml answers",
        )
    return word


def _failed(address: str, why: str) -> LabError:
    return LabError(
        f"{address}: {why}",
        expected="the file",
        todo="check the network; LAB_MIRROR names a mirror, LAB_SUPPLY=source needs no download of "
        "published files",
    )
