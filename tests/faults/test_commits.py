"""Commits that break: the reader is told what is wrong, what ran before goes on, a revert heals."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from labs.errors import LabError
from labs.gitops import compare, sync
from labs.gitops.lint import lint
from labs.instance import Instance
from labs.platform import app, flux, kubernetes
from labs.wait import NotYet, wait_for
from tests.cluster.automation import RULES
from tests.faults.conftest import MakeTrial
from tests.faults.reader import HELLO, Reader

pytestmark = pytest.mark.fault

SECONDS = 150.0
KUSTOMIZATION = "apps/production/kustomization.yaml"


def refused(lab: Instance, commit: str, says: str) -> str:
    """Flux gets stuck at the commit and says why; the page answers as before. Return its words."""
    before = app.answer(lab)["version"]
    with pytest.raises(LabError) as stuck:
        sync.follow(lab, commit, timeout=SECONDS)
    assert re.search(says, stuck.value.found), stuck.value
    assert app.answer(lab)["version"] == before
    return stuck.value.found


def left_out(lab: Instance, commit: str, says: str) -> str:
    """Flux says Applied, and a field is as if nobody had set it; `lab lint` names it."""
    assert sync.follow(lab, commit, timeout=SECONDS).live
    hello = kubernetes.api(lab).get("apps/v1", "Deployment", "hello", "production")
    assert hello is not None
    assert hello["spec"]["replicas"] == 1, "not Kubernetes' default"
    [verdict] = [one for one in lint(lab) if one.problems]
    assert verdict.folder == "apps/production"
    assert re.search(says, str(verdict)), verdict
    return f"goes live; `lab lint`: {verdict.problems[0]}"


def taken_away(lab: Instance, commit: str, says: str) -> str:
    """The namespace goes, and `lab diff` tells of it."""

    # Flux takes the namespace away after all else: for a moment the commit is live.
    def gone() -> None:
        found = kubernetes.api(lab).get("v1", "Namespace", "production")
        if found is not None:
            raise NotYet(f"it is {found['status']['phase']}")

    def told() -> str:
        words = "\n".join(compare.says(one) for one in compare.compare(lab))
        if not re.search(says, words):
            raise NotYet(words)
        return words

    first = wait_for(told, what="`lab diff` telling of it", timeout=SECONDS)
    wait_for(gone, what="no namespace production", timeout=SECONDS)
    assert re.search(says, told())
    return first.splitlines()[0]


@dataclass(frozen=True)
class Broken:
    """Changes of files (path, from, to), and how the reader hears of what they do."""

    changes: tuple[tuple[str, str, str], ...]
    learn: Callable[[Instance, str, str], str]
    """Asks of the lab, for a commit and a part of what is said: a regular expression."""
    says: str


AT_REST = (RULES, r"suspend: false", "suspend: true")
"""Else the bot puts its own choice in the place of a version that it does not know."""
WITHOUT_NAMESPACE = """\
  - patch: |-
      $patch: delete
      apiVersion: v1
      kind: Namespace
      metadata:
        name: production
"""
COMMITS = {
    "broken YAML": Broken(((HELLO, r"spec:\n", "spec: [\n"),), refused, "yaml|YAML|parse"),
    "an unknown field": Broken(
        ((HELLO, r"  replicas:", "  replicaz:"),), left_out, r"hello.*\.spec\.replicaz"
    ),
    "a missing image": Broken(
        ((HELLO, r"hello:[0-9.]+", "hello:99.0.0"), AT_REST), refused, "99.0.0|Deployment"
    ),
    "its own namespace deleted": Broken(
        ((KUSTOMIZATION, r"(?s)\Z", WITHOUT_NAMESPACE),), taken_away, "namespace is not there"
    ),
}


@pytest.mark.parametrize("name", COMMITS)
def test_commit_that_breaks(lab: Instance, trial: MakeTrial, name: str) -> None:
    broken, reader = COMMITS[name], Reader(lab)
    reader.git("pull", "--quiet", "--rebase")
    before = app.answer(lab)["version"]
    with trial(f"a commit with {name}", by="`git revert`") as one:
        for path, old, new in broken.changes:
            file = reader.folder / path
            text, count = re.subn(old, new, file.read_text(), count=1)
            assert count == 1, file.read_text()
            file.write_text(text)
        reader.git("commit", "--quiet", "--all", f"--message=Break it: {name}")
        commit = reader.git("rev-parse", "HEAD").strip()
        start = time.monotonic()
        try:
            reader.push()
            said = broken.learn(lab, commit, broken.says)
            one.seen.append(f"told after {time.monotonic() - start:.0f} s: {said[:200]}")
        finally:
            one.begin()
            reader.revert(commit)
            flux.reconcile(kubernetes.api(lab), flux.SOURCE_API, "GitRepository", flux.SOURCE)
    assert app.answer(lab)["version"] == before
