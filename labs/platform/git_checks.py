"""Brings promtool and amtool to the Git server, whose hook judges monitoring with them.

They are among the last parts to be there, the server among the first: so they are not in its image
but in a volume, which it sees and cannot write. A volume, and no folder of the host's: it works the
same with an engine in a VM or behind a context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from labs.instance import Instance
from labs.platform import docker, git_server
from labs.platform.engine import docker as engine
from labs.platform.engine import label_options
from labs.run import CommandFailed
from scripts.supply import api as supply

NAMES = ("promtool", "amtool")
MADE = "made.json"
PLACE = """cd "$1" && shift
for name; do chmod 0755 "$name.new" && mv -f "$name.new" "$name"; done
cat > made.json.new && mv -f made.json.new made.json"""
"""Puts whole files in place of those before, so that a push meets the old or the new."""


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Have the tools in the server's volume as they are in the supply. Raises NotReady."""
    tools = {name: supply.linux_tool(name) for name in NAMES}
    wanted = {name: _digest(path) for name, path in tools.items()}
    if there(instance) == wanted:
        return
    helper = instance.container("git-tools")
    docker.remove_container(helper)  # of a run that was interrupted
    volume = docker.ensure_volume(instance, "git-tools")
    place = git_server.TOOLS
    engine(
        *("create", "--interactive", "--name", helper, "--network=none", "--user=0"),
        *("--cap-drop=ALL", "--cap-add=DAC_OVERRIDE", "--cap-add=FOWNER", "--pull=never"),
        *(*label_options(instance.labels), f"--volume={volume}:{place}"),
        *("--entrypoint=/bin/sh", supply.image("git-server")),
        *("-c", PLACE, "sh", place, *NAMES),
    )
    try:
        for name, path in tools.items():
            engine("cp", "--follow-link", str(path), f"{helper}:{place}/{name}.new")
        engine("start", "--attach", "--interactive", helper, stdin=json.dumps(wanted))
    finally:
        docker.remove_container(helper)
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
