"""What `lab lint` and `lab diff` make of others' words; the cluster's own are in tests/cluster."""

from __future__ import annotations

from pathlib import Path

from labs.gitops.compare import placed, told
from labs.gitops.lint import sorted_words, stray_markers
from labs.gitops.lint_folders import Verdict
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object

LIVE = """\
diff -u -N /tmp/LIVE-1/apps.v1.Deployment.production.hello /tmp/MERGED-2/apps.v1.Deployment.hello
--- /tmp/LIVE-1/apps.v1.Deployment.production.hello\t2026-01-01 00:00:00.0 +0000
+++ /tmp/MERGED-2/apps.v1.Deployment.production.hello\t2026-01-01 00:00:00.0 +0000
@@ -6,7 +6,7 @@
   creationTimestamp: "2026-01-01T00:00:00Z"
-  generation: 3
+  generation: 4
   name: hello
-  replicas: 5
+  replicas: 2
--- /tmp/LIVE-1/v1.Namespace..production\t2026-01-01 00:00:00.0 +0000
+++ /tmp/MERGED-2/v1.Namespace..production\t2026-01-01 00:00:00.0 +0000
@@ -1,2 +1,2 @@
-  generation: 3
+  generation: 4
"""


def test_a_difference_bears_its_object_s_name_and_no_noise() -> None:
    [shown] = told(LIVE)
    assert shown.splitlines() == [
        "Deployment production/hello",
        "@@ -6,7 +6,7 @@",
        "   name: hello",
        "-  replicas: 5",
        "+  replicas: 2",
    ]
    assert told("") == []


class Spaces(Cluster):
    """A cluster with these namespaces."""

    def __init__(self, *names: str, ending: str = "") -> None:
        self._names, self._ending = names, ending

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> list[Object]:
        assert (api_version, kind) == ("v1", "Namespace")
        ending = {self._ending: {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
        return [{"metadata": {"name": one, **ending.get(one, {})}} for one in self._names]


def test_what_has_no_namespace_to_be_in_is_told_apart() -> None:
    """Whether the commit brings it or has lost it: the API server cannot be asked of either."""
    space = {"kind": "Namespace", "metadata": {"name": "production"}}
    service = {"kind": "Service", "metadata": {"name": "hello", "namespace": "production"}}
    assert placed(Spaces("default"), [space, service]) == ([space], [service])
    assert placed(Spaces("default"), [service]) == ([], [service])
    assert placed(Spaces("production", ending="production"), [service]) == ([], [service])
    assert placed(Spaces("production"), [space, service]) == ([space, service], [])


def test_a_kind_whose_crd_comes_with_the_commit_is_not_judged() -> None:
    words = (
        'error: resource mapping not found for name: "x" namespace: "" from "STDIN": '
        'no matches for kind "ImagePolicy" in version "image.toolkit.fluxcd.io/v1"\n'
        "ensure CRDs are installed first\n"
        'resource mapping not found for name: "y" namespace: "" from "STDIN": '
        'no matches for kind "Nonsense" in version "lab/v1"\n'
        "Warning: something\n"
        "Error from server (BadRequest): .spec.replicaz: field not declared in schema\n"
    )
    problems, notes = sorted_words(words, {("image.toolkit.fluxcd.io", "ImagePolicy")})
    assert notes == ["ImagePolicy: its CRD is in this repo, and not in the cluster yet"]
    assert len(problems) == 2
    assert "Nonsense" in problems[0]
    assert problems[1] == ".spec.replicaz: field not declared in schema"


def test_a_marker_must_name_a_policy(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text('a: b # {"$imagepolicy": "hidden:x"}\n')
    (tmp_path / "a.yaml").write_text(
        'a: b # {"$imagepolicy": "flux-system:hello-production"}\n'
        'b: c # {"$imagepolicy": "flux-system:hello-production:tag"}\n'
        'c: d # {"$imagepolicy": "flux-system:helo-production"}\n'
        'd: e # {"$imagepolicy: flux-system:hello-production}\n'
        '# {"$imagepolicy": "in:a-comment-of-its-own"}\n'
    )
    meta = {"name": "hello-production", "namespace": "flux-system"}
    found = stray_markers(tmp_path, [{"kind": "ImagePolicy", "metadata": meta}])
    assert [line.partition(":")[2].partition(":")[0] for line in found] == ["3", "4"]
    assert "the nearest is flux-system:hello-production" in found[0]
    assert "is not as Flux reads one" in found[1]
    assert "none in this repo" in stray_markers(tmp_path, [])[0]


def test_a_verdict_is_a_line_with_its_problems_below() -> None:
    assert str(Verdict("apps/production", 1, ())) == "✓ apps/production: 1 object"
    bad = str(Verdict("apps/production", 3, ("wrong\nindeed",), ("x",))).splitlines()
    assert bad == ["✗ apps/production: 3 objects", "    wrong", "    indeed", "    (not judged: x)"]
