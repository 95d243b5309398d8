"""Image automation in the config repo: its controllers, its objects, and what binds them together.

The controllers are Flux's own where they can be had, and the lab's understudy elsewhere; all else
is the same. Secrets never go through Git: the lab makes them in the cluster.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from labs.gitops.draft import Draft
from labs.instance import Instance
from labs.platform import credentials, files, flux, kubernetes
from scripts.supply import api as supply

HERE = Path(__file__).parent
CONTROLLERS = "infrastructure/controllers/image-automation"
OBJECTS = "automation"
COMPONENTS = (
    "image-reflector-controller",
    "image-automation-controller",
    "notification-controller",
)
"""The Deployments' names, in either case."""
RECEIVER = "git-server"
NODE_PORT = 30090
POLICY = "flux-system:hello-production"
MARKED = "apps/production/hello.yaml"
WRITER_SECRET = "flux-writer"  # noqa: S105 - a name
TOKEN_SECRET = "webhook-token"  # noqa: S105 - a name


def install(draft: Draft, cluster_folder: str) -> None:
    """Add all of image automation to the config repo, and the marker to the app's image.

    The controllers are brought up to date; objects that are there stay as somebody set them.
    """
    there = draft.files()
    wiring = (HERE / "wiring" / "automation.yaml").read_text()
    for path, text in {**objects(), f"{cluster_folder}/automation.yaml": wiring}.items():
        if path not in there:
            draft.write(path, text)
    for path, text in controllers().items():
        draft.write(path, text)
    draft.write(MARKED, marked(draft.read(MARKED)))


def is_wiring(path: str) -> bool:
    """Return whether a file of the config repo tells Flux to apply image automation."""
    return path.startswith("clusters/") and path.endswith("/automation.yaml")


def is_part(path: str) -> bool:
    """Return whether a file of the config repo is there for image automation alone."""
    return is_wiring(path) or path.startswith((f"{OBJECTS}/", f"{CONTROLLERS}/"))


def controllers() -> dict[str, str]:
    """Return the files of the controllers' folder, by their path in the repo."""
    policy = (HERE / "controllers" / "receiver-policy.yaml").read_text()
    found = {"receiver-policy.yaml": policy, **(_understudy() if supply.understudy() else _flux())}
    names = "".join(f"  - {name}\n" for name in sorted(found))
    found["kustomization.yaml"] = (
        "# The programs that keep images up to date, and their object types.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "labels: # by these, `flux check` and `flux logs` know them for Flux's\n"
        "  - pairs:\n      app.kubernetes.io/part-of: flux\n"
        "      app.kubernetes.io/instance: flux-system\n"
        f"    includeTemplates: true\nresources:\n{names}"
    )
    return {f"{CONTROLLERS}/{name}": text for name, text in found.items()}


def objects() -> dict[str, str]:
    """Return the files of the objects' folder, by their path in the repo."""
    root = HERE / "objects"
    paths = sorted(root.rglob("*.yaml"))
    return {f"{OBJECTS}/{path.relative_to(root)}": path.read_text() for path in paths}


def marked(text: str) -> str:
    """Return the app's file with the marker behind its image; unchanged where it is there."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip().startswith("image: ") and "$imagepolicy" not in line:
            bare = line.rstrip("\n")
            lines[number] = f'{bare} # {{"$imagepolicy": "{POLICY}"}}\n'
    return "".join(lines)


def ensure_secrets(instance: Instance) -> None:
    """Make the two Secrets in the cluster: the bot's credentials, and the token of the receiver."""
    password = credentials.credentials(instance)["flux"]
    _ensure_secret(instance, WRITER_SECRET, {"username": "flux", "password": password})
    _ensure_secret(instance, TOKEN_SECRET, {"token": webhook_token(instance)})


def webhook_token(instance: Instance) -> str:
    """Return what requests to the receiver are signed with; it is made when first asked for."""
    path = instance.root / "webhook-token"
    if not path.exists():
        files.write_private(path, secrets.token_hex(20))
    return path.read_text().strip()


def webhook_path(instance: Instance) -> str:
    """Return the path at which the receiver listens for the Git server."""
    text = f"{webhook_token(instance)}{RECEIVER}{flux.NAMESPACE}"
    return f"/hook/{hashlib.sha256(text.encode()).hexdigest()}"


def webhook_address(instance: Instance) -> str:
    """Return the receiver's address for whoever is on the lab's network, as the Git server is."""
    return f"http://{instance.container('control-plane')}:{NODE_PORT}{webhook_path(instance)}"


def _understudy() -> Mapping[str, str]:
    text = (HERE / "controllers" / "understudy.yaml").read_text()
    return {
        "types.yaml": supply.file("flux-crds.yaml").read_text(),
        "understudy.yaml": text.replace("{understudy}", supply.image("understudy")),
    }


def _flux() -> Mapping[str, str]:
    """Return Flux's own manifests of the three controllers; all else of them is there already."""
    kept = []
    for document in flux.manifests((*flux.COMPONENTS, *COMPONENTS)).split("\n---\n"):
        found = YAML(typ="safe", pure=True).load(document)
        labels = ((found or {}).get("metadata") or {}).get("labels") or {}
        if labels.get("app.kubernetes.io/component") in COMPONENTS:
            kept.append(document.strip() + "\n")
    return {"flux.yaml": "---\n".join(kept)}


def _ensure_secret(instance: Instance, name: str, values: Mapping[str, str]) -> None:
    kubernetes.api(instance).apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": flux.NAMESPACE},
            "data": {key: base64.b64encode(text.encode()).decode() for key, text in values.items()},
        }
    )
