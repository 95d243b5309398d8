"""Real causes of alerts on a live lab, what each is to be told by, and its remedy."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from labs.gitops import image_automation, instances
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.image_automation import MARKED
from labs.gitops.manifests import with_image, workload
from labs.instance import Instance
from labs.platform import flux, git_server, kubernetes
from labs.platform.engine import docker
from labs.platform.loopback import wait_for_http
from labs.platform.objects import Object
from labs.run import run
from labs.wait import NotYet
from tests.cluster.automation import deployed, until, write

IMAGE = "registry:5000/hello"
NO_VERSION = "9.9.9"
"""A version that no image has."""
AGENT = "kustomize-controller"
REFLECTOR = "image-reflector-controller"
"""An agent that only some labs have: Git asks for it."""
STAGING = {
    "apps/staging/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: staging}\n",
    "apps/staging/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: staging
resources: [namespace.yaml, ../base/hello]
patches: [{path: hello.yaml}]
""",
    "apps/staging/hello.yaml": f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: hello}}
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: hello
          image: {IMAGE}:{NO_VERSION}
""",
}
WIRING = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: staging, namespace: flux-system}
spec:
  interval: 30s
  retryInterval: 5s
  timeout: 15s
  path: ./apps/staging
  prune: true
  wait: true
  sourceRef: {kind: GitRepository, name: config}
"""


@dataclass(frozen=True)
class Cause:
    """An alert that is to come, since when there is a reason for it, and what it has to say."""

    alert: str
    at: float
    """By time.monotonic()."""
    summary: str
    """A regular expression that the whole text fits."""
    command: str
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join([self.alert, *self.labels.values()])


def kubectl(instance: Instance, *words: str) -> float:
    """Do something by hand; return when it was done, by time.monotonic()."""
    run(instance.bin / "kubectl", *words, env={"KUBECONFIG": str(instance.kubeconfig)})
    return time.monotonic()


def production(instance: Instance) -> Object:
    """Return what the cluster's Deployment of production is to be: its `spec`."""
    found = kubernetes.api(instance).get("apps/v1", "Deployment", "hello", "production")
    if found is None:
        raise NotYet("there is no Deployment hello")
    return dict(found["spec"])


class Broken:
    """What Git says is broken, suspended and changed by hand; then what carries it is away."""

    def __init__(self, instance: Instance) -> None:
        self.lab = instance
        self.repo = attendees(instance)
        self.before = self.repo.fetch().sha
        self._apps = f"{instances.folder(instance)}/apps.yaml"
        self._wiring = f"{instances.folder(instance)}/staging.yaml"
        self._controllers = {} if self._has(REFLECTOR) else agents(instance)

    def by_commit_and_hand(self, other: str) -> list[Cause]:
        """Push a version that has no image, suspend production, set another version by hand."""

        def suspend(draft: Draft) -> None:
            text = draft.read(self._apps)
            draft.write(self._apps, re.sub("^spec:$", "spec:\n  suspend: true", text, flags=re.M))
            for path, content in self._controllers.items():
                draft.write(path, content)

        def stage(draft: Draft) -> None:
            for path, content in {**STAGING, self._wiring: WIRING}.items():
                draft.write(path, content)

        last = write(self.lab, "Suspend production, and have more agents", suspend)
        suspended = time.monotonic()
        until(lambda: self._suspended(True), "production to be suspended")
        commit = write(self.lab, "Try staging", stage)
        pushed = time.monotonic()
        says = workload(self.repo.text(MARKED, commit.sha), "hello")
        assert says is not None
        by_hand = f"hello={IMAGE}:{other}"
        words = ("set", "image", "deployment/hello", by_hand, "--namespace=production")
        at = kubectl(self.lab, *words)
        until(self._staging_failed, "staging to fail")
        return [
            Cause(
                *("KustomizationSuspended", suspended),
                "the Kustomization apps is suspended, so nothing made by hand is undone",
                "git log -3 -- clusters",
                {"kustomization": "apps"},
            ),
            Cause(
                *("NotAsGitSays", at),
                "hello in production is not what Git says: "
                f"image is {IMAGE}:{other}, Git says {says.image}",
                "lab diff",
                {"environment": "production"},
            ),
            Cause(
                *("NotAsGitSays", pushed),
                "hello in staging is not what Git says: not all of its pods are ready",
                "lab diff",
                {"environment": "staging"},
            ),
            Cause(
                *("ImageNotPulled", pushed),
                f"hello in staging: the image {IMAGE}:{NO_VERSION} cannot be pulled; "
                r"(ErrImagePull|ImagePullBackOff), pods: 1",
                "kubectl get pods --all-namespaces --selector app.kubernetes.io/name=hello",
                {"environment": "staging"},
            ),
            Cause(
                *("KustomizationFails", pushed),
                "the Kustomization staging cannot be applied as Git says: "
                f"Git has {commit.short}, nothing is applied",
                "flux get kustomizations",
                {"kustomization": "staging"},
            ),
            Cause(
                *("OutOfSync", pushed),
                "the newest commit is not applied by the Kustomization apps: "
                f"it has ({self.before[:7]}|{last.short}), Git has {commit.short}",
                "flux get kustomizations",
                {"kustomization": "apps"},
            ),
        ]

    def agent_and_server_away(self) -> list[Cause]:
        """Take two agents' pods away, and stop the Git server."""
        until(lambda: deployed(self.lab, REFLECTOR), f"{REFLECTOR} to be ready")
        agent = self._without(AGENT)  # or it would have the other one back
        reflector = self._without(REFLECTOR)
        docker("stop", self.lab.container("git"))
        git = time.monotonic()
        return [
            Cause(
                *("FluxAgentAway", agent),
                f"Flux's {AGENT} does not answer, so nobody acts on commits",
                "kubectl get pods -n flux-system",
                {"controller_name": AGENT},
            ),
            Cause(
                *("FluxAgentAway", reflector),
                f"Flux's {REFLECTOR} does not answer, so no new image is released by itself",
                "kubectl get pods -n flux-system",
                {"controller_name": REFLECTOR},
            ),
            Cause(
                *("GitServerAway", git),
                "Flux has not reached the Git server for 40 s, so no commit arrives",
                "flux get sources git",
            ),
            Cause(
                *("ExporterBlind", git),
                "the exporter cannot read git, so nobody compares",
                "lab status",
                {"source": "git"},
            ),
        ]

    def mend_agent_and_server(self) -> float:
        """Start the Git server, and have the agent back; return when that was asked for."""
        docker("start", self.lab.container("git"))
        wait_for_http(f"{git_server.base_url(self.lab)}/healthy", what="the Git server")
        words = ("scale", f"deployment/{AGENT}", f"--namespace={flux.NAMESPACE}")
        at = kubectl(self.lab, *words, "--replicas=1")
        until(lambda: deployed(self.lab, AGENT), f"{AGENT} to be ready")
        return at

    def mend_by_commit(self) -> float:
        """Resume production and name an image that there is; return when that was pushed."""
        says = workload(self.repo.text(MARKED, self.before), "hello")
        assert says is not None
        image, staged = says.image, "apps/staging/hello.yaml"

        def mend(draft: Draft) -> None:
            draft.write(self._apps, self.repo.text(self._apps, self.before))
            draft.write(staged, with_image(draft.read(staged), "hello", image))

        write(self.lab, "Resume production, and mend staging", mend)
        return time.monotonic()

    def take_back(self) -> None:
        """Have everything as it was, whatever was done of the above."""
        self.mend_agent_and_server()

        def restore(draft: Draft) -> None:
            draft.write(self._apps, self.repo.text(self._apps, self.before))
            for path in {*STAGING, self._wiring, *self._controllers} & set(draft.files()):
                draft.delete(path)

        if self.repo.propose(restore):
            write(self.lab, "Have production as it was, without staging", restore)
        until(lambda: self._suspended(False), "production to be resumed")
        until(self._staging_gone, "staging to be gone")

    def _has(self, agent: str) -> bool:
        cluster = kubernetes.api(self.lab)
        return cluster.get("apps/v1", "Deployment", agent, flux.NAMESPACE) is not None

    def _without(self, agent: str) -> float:
        """Take an agent's pods away; return since when it is asked for none."""
        words = ("scale", f"deployment/{agent}", f"--namespace={flux.NAMESPACE}")
        at = kubectl(self.lab, *words, "--replicas=0")

        def gone() -> None:
            if kubernetes.api(self.lab).list("v1", "Pod", flux.NAMESPACE, f"app={agent}"):
                raise NotYet("its pod is still there")

        until(gone, f"no pod of {agent}")
        return at

    def _suspended(self, wanted: bool) -> None:
        found = flux_object(self.lab, "apps")
        if found is None or flux.suspended(found) != wanted:
            raise NotYet(f"suspended is not {wanted}")

    def _staging_failed(self) -> None:
        found = flux_object(self.lab, "staging")
        if not flux.unwell(found or {}):
            raise NotYet(f"{(found or {}).get('status')}")

    def _staging_gone(self) -> None:
        space = kubernetes.api(self.lab).get("v1", "Namespace", "staging")
        if space is not None or flux_object(self.lab, "staging") is not None:
            raise NotYet("it is still there")


def agents(instance: Instance) -> dict[str, str]:
    """Return the files that bring the controllers of image automation, and nothing for them to do.

    They stand where lab 06 puts them.
    """
    wiring = (image_automation.HERE / "wiring" / "automation.yaml").read_text()
    path = f"{instances.folder(instance)}/automation.yaml"
    return {**image_automation.controllers(), path: wiring.partition("---")[0]}


def flux_object(instance: Instance, name: str) -> Object | None:
    cluster = kubernetes.api(instance)
    return cluster.get(flux.KUSTOMIZE_API, "Kustomization", name, flux.NAMESPACE)
