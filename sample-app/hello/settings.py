"""What the environment may decide: the greeting, the colour, the port, how long to drain."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from hello import version
from hello.look import COLOURS

GREETING = "Hello"
LONGEST_GREETING = 120


class SettingError(Exception):
    """An environment variable holds what the app cannot use; the text says what it could."""


@dataclass(frozen=True)
class Settings:
    """What this process was told; `drain` is in seconds, `commit` and `built` are the image's."""

    greeting: str
    colour: str
    port: int
    drain: float
    commit: str
    built: str
    pod: str

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings in the environment. Raises SettingError."""
        colour = environ.get("COLOUR") or version.COLOUR
        if colour not in COLOURS:
            raise SettingError(f"COLOUR is {colour!r}; it can be one of: {', '.join(COLOURS)}")
        greeting = environ.get("GREETING", "").strip() or GREETING
        if len(greeting) > LONGEST_GREETING:
            raise SettingError(
                f"GREETING has {len(greeting)} characters; it can have at most {LONGEST_GREETING}"
            )
        return cls(
            greeting=greeting,
            colour=colour,
            port=int(_number(environ, "PORT", 8080, most=65535, whole=True)),
            drain=_number(environ, "DRAIN_SECONDS", 5, most=600),
            commit=environ.get("HELLO_COMMIT") or "unknown",
            built=environ.get("HELLO_BUILT") or "unknown",
            pod=socket.gethostname(),
        )


def _number(
    environ: Mapping[str, str], name: str, default: float, *, most: float, whole: bool = False
) -> float:
    text = environ.get(name) or str(default)
    kind = "a whole number" if whole else "a number"
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise SettingError(f"{name} is {text!r}; it can be {kind} from 0 to {most:.0f}") from None
    if not 0 <= value <= most:
        raise SettingError(f"{name} is {text}; it can be {kind} from 0 to {most:.0f}")
    return value
