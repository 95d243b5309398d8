"""The registry at the start of a lab: the images that there are by then, and no other tag.

A version's tag never moves, for whoever comes by the gate. A reset alone takes tags away and puts
them back, in the registry's own folders: what a tag named before stays in the store, untagged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from labs.errors import LabError
from labs.gitops.app_versions import APP
from labs.gitops.app_versions.trees import START
from labs.instance import Instance
from labs.platform import docker, kind, registry
from labs.platform.credentials import basic
from labs.platform.loopback import Answer, fetch
from labs.reset.app_history import Built
from labs.reset.app_images import Blob, image, tags_of
from labs.reset.notes import Notes
from labs.wait import NotYet
from scripts.supply import api as supply

USER = "instructor"
KINDS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "*/*",
)
"""What may be answered: a manifest of either kind, or a configuration."""
FOLDER = f"/srv/registry/data/docker/registry/v2/repositories/{APP}/_manifests"
KNOWN = f"cd {FOLDER}/revisions/sha256 && ls -1"
TAGGED = f"""\
set -eu
cd {FOLDER}
rm -rf tags.new
mkdir tags.new
while read -r tag digest; do
    mkdir -p "tags.new/$tag/current" "tags.new/$tag/index/sha256/$digest"
    printf 'sha256:%s' "$digest" > "tags.new/$tag/current/link"
    printf 'sha256:%s' "$digest" > "tags.new/$tag/index/sha256/$digest/link"
done
rm -rf tags.old
mv tags tags.old
mv tags.new tags
rm -rf tags.old
"""
"""Takes lines `tag digest`: all tags that there shall be. Tried again, it ends what it began."""


def put_back(
    instance: Instance,
    built: list[Built],
    notes: Notes,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, str]:
    """Make these versions the only ones of the app in the registry; return their digests.

    `built` begins with the version that comes with the lab, whose image is built on.
    """
    first = registry.digest(instance, APP, START)
    if first is None:
        archive = supply.image_archive(f"{registry.INNER_ADDRESS}/{APP}:{START}")
        first = registry.push_archive(instance, archive, f"{APP}:{START}", say)
    gate = instance.container("registry-gate")
    there = docker.exec_in(gate, "sh", "-c", KNOWN).split()
    digests, tags = {START: first}, {START: first}
    door: _Door | None = None
    for one in (one for one in built if one.number != START):
        known = f"{one.commit} on {first}"
        digest = notes.get(known)
        if digest.removeprefix("sha256:") not in there:
            door = door or _Door(instance)
            digest = door.push(one)
            notes.put(known, digest)
            say(f"{APP}:{one.number} put together, from commit {one.commit[:7]}")
        digests[one.number] = digest
        tags |= dict.fromkeys(tags_of(one), digest)
    lines = "".join(f"{tag} {digest.removeprefix('sha256:')}\n" for tag, digest in tags.items())
    docker.exec_in(gate, "sh", "-c", TAGGED, stdin=lines)
    return digests


def forget(instance: Instance, digests: Mapping[str, str]) -> None:
    """Have the cluster's node forget images of the app that are no longer what their tag says."""
    listed = docker.exec_in(kind.node(instance), "ctr", "--namespace=k8s.io", "images", "ls")
    stale = []
    for line in listed.splitlines():
        found = re.match(rf"{registry.INNER_ADDRESS}/{APP}:(\S+)\s+\S+\s+(sha256:\S+)", line)
        if found and found[1] != START and digests.get(found[1]) != found[2]:
            stale.append(f"{registry.INNER_ADDRESS}/{APP}:{found[1]}")
    if stale:
        words = ("ctr", "--namespace=k8s.io", "images", "rm", *stale)
        docker.exec_in(kind.node(instance), *words)


class _Door:
    """The registry's HTTP interface, entered as Instructor."""

    def __init__(self, instance: Instance) -> None:
        self._base = f"http://{registry.address(instance)}/v2/{APP}/"
        scope = f"service=registry&scope=repository:{APP}:pull,push"
        issued = self._ask(
            "GET",
            f"http://{registry.address(instance)}/auth/token?{scope}",
            {"Authorization": f"Basic {basic(instance, USER)}"},
        )
        self._token = str(json.loads(issued.body)["token"])

    def json(self, what: str) -> dict[str, Any]:
        """Return what is at a path below the repository."""
        accept = ", ".join(KINDS)
        return dict(json.loads(self._call("GET", what, {"Accept": accept}).body))

    def push(self, version: Built) -> str:
        """Put a version's image into the store, without a tag; return its digest.

        Its tags come with all others, at the end: a tag that stays would be refused at the gate
        where another image has it.
        """
        manifest = self.json(f"manifests/{START}")
        made = image(version, manifest, self.json(f"blobs/{manifest['config']['digest']}"))
        for blob in made.blobs:
            self._blob(blob)
        headers = {"Content-Type": made.media_type}
        self._call("PUT", f"manifests/{made.manifest.digest}", headers, made.manifest.content)
        return made.manifest.digest

    def _blob(self, blob: Blob) -> None:
        begun = self._call("POST", "blobs/uploads/", {}, b"")
        place = urljoin(self._base, str(begun.headers["Location"]))
        mark = "&" if "?" in place else "?"
        kind_ = {"Content-Type": "application/octet-stream"}
        self._ask(
            "PUT", f"{place}{mark}digest={blob.digest}", {**self._auth, **kind_}, blob.content
        )

    @property
    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _call(
        self, method: str, what: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        return self._ask(method, f"{self._base}{what}", {**self._auth, **headers}, body)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        try:
            answer = fetch(url, headers, method=method, body=body)
        except NotYet as silent:
            raise LabError(
                str(silent), expected="the lab's registry", todo="run it again; `make status`"
            ) from silent
        if answer.status >= 300:
            raise LabError(
                f"the registry answered {answer.status} to {method} {url}: {answer.body[:200]!r}",
                expected="an image taken in",
                todo="run it again; `make logs PART=registry` shows its side",
            )
        return answer
