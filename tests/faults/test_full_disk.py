"""The disk of the Git server, and of the registry, is full; the pusher is told, nothing is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from labs.instance import Instance
from labs.platform import git_server, registry
from labs.platform.loopback import DIRECT
from labs.run import CommandFailed, run
from scripts.supply import api as supply
from tests.cluster.test_git_server import MEGABYTE, Clone
from tests.faults import full_disk, judge
from tests.faults.trial import Trial

Record = Callable[[str, object], None]


def test_full_disk_of_the_git_server(
    small: Instance, tmp_path: Path, record_property: Record
) -> None:
    seed(small, tmp_path)
    mine = Clone(small, "config", tmp_path / "mine")
    name = "the Git server's disk is full"
    with Trial(small, record_property, name, looks=judge.SERVERS, by="room") as trial:
        wanted = mine.commit("big.bin", os.urandom(2 * MEGABYTE))
        full_disk.fill(small, "git")
        said = mine.push_refused()
        trial.seen.append(told(said))
        # Readers are served all the while, and the commit is still where it was made.
        assert Clone(small, "config", tmp_path / "reader").git("rev-parse", "HEAD").strip()
        assert mine.git("rev-parse", "HEAD").strip() == wanted
        trial.begin()
        full_disk.make_room(small, "git")
        mine.push()
    served = mine.git("ls-remote", "origin", "refs/heads/main").split()[0]
    assert served == wanted
    assert "disk of the Git server is full" in said


def test_full_disk_of_the_registry(
    small: Instance, tmp_path: Path, record_property: Record
) -> None:
    seed(small, tmp_path)
    archive = supply.image_archive("registry:5000/hello:0.9.0")
    registry.push_archive(small, archive, "hello:0.9.0")
    other = tmp_path / "other.tar"
    # Another image, of which the registry has no layer yet.
    layer = tmp_path / "layer.tar"
    (tmp_path / "file.bin").write_bytes(os.urandom(8 * MEGABYTE))
    run("tar", "--create", f"--file={layer}", "file.bin", cwd=tmp_path)
    crane = supply.tool("crane")
    run(crane, "append", f"--new_layer={layer}", "--new_tag=hello:9.0.0", f"--output={other}")
    name = "the registry's disk is full"
    with Trial(
        small, record_property, name, looks=[*judge.SERVERS, judge.layers], by="room"
    ) as trial:
        full_disk.fill(small, "registry")
        with pytest.raises(CommandFailed) as refused:
            registry.push_archive(small, other, "hello:9.0.0")
        trial.seen.append(told(refused.value.stderr))
        assert registry.tags(small, "hello") == ["0.9.0"]
        address = registry.address(small).replace("127.0.0.1", "localhost")
        run(crane, "validate", "--remote", f"{address}/hello:0.9.0", env=DIRECT)
        trial.begin()
        full_disk.make_room(small, "registry")
        registry.push_archive(small, other, "hello:9.0.0")
    assert registry.tags(small, "hello") == ["0.9.0", "9.0.0"]


def seed(small: Instance, folder: Path) -> None:
    """Have a repository on the Git server: it is judged as well, whichever disk was full."""
    template = folder / "template"
    template.mkdir()
    (template / "README.md").write_text("# A repository\n")
    git_server.create_repo(small, "config")
    git_server.seed(small, "config", template)


def told(text: str) -> str:
    """Return the line that says it best: what the pusher reads."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    speaking = [line for line in lines if re.search("space|full|room|error|fatal", line, re.I)]
    return (speaking or lines)[0]
