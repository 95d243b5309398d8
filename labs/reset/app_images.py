"""Images of the app's versions without a build: 0.9.0's image, and one layer with the app on top.

Built by CI, each takes ten seconds and more; put together here, a tenth of one. Once it is in the
registry's store, a reset only gives it its tag again.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from labs.gitops.app_versions import APP
from labs.gitops.images import LABEL
from labs.reset.app_history import Built

OPAQUE = ".wh..wh..opq"
"""In a layer: nothing of what lower layers have in this folder is seen."""
SOURCE = "http://git/app.git"
OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"


@dataclass(frozen=True)
class Blob:
    """Content by its digest."""

    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """What the registry needs for a version: its manifest, and the blobs that are its own."""

    manifest: Blob
    media_type: str
    blobs: tuple[Blob, ...]


def tags_of(built: Built) -> tuple[str, str]:
    """Return the two tags that CI gives an image: its version, and its commit."""
    return built.number, f"sha-{built.commit[:12]}"


def image(built: Built, manifest: dict[str, Any], config: dict[str, Any]) -> Image:
    """Return a version's image, given manifest and configuration of the first version's."""
    layer = _layer(built.files() / APP, datetime.fromisoformat(built.created))
    packed = Blob(gzip.compress(layer, mtime=0))
    configuration = Blob(_json(_config(built, config, f"sha256:{_sha(layer)}")))
    changed = copy.deepcopy(manifest)
    changed["config"] |= {"digest": configuration.digest, "size": len(configuration.content)}
    docker = str(manifest.get("mediaType", "")).startswith(DOCKER)
    kind = f"{DOCKER}.image.rootfs.diff.tar.gzip" if docker else f"{OCI}.layer.v1.tar+gzip"
    changed["layers"].append(
        {"mediaType": kind, "size": len(packed.content), "digest": packed.digest}
    )
    media_type = str(manifest.get("mediaType") or f"{OCI}.manifest.v1+json")
    return Image(Blob(_json(changed)), media_type, (packed, configuration))


def _config(built: Built, config: dict[str, Any], layer: str) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    for of_the_build in ("container", "container_config"):
        changed.pop(of_the_build, None)
    changed["created"] = built.created
    changed["rootfs"]["diff_ids"].append(layer)
    changed["history"].append({"created": built.created, "created_by": f"COPY {APP} {APP}"})
    inner = changed["config"]
    inner["Labels"] = {
        **{k: v for k, v in (inner.get("Labels") or {}).items() if k.startswith(LABEL)},
        f"{LABEL}.version": built.number,
        f"{LABEL}.revision": built.commit,
        f"{LABEL}.created": built.created,
        f"{LABEL}.source": SOURCE,
    }
    kept = [one for one in inner["Env"] if not one.startswith(("HELLO_COMMIT=", "HELLO_BUILT="))]
    inner["Env"] = [*kept, f"HELLO_COMMIT={built.commit}", f"HELLO_BUILT={built.created}"]
    return changed


def _layer(package: Path, when: datetime) -> bytes:
    """Return a layer that makes /app/hello what the folder is: the same bytes every time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, content: bytes | None) -> None:
            entry = tarfile.TarInfo(name)
            entry.mtime = int(when.timestamp())
            entry.mode = 0o755 if content is None else 0o644
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))

        add("app", None)
        add(f"app/{package.name}", None)
        add(f"app/{package.name}/{OPAQUE}", b"")
        for path in sorted(package.rglob("*")):
            name = f"app/{package.name}/{path.relative_to(package).as_posix()}"
            add(name, None if path.is_dir() else path.read_bytes())
    return out.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
