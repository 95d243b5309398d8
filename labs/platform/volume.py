"""Files of the host's put into a volume of the lab's, whole: who reads meets the old or the new.

A volume and no folder of the host's: it works the same with an engine in a VM or behind a context.
"""

from __future__ import annotations

from pathlib import Path

from labs.instance import Instance
from labs.platform import docker
from labs.platform.engine import docker as engine
from labs.platform.engine import label_options

PLACE = "/place"
MOVE = """set -eu; cd /place; chmod -R a+rX .new
for one in .new/*; do
    name=${one#.new/}
    if [ -d "$name" ]; then rm -rf "./$name"; fi
    mv -f "$one" "./$name"
done
rmdir .new"""


def fill(instance: Instance, part: str, folder: Path, image: str) -> None:
    """Put what is in a folder into the part's volume, by a container of an image with a shell."""
    helper = instance.container(f"{part}-filler")
    docker.remove_container(helper)  # of a run that was interrupted
    volume = docker.ensure_volume(instance, part)
    engine(
        *("create", "--name", helper, "--network=none", "--user=0", "--pull=never"),
        *("--cap-drop=ALL", "--cap-add=DAC_OVERRIDE", "--cap-add=FOWNER"),
        *(*label_options(instance.labels), f"--volume={volume}:{PLACE}"),
        *("--entrypoint=/bin/sh", image, "-c", MOVE),
    )
    try:
        engine("cp", f"{folder}/.", f"{helper}:{PLACE}/.new")
        engine("start", "--attach", helper)
    finally:
        docker.remove_container(helper)
