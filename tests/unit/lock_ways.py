"""Ways to change what a locked app runs, and changes that a lock must not stand in the way of.

A state is the files of a config repo, by path; each way is what to do to them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labs.instance import PROJECT

Files = dict[str, str]
Way = Callable[[Files], None]
TEMPLATE = PROJECT / "config-repo-template"
HELLO = "apps/production/hello.yaml"
KUSTOMIZATION = "apps/production/kustomization.yaml"
BASE = "apps/base/hello/deployment.yaml"
APPS = "clusters/hackfest/apps.yaml"
SYNC = "clusters/hackfest/flux-system/sync.yaml"
MARKER = ' # {"$imagepolicy": "flux-system:hello-production"}'
AUTOMATION = PROJECT / "labs/gitops/image_automation/objects"
LOCK = """\
  annotations:
    gitops-hackfest/locked-by: attendee
    gitops-hackfest/lock-reason: until the talk is over
"""


def state() -> Files:
    """Return the config repo as it is handed out, with Flux, a second app, and an environment."""
    files = {str(p.relative_to(TEMPLATE)): p.read_text() for p in _files(TEMPLATE)}
    assert HELLO in files
    flux = PROJECT / "labs/gitops/flux_system"
    files |= {f"clusters/hackfest/flux-system/{p.name}": p.read_text() for p in _files(flux)}
    files |= {f"automation/{p.relative_to(AUTOMATION)}": p.read_text() for p in _files(AUTOMATION)}
    files["apps/base/other/deployment.yaml"] = files[BASE].replace("hello", "other")
    files["apps/base/other/kustomization.yaml"] = "resources: [deployment.yaml]\n"
    files["apps/production/other.yaml"] = files[HELLO].replace("hello", "other")
    add_to(files, "resources", "../base/other")
    add_to(files, "patches", "path: other.yaml")
    files["apps/staging/hello.yaml"] = files[HELLO]
    files["apps/staging/kustomization.yaml"] = (
        "namespace: staging\nresources: [../base/hello]\npatches: [{path: hello.yaml}]\n"
    )
    files["clusters/hackfest/staging.yaml"] = files[APPS].replace("name: apps", "name: staging")
    swap("clusters/hackfest/staging.yaml", "./apps/production", "./apps/staging")(files)
    swap(HELLO, "hello:0.9.0", f"hello:0.9.0{MARKER}")(files)
    return files


def locked() -> Files:
    """Return the same with hello locked in production."""
    files = state()
    lock(files)
    return files


def lock(files: Files) -> None:
    swap(HELLO, "  name: hello\nspec:", f"  name: hello\n{LOCK}spec:")(files)


def unlock(files: Files) -> None:
    swap(HELLO, LOCK, "")(files)


def release(version: str) -> Way:
    return swap(HELLO, "hello:0.9.0", f"hello:{version}")


def swap(path: str, old: str, new: str) -> Way:
    def way(files: Files) -> None:
        assert old in files[path], f"{old!r} is not in {path}"
        files[path] = files[path].replace(old, new, 1)

    return way


def add(path: str, text: str) -> Way:
    def way(files: Files) -> None:
        files[path] = files.get(path, "") + text

    return way


def both(*ways: Way) -> Way:
    def way(files: Files) -> None:
        for each in ways:
            each(files)

    return way


def rename(old: str, new: str) -> Way:
    def way(files: Files) -> None:
        files[new] = files.pop(old)

    return way


def drop(path: str) -> Way:
    def way(files: Files) -> None:
        del files[path]

    return way


def add_to(files: Files, section: str, entry: str, path: str = KUSTOMIZATION) -> None:
    files[path] = files[path].replace(f"{section}:\n", f"{section}:\n  - {entry}\n", 1)


def entry(section: str, text: str, path: str = KUSTOMIZATION) -> Way:
    return lambda files: add_to(files, section, text, path)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec: {template: {spec: {containers: [{name: hello, image: "registry:5000/hello:9.9.9"}]}}}
"""
ON_TOP = """\
patch: '[{"op": "replace", "path": "%s", "value": %s}]'
    target: {kind: Deployment%s}"""
IMAGE = "/spec/template/spec/containers/0/image"

MOVES: dict[str, Way] = {
    "the image line": release("9.9.9"),
    "the image's name": swap(HELLO, "5000/hello:", "5000/goodbye:"),
    "a digest": swap(HELLO, "hello:0.9.0", "hello:0.9.0@sha256:" + "0" * 64),
    "the image line, unlocked at once": both(release("9.9.9"), unlock),
    "the image line, with a new reason": both(
        release("9.9.9"), swap(HELLO, "until the talk is over", "I want to")
    ),
    "the patch dropped": swap(KUSTOMIZATION, "  - path: hello.yaml\n", ""),
    "the app dropped": both(
        swap(KUSTOMIZATION, "  - ../base/hello\n", ""),
        swap(KUSTOMIZATION, "  - path: hello.yaml\n  - path: hello-address.yaml\n", ""),
    ),
    "images": add(KUSTOMIZATION, "images: [{name: registry:5000/hello, newTag: 9.9.9}]\n"),
    "images by a pattern": add(KUSTOMIZATION, 'images: [{name: "reg.*/hello", newTag: 9.9.9}]\n'),
    "images renamed twice": add(
        KUSTOMIZATION,
        "images: [{name: registry:5000/hello, newName: a/b}, {name: a/b, newTag: 9.9.9}]\n",
    ),
    "another patch": both(
        add("apps/production/late.yaml", PATCH), add(KUSTOMIZATION, "  - path: late.yaml\n")
    ),
    "a patch inline": add(
        KUSTOMIZATION, "  - patch: |\n" + "".join(f"      {x}\n" for x in PATCH.splitlines())
    ),
    "a patch in the file": add(HELLO, f"---\n{PATCH}"),
    "a JSON patch": add(KUSTOMIZATION, "  - " + ON_TOP % (IMAGE, '"x:9.9.9"', "") + "\n"),
    "a JSON patch by a pattern": add(
        KUSTOMIZATION, "  - " + ON_TOP % (IMAGE, '"x:9.9.9"', ', name: "h.*"') + "\n"
    ),
    "a JSON patch of the container": add(
        KUSTOMIZATION,
        "  - "
        + ON_TOP % ("/spec/template/spec/containers", '[{"name": "hello", "image": "x:9.9.9"}]', "")
        + "\n",
    ),
    "patchesJson6902": add(
        KUSTOMIZATION,
        "patchesJson6902:\n  - target: {group: apps, version: v1, kind: Deployment, name: hello}\n"
        f'    patch: \'[{{"op": "replace", "path": "{IMAGE}", "value": "x:9.9.9"}}]\'\n',
    ),
    "a patch that deletes": add(
        KUSTOMIZATION,
        "  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n"
        "      metadata: {name: hello}\n      $patch: delete\n",
    ),
    "a replacement": both(
        add(
            "apps/production/version.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: version}\ndata: {v: x:9.9.9}\n",
        ),
        entry("resources", "version.yaml"),
        add(
            KUSTOMIZATION,
            "replacements:\n  - source: {kind: ConfigMap, name: version, fieldPath: data.v}\n"
            "    targets:\n      - select: {kind: Deployment, name: hello}\n"
            "        fieldPaths: ['spec.template.spec.containers.[name=hello].image']\n",
        ),
    ),
    "a transformer": both(
        add(
            "apps/production/t.yaml",
            "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: t}\n"
            "imageTag: {name: registry:5000/hello, newTag: 9.9.9}\n",
        ),
        add(KUSTOMIZATION, "transformers: [t.yaml]\n"),
    ),
    "another name": add(KUSTOMIZATION, "namePrefix: my-\n"),
    "another namespace": swap(KUSTOMIZATION, "namespace: production", "namespace: elsewhere"),
    "left out by an annotation": swap(
        HELLO,
        "    gitops-hackfest/locked-by: attendee\n",
        "    gitops-hackfest/locked-by: attendee\n    config.kubernetes.io/local-config: 'true'\n",
    ),
}
"""What kustomize makes another version of: tests/cluster/test_locks.py has it do so."""

MORE_MOVES: dict[str, Way] = {
    "images in a component": both(
        add(KUSTOMIZATION, "components: [../newer]\n"),
        add(
            "apps/newer/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            "images: [{name: registry:5000/hello, newTag: 9.9.9}]\n",
        ),
    ),
    "patchesStrategicMerge": both(
        add("apps/production/late.yaml", PATCH),
        add(KUSTOMIZATION, "patchesStrategicMerge: [late.yaml]\n"),
    ),
    "the base's image": swap(BASE, "image: hello", "image: registry:5000/hello:9.9.9"),
    "the base renamed": swap(BASE, "  name: hello\n", "  name: hi\n"),
    "the file deleted": both(drop(HELLO), swap(KUSTOMIZATION, "  - path: hello.yaml\n", "")),
    "the file renamed": both(
        rename(HELLO, "apps/production/greeting.yaml"),
        swap(KUSTOMIZATION, "path: hello.yaml", "path: greeting.yaml"),
    ),
    "no kustomization": drop(KUSTOMIZATION),
    "broken": add(HELLO, "  - : [\n"),
    "the kustomization broken": add(KUSTOMIZATION, "a: [\n"),
    "a patch of another file, broken": both(
        add("apps/production/late.yaml", PATCH + "  - : [\n"),
        add(KUSTOMIZATION, "  - path: late.yaml\n"),
    ),
    "from elsewhere": entry("resources", "https://example.org/x?ref=v1"),
    "Flux reads another folder": swap(APPS, "./apps/production", "./apps/staging"),
    "Flux's Kustomization deleted": drop(APPS),
    "Flux changes the image": add(APPS, "  images: [{name: registry:5000/hello, newTag: '2'}]\n"),
    "Flux patches": add(
        APPS,
        "  patches:\n    - " + (ON_TOP % (IMAGE, '"x:9.9.9"', "")).replace("\n", "\n  ") + "\n",
    ),
    "Flux puts values in": add(APPS, "  postBuild: {substitute: {v: '9'}}\n"),
    "Flux reads another branch": swap(SYNC, "branch: main", "branch: mine"),
    "Flux reads another repository": swap(SYNC, "http://git/config.git", "http://git/mine.git"),
    "Flux begins elsewhere": swap(SYNC, "./clusters/hackfest", "./clusters/mine"),
    "the wiring left out": add(
        "clusters/hackfest/kustomization.yaml", "resources: [flux-system/sync.yaml]\n"
    ),
    "the wiring patched": add(
        "clusters/hackfest/kustomization.yaml",
        "resources: [apps.yaml, staging.yaml, flux-system/sync.yaml]\npatches:\n"
        "  - target: {kind: Kustomization, name: apps}\n"
        "    patch: '[{op: replace, path: /spec/path, value: ./apps/staging}]'\n",
    ),
    "another folder for the namespace": add(
        "apps/sneaky/kustomization.yaml",
        "namespace: production\nresources: [../base/hello]\n"
        "images: [{name: hello, newName: registry:5000/hello, newTag: 9.9.9}]\n",
    ),
    "a folder on top": add(
        "apps/all/kustomization.yaml",
        "resources: [../production]\nimages: [{name: registry:5000/hello, newTag: 9.9.9}]\n",
    ),
    "a Deployment elsewhere": add(
        "infrastructure/x.yaml",
        PATCH.replace("{name: hello}", "{name: hello, namespace: production}", 1),
    ),
    "a bare folder with a namespace": both(
        add("bare/x.yaml", PATCH),
        add(
            "clusters/hackfest/bare.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
            "metadata: {name: bare, namespace: flux-system}\n"
            "spec: {path: ./bare, targetNamespace: production, interval: 1m, prune: true,\n"
            "  sourceRef: {kind: GitRepository, name: config}}\n",
        ),
    ),
    "a list": add(
        HELLO, "---\nkind: List\napiVersion: v1\nitems:\n  - " + PATCH.replace("\n", "\n    ")
    ),
}  # fmt: skip
"""What decides it elsewhere, or would with another change, or takes the lock's place away."""

HARMLESS: dict[str, Way] = {
    "the greeting": swap(HELLO, "Hello from Git", "Hello"),
    "the number of pods": swap(HELLO, "replicas: 2", "replicas: 3"),
    "a comment": add(HELLO, "# a comment\n"),
    "the marker": swap(HELLO, MARKER, ""),
    "the lock's reason": swap(HELLO, "until the talk is over", "until Monday"),
    "unlock": unlock,
    "another app's version": swap("apps/production/other.yaml", "other:0.9.0", "other:1.0.0"),
    "another app dropped": both(
        drop("apps/production/other.yaml"),
        swap(KUSTOMIZATION, "  - path: other.yaml\n", ""),
        swap(KUSTOMIZATION, "  - ../base/other\n", ""),
    ),
    "another app's file broken": add("apps/production/other.yaml", "  - : [\n"),
    "another app's image by name": add(
        KUSTOMIZATION, "images: [{name: registry:5000/other, newTag: 1.0.0}]\n"
    ),
    "another app's JSON patch": add(
        KUSTOMIZATION, "  - " + ON_TOP % (IMAGE, '"other:1.0.0"', ", name: other") + "\n"
    ),
    "a JSON patch of the replicas": add(
        KUSTOMIZATION, "  - " + ON_TOP % ("/spec/replicas", "4", "") + "\n"
    ),
    "another greeting by a patch": add(
        KUSTOMIZATION,
        "  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n"
        "      metadata: {name: hello}\n"
        "      spec: {template: {spec: {containers: [{name: hello, env: [{name: A, value: b}]}]}}}"
        "\n",
    ),
    "another environment's version": swap("apps/staging/hello.yaml", "hello:0.9.0", "hello:9.9.9"),
    "the base's probes": swap(BASE, "periodSeconds: 1\n", "periodSeconds: 2\n"),
    "labels": add(KUSTOMIZATION, "labels: [{pairs: {team: blue}}]\n"),
    "a further object": both(
        add("apps/production/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"),
        entry("resources", "x.yaml"),
    ),
    "Flux's interval": swap(APPS, "interval: 30s", "interval: 20s"),
    "Flux suspended": add(APPS, "  suspend: true\n"),
    "a second repository": add(
        "clusters/hackfest/team.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: team, namespace: flux-system}\nspec: {interval: 10s, url: http://x}\n"
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {name: team, namespace: flux-system}\n"
        "spec: {path: ./, interval: 1m, prune: true,\n"
        "  sourceRef: {kind: GitRepository, name: team}}\n",
    ),
    "a wiring file moved": rename(APPS, "clusters/hackfest/production.yaml"),
    "the automation": swap("automation/production/hello.yaml", "suspend: false", "suspend: true"),
    "nonsense elsewhere": add("infrastructure/odd.yaml", "{{{{\n"),
}  # fmt: skip
