"""What the exporter counts and measures, and that its image can carry it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from labs.exporter import cluster, metrics
from labs.exporter.cluster import (
    CANCELED,
    METADATA,
    POD,
    WHOLE,
    Kustomization,
    Managed,
    Name,
    Touched,
)
from labs.exporter.drift import Drift
from labs.exporter.fields import LONGEST, Difference, differences, fields, fields_in_git
from labs.exporter.looking import Looking
from labs.exporter.repo import Repo
from labs.exporter.running import STARTING, Running, running
from labs.exporter.sync import Arrivals, State, Syncs
from labs.gitops.lock import lock
from labs.gitops.workloads import Place, look
from labs.instance import PROJECT
from labs.understudy.api_server import GIT_REPOSITORY, ApiAway, Kind, Object
from labs.understudy.clone import Clone, GitFailed
from scripts.supply import catalogue, images
from tests.unit.engine_desk import Office, automated, office
from tests.unit.gitrepos import git

HERE = PROJECT / "config-repo-template" / "monitoring" / "exporter"
APPS = Name("flux-system", "apps")
SOURCE = Name("flux-system", "config")
HELLO = Managed("Deployment", "production", "hello")
SECRET = Managed("Secret", "production", "hello")
URL = "http://git/config.git"


def kustomization(applied: str = "a", attempted: str = "", **more: Any) -> Kustomization:
    whole: dict[str, Any] = {
        "name": APPS,
        "path": "./apps/production",
        "source": SOURCE,
        "suspended": False,
        "failing": False,
        "under_way": False,
        "reason": "ReconciliationSucceeded",
        "applied": applied,
        "attempted": attempted or applied,
        "says": ("uid", f"of {applied}"),
        "reconciled": None,
        "inventory": (HELLO, SECRET),
    }
    return Kustomization(**{**whole, **more})


def flux_object(
    revision: str,
    attempted: str = "",
    ready: str = "True",
    reason: str = "ReconciliationSucceeded",
) -> Object:
    """Return a Kustomization as the API server has it."""
    return {
        "metadata": {"namespace": "flux-system", "name": "apps", "uid": "uid"},
        "spec": {
            "path": "./apps/production",
            "sourceRef": {"kind": "GitRepository", "name": "config"},
        },
        "status": {
            "lastAppliedRevision": f"main@sha1:{revision}",
            "lastAttemptedRevision": f"main@sha1:{attempted or revision}",
            "conditions": [{"type": "Ready", "status": ready, "reason": reason}],
            "history": [
                {
                    "digest": f"of {revision}",
                    "lastReconciled": "1970-01-01T00:01:40Z",
                    "metadata": {"revision": f"main@sha1:{revision}"},
                }
            ],
            "inventory": {"entries": [{"id": "production_hello_apps_Deployment", "v": "v1"}]},
        },
    }


def container(image: str) -> Object:
    env = [
        {"name": "GREETING", "value": "Hello from Git"},
        {"name": "COLOUR", "value": "blue"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    return {"name": "hello", "image": image, "env": env}


def starting(image: str, reason: str, *, app: str = "hello", name: str = "a") -> Object:
    """Return a pod that waits, as the API server has it."""
    waits = {"name": "hello", "state": {"waiting": {"reason": reason}}}
    return {
        "metadata": {"namespace": "production", "name": name, "labels": {"app": app, "x": "y"}},
        "spec": {"containers": [{"name": "hello", "image": image}]},
        "status": {"phase": "Pending", "containerStatuses": [waits]},
    }


def deployment(image: str, *, ready: int = 2, uid: str = "u", when: str = "1") -> Object:
    """Return the app's Deployment as the API server has it."""
    mine = {"manager": "kustomize-controller", "operation": "Apply", "time": when}
    other = {"manager": "kube-controller-manager", "operation": "Update", "time": "9"}
    return {
        "metadata": {
            "namespace": "production",
            "name": "hello",
            "uid": uid,
            "generation": 1,
            "managedFields": [mine, other],
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {"spec": {"containers": [container(image)]}},
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": ready,
        },
    }


def test_a_kustomization_is_read_as_flux_writes_it() -> None:
    class Api:
        def list(self, kind: Kind) -> tuple[list[Object], str]:
            return [flux_object("abc", "def")], "1"

    [found] = cluster.kustomizations(Api())  # type: ignore[arg-type] # answers as the real one
    assert found == kustomization("abc", "def", reconciled=100.0, inventory=(HELLO,))


@pytest.mark.parametrize(
    ("ident", "managed"),
    [
        ("production_hello_apps_Deployment", HELLO),
        ("_production__Namespace", Managed("Namespace", "", "production")),
        ("_flux__x_rbac.authorization.k8s.io_ClusterRole", Managed("ClusterRole", "", "flux__x")),
    ],
)
def test_an_inventory_names_its_objects(ident: str, managed: Managed) -> None:
    assert cluster._managed(ident) == managed


def seen(when: str, uid: str = "u") -> dict[Managed, Touched]:
    return {HELLO: Touched(uid, when)}


def corrected(*looks: tuple[dict[Managed, Touched], Kustomization]) -> int:
    """Return how many corrections these looks come to."""
    drift = Drift(["Deployment"])
    for objects, one in looks:
        drift.look(objects, [one])
    assert drift.unread == {APPS: 1}
    assert drift.corrected.keys() == {(APPS, HELLO)}
    return drift.corrected[APPS, HELLO]


def test_a_change_by_flux_without_a_commit_is_a_correction() -> None:
    one = kustomization()
    assert corrected((seen("1"), one), (seen("1"), one)) == 0
    assert corrected((seen("1"), one), (seen("2"), one), (seen("2"), one)) == 1
    # Deleted, and brought back: at the next look, or a few later.
    assert corrected((seen("1"), one), (seen("2", "other"), one)) == 1
    assert corrected((seen("1"), one), ({}, one), ({}, one), (seen("2", "other"), one)) == 1


def test_what_a_kustomization_says_is_its_digest_and_what_it_said_meanwhile() -> None:
    def says(*history: tuple[str, str, str]) -> tuple[str, ...]:
        found = flux_object("abc")
        found["status"]["history"] = [
            {"digest": digest, "lastReconciled": when, "metadata": {"revision": f"main@{commit}"}}
            for digest, when, commit in history
        ]
        return cluster._kustomization(found).says

    now, other = ("a", "1970-01-01T00:00:09Z", "sha1:abc"), ("b", "1970-01-01T00:00:01Z", "sha1:x")
    once, later = says(now), says(("a", "1970-01-01T00:01:00Z", "sha1:abc"))
    assert once == later != ()
    assert says(now, other) != once, "something else was applied, and taken back"
    assert says(now, other) != says(now, ("b", "1970-01-01T00:00:05Z", "sha1:x")), "once more"
    assert says(other) == (), "of the commit that is applied, nothing is noted"
    found = flux_object("abc")
    anew = {**found, "metadata": {**found["metadata"], "uid": "another"}}
    assert cluster._kustomization(anew).says != cluster._kustomization(found).says


def test_a_commit_about_something_else_explains_no_change() -> None:
    old, new = kustomization("a", says=("same",)), kustomization("b", says=("same",))
    trying, other = kustomization("a", "b", says=("same",)), kustomization("a", "c", says=("same",))
    assert corrected((seen("1"), old), (seen("2"), new)) == 1
    assert corrected((seen("1"), old), (seen("1"), trying), (seen("2"), new)) == 1
    assert corrected((seen("1"), old), (seen("2"), trying), (seen("2"), new)) == 1
    # It may have been tried for longer than a look, and is counted once.
    assert (
        corrected((seen("1"), old), (seen("2"), trying), (seen("3"), trying), (seen("3"), new)) == 1
    )
    # What was tried in between may have said something else.
    assert corrected((seen("1"), old), (seen("2"), other), (seen("3"), new)) == 0
    assert (
        corrected((seen("1"), old), (seen("2"), other), (seen("3"), trying), (seen("3"), new)) == 0
    )
    # The same commit says something else where the Kustomization itself was changed.
    assert corrected((seen("1"), old), (seen("2"), kustomization("a", says=("other",)))) == 0


def test_a_change_that_a_commit_explains_is_none() -> None:
    old, between, new = kustomization("a"), kustomization("a", "b"), kustomization("b")
    unknown = kustomization(says=())
    assert corrected((seen("1"), old), (seen("2"), new), (seen("2"), new)) == 0
    assert corrected((seen("1"), old), (seen("2"), between), (seen("3"), between)) == 0
    assert corrected((seen("1"), old), (seen("1"), between), (seen("2"), new)) == 0
    # Of what says nothing that is known, nothing is counted.
    assert corrected((seen("1"), unknown), (seen("2"), unknown)) == 0
    # What was there before this process is no correction either.
    assert corrected(({}, new), (seen("2"), new)) == 0


def test_what_is_gone_from_git_is_gone_from_the_counters() -> None:
    drift = Drift(["Deployment"])
    drift.look(seen("1"), [kustomization()])
    drift.look(seen("1"), [kustomization(inventory=())])
    assert drift.corrected == {}
    drift.look({}, [])
    assert drift.unread == {}


def test_in_sync_is_the_newest_commit_applied_and_since_when() -> None:
    syncs = Syncs()

    def look(one: Kustomization, newest: str, now: float) -> State:
        syncs.look([one], {SOURCE: newest}, {"b": 90.0}, now)
        return syncs.states[APPS]

    # Behind at the first look: since the commit that it lacks.
    assert look(kustomization("a"), "b", 100) == State(in_sync=False, since=90)
    assert look(kustomization("a"), "b", 102) == State(in_sync=False, since=90)
    assert look(kustomization("b"), "b", 104) == State(in_sync=True, since=104)
    assert look(kustomization("b"), "b", 106) == State(in_sync=True, since=104)
    assert look(kustomization("b", failing=True), "b", 108) == State(in_sync=False, since=108)
    assert look(kustomization("b"), "", 110) == State(in_sync=False, since=108)
    syncs.look([], {}, {}, 112)
    assert syncs.states == {}


def test_a_commits_way_is_measured_to_the_second_that_flux_notes() -> None:
    measured: list[float] = []
    arrivals = Arrivals(lambda name, seconds: measured.append(seconds))
    times = {("a", "c"): [95.0, 90.0], ("c", "d"): [200.0]}
    arrivals.look([kustomization("a")], 98)
    arrivals.measure(lambda before, after: times[before, after])
    assert measured == []  # what was live before is not measured
    arrivals.look([kustomization("c", reconciled=99.0)], 100)

    def away(before: str, after: str) -> list[float]:
        raise GitFailed("away")

    with pytest.raises(GitFailed):
        arrivals.measure(away)
    # Flux's note is of a reconciliation long ago: the same content, once more. Now counts.
    arrivals.look([kustomization("d", reconciled=50.0)], 207)
    arrivals.measure(lambda before, after: times[before, after])
    assert measured == [4, 9, 7]
    arrivals.measure(away)  # nothing is left


@pytest.fixture
def auto(tmp_path: Path) -> Office:
    return office(tmp_path, automated())


@pytest.fixture
def repo(auto: Office, tmp_path: Path) -> Repo:
    return Repo(Clone(tmp_path / "clones", str(auto.server)))


class Api:
    """Stands for the API server: the objects that it has, by kind."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Object]] = {}
        self.away = False

    def list(self, kind: Kind, *, accept: str = "", fields: str = "") -> tuple[list[Object], str]:
        assert fields == (STARTING if kind == POD else "")
        if self.away:
            raise ApiAway("no answer")
        return self.objects.get(kind.kind, []), "1"


def exposed(looking: Looking) -> str:
    """Return what Prometheus gets."""
    return generate_latest(looking.exporter.registry).decode()


def values(looking: Looking) -> dict[str, float]:
    """Return the metrics as Prometheus reads them, without buckets."""
    lines = [
        line.rpartition(" ") for line in exposed(looking).splitlines() if not line.startswith("#")
    ]
    return {name: float(value) for name, _, value in lines if "_bucket" not in name}


def test_a_look_tells_what_is_said_and_what_runs(auto: Office, repo: Repo) -> None:
    api = Api()
    looking = Looking(api, repo, URL)  # type: ignore[arg-type] # answers as the real one
    first = git("rev-parse", "main", cwd=auto.server)
    image = "registry:5000/hello:0.9.0"
    source = {
        "metadata": {"namespace": "flux-system", "name": "config"},
        "spec": {"url": URL},
        "status": {"artifact": {"revision": f"main@sha1:{first}"}},
    }
    api.objects = {
        "Kustomization": [flux_object(first)],
        "GitRepository": [source],
        "Deployment": [deployment(image)],
    }
    looking.look()
    place = 'app="hello",environment="production"'
    apps = 'flux_namespace="flux-system",kustomization="apps"'
    found = values(looking)
    assert found[f"gitops_kustomization_in_sync{{{apps}}}"] == 1
    assert found[f"gitops_workload_as_git_says{{{place}}}"] == 1
    assert found[f'gitops_workload_info{{{place},running="0.9.0",version="0.9.0"}}'] == 1
    told = f'newest="{first[:7]}",path="./apps/production",reason="ReconciliationSucceeded"'
    assert found[f'gitops_kustomization_info{{{apps},{told},revision="{first[:7]}"}}'] == 1
    assert found[f"gitops_workload_locked{{{place}}}"] == 0
    assert found[f'gitops_workload_automation{{{place},state="active"}}'] == 1
    assert found[f"gitops_commit_to_live_seconds_count{{{apps}}}"] == 0
    # A lock is pushed: Git is ahead of Flux, though Flux's own source does not know it yet.
    auto.do(lock(auto.desk, "hello", "the talk"))
    looking.look()
    found = values(looking)
    assert found[f"gitops_kustomization_in_sync{{{apps}}}"] == 0
    assert found[f"gitops_workload_locked{{{place}}}"] == 1
    assert found[f'gitops_workload_automation{{{place},state="suspended"}}'] == 1
    # Flux applies it; then somebody changes the Deployment, and Flux undoes that.
    api.objects["Kustomization"] = [flux_object(git("rev-parse", "main", cwd=auto.server))]
    looking.look()
    api.objects["Deployment"] = [deployment("hello:9", ready=1, when="2")]
    api.objects["Pod"] = [starting("hello:9", "ErrImagePull")]
    looking.look()
    found = values(looking)
    differs = f'cluster="hello:9",environment="production",field="image",git="{image}"'
    assert found[f'gitops_workload_differs{{app="hello",{differs}}}'] == 1
    waits = f'{place},image="hello:9",reason="ErrImagePull"'
    assert found[f"gitops_workload_image_unavailable{{{waits}}}"] == 1
    assert found[f"gitops_kustomization_in_sync{{{apps}}}"] == 1
    assert found[f"gitops_commit_to_live_seconds_count{{{apps}}}"] == 1
    assert found[f"gitops_workload_as_git_says{{{place}}}"] == 0
    [number] = [
        value for name, value in found.items() if name.startswith("gitops_drift_corrected_t")
    ]
    assert number == 1
    # What somebody had changed, and what it is now that Flux has put it right.
    wrong = deployment(image, when="2")
    wrong["spec"] |= {"replicas": 5}
    api.objects["Deployment"] = [wrong]
    looking.look()
    api.objects["Deployment"] = [deployment(image, when="3")]
    looking.look()
    [name] = [name for name in values(looking) if "drift_corrected_field" in name]
    for word in ('field="replicas"', 'cluster="5"', 'git="2"', 'object="hello"', "apps"):
        assert word in name
    # An agent that Git asks for is told of, whether or not it is there.
    known = flux_object(git("rev-parse", "main", cwd=auto.server))
    known["status"]["inventory"]["entries"].append(
        {"id": "flux-system_notification-controller_apps_Deployment", "v": "v1"}
    )
    api.objects["Kustomization"] = [known]
    looking.look()
    assert values(looking)['gitops_agent_runs{controller_name="notification-controller"}'] == 0


def test_what_does_not_answer_is_told_and_the_rest_goes_on(
    auto: Office, repo: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api()
    looking = Looking(api, repo, URL)  # type: ignore[arg-type] # answers as the real one
    api.objects = {"Kustomization": [flux_object("a")]}
    looking.look()
    when = looking.exporter.last.when
    api.away = True
    shutil.move(auto.server, auto.server.with_name("moved.git"))
    looking.look()
    looking.look()
    found = values(looking)
    assert found['gitops_exporter_source_up{source="cluster"}'] == 0
    assert found['gitops_exporter_source_up{source="git"}'] == 0
    assert looking.exporter.last.when == when  # what is shown is as old as that
    assert looking.exporter.last.kustomizations
    told = capsys.readouterr().err.strip().splitlines()
    assert [line.partition(":")[0] for line in told if line.startswith("the ")] == [
        "the API server"
    ]
    assert sum("the Git server" in line for line in told) == 1


def test_a_workload_without_a_deployment_does_not_run(repo: Repo) -> None:
    repo.look()
    [one] = repo.workloads
    gone = running(one, [])
    assert (gone.as_git_says, gone.differs) == (False, (Difference("Deployment", "hello", ""),))
    assert running(one, [deployment("registry:5000/hello:0.9.0", ready=1)]).as_git_says is False
    other = running(one, [deployment("registry:5000/hello:1.0.0")])
    assert (other.version, other.as_git_says) == ("1.0.0", False)


def test_what_differs_from_git_is_named(repo: Repo) -> None:
    repo.look()
    [one] = repo.workloads
    image = one.found.workload.image
    assert running(one, [deployment(image)]) == Running(one, "0.9.0", as_git_says=True)
    by_hand = deployment(image)
    by_hand["spec"]["replicas"] = 5
    for key in ("replicas", "updatedReplicas", "availableReplicas"):
        by_hand["status"][key] = 5  # the Deployment itself is content with that
    variables = by_hand["spec"]["template"]["spec"]["containers"][0]["env"]
    variables[0]["value"] = "Hello by hand " * 10
    del variables[1]
    variables.append({"name": "MORE", "value": "nobody's"})
    found = running(one, [by_hand])
    assert not found.as_git_says
    assert found.differs == (
        Difference("replicas", "2", "5"),
        Difference("env GREETING", "Hello from Git", ("Hello by hand " * 10)[:LONGEST]),
        Difference("env COLOUR", "blue", ""),
    )


def test_a_field_that_git_does_not_set_is_no_difference() -> None:
    patch = {"metadata": {"name": "hello"}, "spec": {"template": {"spec": {"containers": None}}}}
    assert fields(patch) == {}
    assert differences(fields(patch), deployment("registry:5000/hello:0.9.0")) == []
    sidecar = {"name": "proxy", "image": "proxy:1", "env": [{"name": "A", "value": 1}]}
    patch["spec"] = {"template": {"spec": {"containers": [sidecar]}}}
    assert fields(patch) == {"proxy image": "proxy:1", "proxy env A": "1"}


def test_of_a_file_that_is_no_yaml_the_image_is_known() -> None:
    class Tree:
        def files(self, folder: str = "") -> list[str]:
            return ["apps/production/hello.yaml"]

        def read(self, path: str) -> str:
            return "a: [\n  image: registry:5000/hello:1.0.0\n"

    found = look(Tree(), Place("hello", "production"))
    assert found is not None
    assert fields_in_git(Tree(), found) == {"image": "registry:5000/hello:1.0.0"}


def test_a_pod_that_waits_for_its_image_is_told_with_the_reason(repo: Repo) -> None:
    repo.look()
    [one] = repo.workloads
    pods = [
        starting("hello:9", "ErrImagePull"),
        starting("hello:9", "ImagePullBackOff", name="b"),
        starting("hello:9", "ImagePullBackOff", name="c"),
        starting("hello:9", "ContainerCreating", name="d"),
        starting("hello:9", "ErrImagePull", app="other"),
    ]
    found = running(one, [deployment(one.found.workload.image)], pods)
    assert found.no_image == (("hello:9", "ErrImagePull", 1), ("hello:9", "ImagePullBackOff", 2))
    assert found.as_git_says  # it is about the pods that it has


def test_what_failed_goes_on_failing_while_flux_tries_again(repo: Repo) -> None:
    api = Api()
    looking = Looking(api, repo, URL)  # type: ignore[arg-type] # answers as the real one

    def failing(ready: str, reason: str = "Progressing") -> float:
        api.objects["Kustomization"] = [flux_object("a", ready=ready, reason=reason)]
        looking.look()
        [found] = [
            value for name, value in values(looking).items() if "kustomization_failing" in name
        ]
        return found

    assert failing("Unknown") == 0
    assert failing("False", CANCELED) == 0  # a newer commit came
    assert failing("Unknown") == 0
    assert failing("False", "HealthCheckFailed") == 1
    assert failing("Unknown") == 1
    assert failing("False", "BuildFailed") == 1
    assert failing("True", "ReconciliationSucceeded") == 0
    assert failing("Unknown") == 0


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    """What the image is built from."""
    images.copy_content(catalogue.load().images["exporter"], tmp_path / "context")
    return tmp_path / "context"


def test_the_image_holds_all_that_the_process_imports(carried: Path) -> None:
    code = "import labs.exporter.__main__, sys; print(sorted(m for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=carried,
        env={"PYTHONPATH": str(carried), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "labs.gitops.workloads" in done.stdout
    for heavy in ("'git'", "'kubernetes'", "'pandas'", "labs.platform"):
        assert heavy not in done.stdout


def test_the_manifest_names_the_image_and_the_port_that_are_built() -> None:
    documents = {
        document["kind"]: document
        for path in HERE.glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text())
    }
    pod = documents["Deployment"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    image = catalogue.load().images["exporter"]
    assert container["image"] == f"{image.name}:{image.version}"
    port = container["ports"][0]["containerPort"]
    scraped = (HERE.parent / "prometheus" / "prometheus.yml").read_text()
    assert f"targets: [exporter:{port}]" in scraped
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert metrics.VERSION == image.version == project["version"]
    main = (PROJECT / "labs" / "exporter" / "__main__.py").read_text()
    assert re.search(r"^PORT = (\d+)$", main, re.M)[1] == str(port)  # type: ignore[index]


def test_the_page_lists_exactly_the_metrics_that_there_are(repo: Repo) -> None:
    looking = Looking(Api(), repo, URL)  # type: ignore[arg-type] # answers as the real one
    told = re.findall(r"^# TYPE (gitops_\S+) (?:counter|gauge|histogram)$", exposed(looking), re.M)
    names = {name for name in told if not name.endswith("_created")}
    page = (PROJECT / "docs" / "metrics.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `gitops_")]
    assert {name for row in rows for name in re.findall(r"`(gitops_\w+)`", row)} == names


def test_its_account_may_list_what_it_reads_and_nothing_else() -> None:
    documents = yaml.safe_load_all((HERE / "access.yaml").read_text())
    [role] = [document for document in documents if document["kind"] == "ClusterRole"]
    kinds = (cluster.KUSTOMIZATION, GIT_REPOSITORY, POD, *WHOLE, *METADATA)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    assert {
        (group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    } == {(kind.api_version.rpartition("/")[0], kind.plural) for kind in kinds}
