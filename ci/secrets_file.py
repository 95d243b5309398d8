"""The secrets of dispatcher and runner: a file that `lab up` writes into the container's volume."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from pathlib import Path


def path() -> Path:
    """Return where the secrets of this container are."""
    return Path(os.environ["CI_SECRETS"])


def read() -> dict[str, str]:
    """Return the secrets; none before they were given."""
    try:
        found = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def of_workflows() -> dict[str, str]:
    """Return the secrets that a workflow can name: those that are written in capitals."""
    return {name: value for name, value in read().items() if name.isupper()}


def signature(secret: str, body: bytes) -> str:
    """Return the header `X-Signature` of a request, as Flux's receivers expect it too."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def signed(secret: str, body: bytes, header: str) -> bool:
    """Return whether the header signs the body; without a secret nothing is signed."""
    return bool(secret) and hmac.compare_digest(signature(secret, body), header)


def main() -> None:
    """Keep what comes on stdin; a reader sees the old file or the new one."""
    text = sys.stdin.read()
    json.loads(text)
    temporary = path().with_name(".secrets.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path())


if __name__ == "__main__":
    main()
