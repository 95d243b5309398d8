"""Judges a config repo before it is pushed: does each folder build, is each object what it says?

It works on the clone's own folder, committed or not. The cluster's API server judges the objects,
by a dry run that changes nothing; Prometheus' and Alertmanager's own tools judge monitoring/. The
Git server enforces none of it, since lab 05 breaks things, but for monitoring/ where checks.yaml
says so.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labs.gitops import monitoring
from labs.gitops.lint_folders import MANIFESTS, NAMES, Verdict, build, files
from labs.gitops.manifests import POLICY
from labs.gitops.monitoring import check, check_dashboards
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.objects import Object
from labs.run import CommandFailed, run
from scripts.supply import api as supply

MANAGER = "kustomize-controller"
UNKNOWN_KIND = re.compile(r'no matches for kind "(\w+)" in version "([\w./-]+)"')
ERROR = re.compile(r"^(?:[Ee]rror(?: from server)?(?: \(\w+\))?: )")


def lint(instance: Instance) -> list[Verdict]:
    """Return a verdict on each folder of the attendee's clone. Raises ClusterUnreachable."""
    root = instance.work / "config-repo"
    kubernetes.api(instance).version()  # so that a cluster that is away is told as such
    built, verdicts = build(root, instance.bin / "kubectl")
    everything = [one for objects in built.values() for one in objects]
    for folder, objects in built.items():
        problems, notes = _judged(instance, objects, everything)
        verdicts.append(Verdict(folder, len(objects), tuple(problems), tuple(notes)))
    if (root / monitoring.FOLDER).is_dir():
        wrong, remarks = check.problems(root, supply.tool), check_dashboards.undrawn(root)
        verdicts.append(Verdict(check.TITLE, None, tuple(wrong), tuple(remarks)))
    markers = stray_markers(root, everything)
    if markers:
        verdicts.append(Verdict("markers", None, tuple(markers)))
    return sorted(verdicts, key=lambda one: one.folder)


def stray_markers(root: Path, objects: Sequence[Object]) -> list[str]:
    """Return a line for each marker that names no image policy of the repo."""
    known = [
        f"{one['metadata'].get('namespace', 'default')}:{one['metadata']['name']}"
        for one in objects
        if one.get("kind") == "ImagePolicy"
    ]
    found = []
    marked = (path for path in files(root, root) if path.suffix in MANIFESTS or path.name in NAMES)
    for path in marked:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if "$imagepolicy" not in line or line.lstrip().startswith("#"):
                continue
            marker = POLICY.search(line)
            name = ":".join(marker[1].split(":")[:2]) if marker else ""
            if name in known:
                continue
            where = f"{path.relative_to(root).as_posix()}:{number}"
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; the nearest is {near[0]}" if near else ""
            listed = ", ".join(known) or "none in this repo"
            named = f"names the policy {name!r}" if marker else "is not as Flux reads one"
            found.append(f"{where}: the marker {named}; there are: {listed}{hint}")
    return found


def _judged(
    instance: Instance, objects: Sequence[Object], everything: Sequence[Object]
) -> tuple[list[str], list[str]]:
    """Return what the API server has against some objects, and which of them it cannot judge."""
    if not objects:
        return [], []
    types = [one for one in everything if one.get("kind") == "CustomResourceDefinition"]
    coming = {(one["spec"].get("group"), one["spec"]["names"].get("kind")) for one in types}
    judged = (_placed(instance, one, everything) for one in objects)
    text = "\n---\n".join(json.dumps(one, default=str) for one in judged)
    try:
        run(
            *(instance.bin / "kubectl", "apply", "--filename=-", "--server-side"),
            *("--dry-run=server", "--force-conflicts", "--validate=strict"),
            f"--field-manager={MANAGER}",
            env={"KUBECONFIG": str(instance.kubeconfig)},
            stdin=text,
            timeout=120,
        )
    except CommandFailed as refused:
        return sorted_words(refused.stderr, coming)
    return [], []


def sorted_words(words: str, coming: set[tuple[Any, Any]]) -> tuple[list[str], list[str]]:
    """Part what kubectl said into problems, and kinds that the cluster is only about to know."""
    problems, notes = [], []
    for line in words.splitlines():
        unknown = UNKNOWN_KIND.search(line)
        if unknown and (unknown[2].partition("/")[0], unknown[1]) in coming:
            notes.append(f"{unknown[1]}: its CRD is in this repo, and not in the cluster yet")
        elif line.strip() and not line.startswith(("ensure CRDs are installed", "Warning:")):
            problems.append(ERROR.sub("", line.strip()))
    return list(dict.fromkeys(problems)), list(dict.fromkeys(notes))


def _placed(instance: Instance, one: Object, everything: Sequence[Object]) -> Object:
    """Return an object as it can be judged now: not in a namespace that is only about to be."""
    namespace = one.get("metadata", {}).get("namespace")
    new = {x["metadata"]["name"] for x in everything if x.get("kind") == "Namespace"}
    if namespace in new and kubernetes.api(instance).get("v1", "Namespace", namespace) is None:
        return {**one, "metadata": {**one["metadata"], "namespace": "default"}}
    return one
