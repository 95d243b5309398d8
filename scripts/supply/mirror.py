"""Where images and tools are pulled from: their own addresses, or those that LAB_MIRROR names.

    LAB_MIRROR="registry=127.0.0.1:5001 tools=http://127.0.0.1:8001"

Either may stand alone. An image then is `127.0.0.1:5001/ghcr.io/fluxcd/…`, a tool's address
`http://127.0.0.1:8001/dl.k8s.io/release/…`: the original host becomes the first word of the path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from labs.errors import LabError

VARIABLE = "LAB_MIRROR"


@dataclass(frozen=True)
class Mirror:
    """A registry (`host[:port][/path]`) and a base address for tools; empty for none."""

    registry: str = ""
    tools: str = ""

    @classmethod
    def current(cls) -> Mirror:
        """Return what LAB_MIRROR says. Raises LabError for anything but the two words."""
        text = os.environ.get(VARIABLE, "")
        words: dict[str, str] = {}
        for word in text.split():
            key, equals, value = word.partition("=")
            if key not in ("registry", "tools") or not equals or not value or key in words:
                raise _wrong(text, f"{word!r} is not registry=… or tools=…, each once")
            words[key] = value.rstrip("/")
        if "://" in words.get("registry", ""):
            raise _wrong(text, "the registry is a name, without http://")
        if words.get("tools") and urlsplit(words["tools"]).scheme not in ("http", "https"):
            raise _wrong(text, "the tools' base address begins with http:// or https://")
        return cls(words.get("registry", ""), words.get("tools", ""))

    def image(self, name: str) -> str:
        """Return where to pull an image from, by its name without a tag."""
        return f"{self.registry}/{name}" if self.registry else name

    def tool(self, address: str) -> str:
        """Return where to download a tool from, by its original address."""
        if not self.tools:
            return address
        parts = urlsplit(address)
        return f"{self.tools}/{parts.netloc}{parts.path}"


def _wrong(text: str, why: str) -> LabError:
    return LabError(
        f"{VARIABLE}={text!r}: {why}",
        expected='for example "registry=mirror.example:5000 tools=http://mirror.example:8000"',
        todo=f"correct or unset {VARIABLE}",
    )
