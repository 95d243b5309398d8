"""Brings promtool and amtool to the Git server, whose hook judges monitoring with them.

They are among the last parts to be there, the server among the first: so they are not in its image
but in a volume, which it sees and cannot write.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from labs.instance import Instance
from labs.platform import docker, git_server, volume
from labs.run import CommandFailed
from scripts.supply import api as supply

NAMES = ("promtool", "amtool")
MADE = "made.json"


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Have the tools in the server's volume as they are in the supply. Raises NotReady."""
    tools = {name: supply.linux_tool(name) for name in NAMES}
    wanted = {name: _digest(path) for name, path in tools.items()}
    if there(instance) == wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, path in tools.items():
            shutil.copy(path, Path(folder) / name)
        (Path(folder) / MADE).write_text(json.dumps(wanted))
        volume.fill(instance, "git-tools", Path(folder), supply.image("git-server"))
    say(f"the Git server can judge monitoring with {' and '.join(NAMES)}")


def there(instance: Instance) -> dict[str, str]:
    """Return the digest of each tool that the server has; {} where it has none yet."""
    try:
        made = docker.exec_in(instance.container("git"), "cat", f"{git_server.TOOLS}/{MADE}")
    except CommandFailed:
        return {}
    return dict(json.loads(made))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
