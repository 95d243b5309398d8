"""What a reset asks of a cluster, without one: what is emptied, kept, and waited for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import NotFoundError

from labs.instance import Instance
from labs.platform import docker, flux, kubernetes
from labs.platform.api_errors import translated
from labs.platform.flux import OWNER
from labs.platform.objects import Object
from labs.reset import cluster, following, spaces
from labs.reset.contents import DISCOVERY, METADATA, ClusterWide, Contents
from labs.reset.starts import STARTS
from labs.run import CommandFailed

ALL = ["create", "delete", "deletecollection", "get", "list"]


def resource(name: str, scope: str = "Namespaced", verbs: list[str] = ALL) -> dict[str, Any]:
    return {"resource": name, "scope": scope, "verbs": verbs}


def group(name: str, *resources: Object, **more: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "versions": [{"version": "v1", "resources": [*resources], **more}]}  # noqa: E501  # fmt: skip


class Served(kubernetes.Cluster):
    """An API server's answers; notes what was asked for."""

    def __init__(self, objects: dict[str, list[str]]) -> None:
        self.objects = objects
        self.deleted: list[str] = []
        self.selectors: set[str | None] = set()

    def raw(
        self,
        method: str,
        path: str,
        accept: str = "application/json",
        query: Mapping[str, Any] | None = None,
    ) -> Object:
        if path in ("/api", "/apis"):
            assert accept == DISCOVERY
            core = group("", resource("pods"), resource("configmaps"), resource("events"),
                         resource("nodes", "Cluster"),
                         resource("bindings", verbs=["create"]))  # fmt: skip
            others = [group("apps", resource("deployments")),
                      group("events.k8s.io", resource("events")),
                      group("gone.example.org", resource("ghosts"), freshness="Stale")]  # fmt: skip
            return {"items": [core] if path == "/api" else others}
        kind = path.rpartition("/")[2]
        words = dict(query or {})
        self.selectors.add(words.pop("labelSelector", None))
        if method == "DELETE":
            assert words == {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            self.deleted.append(path)
            return {}
        assert accept == METADATA
        return {"items": [{"metadata": {"name": name}} for name in self.objects.get(kind, [])]}


def test_a_namespace_is_emptied_of_every_kind_and_makers_of_pods_go_first() -> None:
    served = Served({})
    Contents(served, "production").delete()
    where = "namespaces/production"
    assert served.deleted[:5] == [
        *(f"/apis/apps/v1/{where}/{kind}" for kind in ("deployments", "statefulsets")),
        *(f"/apis/apps/v1/{where}/{kind}" for kind in ("daemonsets", "replicasets")),
        f"/api/v1/{where}/pods",
    ]
    assert set(served.deleted[5:]) == {
        *(f"/api/v1/{where}/{kind}" for kind in ("pods", "configmaps", "events")),
        f"/apis/apps/v1/{where}/deployments",
    }


def test_what_a_cluster_makes_by_itself_is_not_left_over() -> None:
    objects = {"configmaps": ["kube-root-ca.crt", "mine"], "events": ["hello.1"], "pods": []}
    assert Contents(Served(objects), "production").left() == {"configmaps/mine"}


def test_outside_of_namespaces_only_what_flux_applied_goes_and_not_what_stays() -> None:
    served = Served({"nodes": ["one"], "configmaps": ["mine"]})
    strays = ClusterWide(served, {"cluster", "apps"})
    strays.delete()
    assert served.deleted == ["/api/v1/nodes"]
    assert strays.left() == {"nodes/one"}
    assert served.selectors == {f"{OWNER},{OWNER} notin (apps,cluster)"}
    everything = Served({})
    ClusterWide(everything, ()).delete()
    assert everything.selectors == {OWNER}


@pytest.mark.parametrize(
    ("suspended", "orphan", "asked"),
    [
        (False, False, ["delete", "look"]),
        (True, False, ["resume", "delete", "look"]),
        (False, True, ["suspend", "delete"]),
        (True, True, ["delete"]),
    ],
)
def test_flux_is_woken_only_when_the_end_of_its_object_is_written_down(
    suspended: bool, orphan: bool, asked: list[str]
) -> None:
    told: list[str] = []

    class Listening(Served):
        def delete(self, *_: str | None) -> bool:
            told.append("delete")
            return True

        def patch(
            self, api: str, kind: str, name: str, change: Any, namespace: str | None = None
        ) -> Object:
            words = {True: "suspend", None: "resume", "": "look"}
            told.append(words[change.get("spec", {}).get("suspend", "")])
            return {}

    one = {"metadata": {"name": "monitoring"}, "spec": {"suspend": suspended}}
    cluster.drop(Listening({}), one, orphan=orphan)
    assert told == asked


def space(*managers: str, **more: object) -> Object:
    fields = [{"manager": manager} for manager in managers]
    return {"metadata": {"name": "production", "managedFields": fields, **more}}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (space("kustomize-controller"), True),
        (space("kustomize-controller", "kubectl-label"), False),
        (space("kubectl-create"), False),
        (space(), False),
        (space("kustomize-controller", deletionTimestamp="2026-06-01T09:00:00Z"), False),
        (space("kustomize-controller", finalizers=["example.org/held"]), False),
        (None, False),
    ],
)
def test_a_namespace_is_kept_only_as_flux_made_it(found: Object | None, kept: bool) -> None:
    assert spaces.only_fluxs(found) is kept


def test_flux_itself_always_stays_where_it_is_well_and_monitoring_where_it_belongs() -> None:
    class Bare(Served):
        def get(
            self, api_version: str, kind: str, name: str, namespace: str | None = None
        ) -> Object | None:
            return space("kubectl-edit")

    kept = {start.lab: cluster.kept(Bare({}), start) for start in STARTS}
    assert kept["deploy"] == {flux.NAMESPACE}
    assert kept["incident"] == {flux.NAMESPACE, "monitoring"}


def test_all_is_rolled_out_only_when_each_deployment_is() -> None:
    done = {"metadata": {"generation": 1}, "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1,
                       "availableReplicas": 1}}  # fmt: skip
    begun = {**done, "status": {**done["status"], "availableReplicas": 0}}
    states: dict[str, Object | None] = {"one": done, "two": begun}

    class Rolling(Served):
        def get(
            self, api_version: str, kind: str, name: str, namespace: str | None = None
        ) -> Object | None:
            return states[name]

    def applied(*names: str) -> Object:
        ids = [{"id": f"production_{name}_apps_Deployment"} for name in names]
        return {"status": {"inventory": {"entries": ids}}}

    assert following.rolled_out(Rolling({}), applied("one"))
    assert not following.rolled_out(Rolling({}), applied("one", "two"))
    assert not following.rolled_out(Rolling({}), applied()), "nothing says that all is well"
    states["two"] = None
    assert not following.rolled_out(Rolling({}), applied("one", "two"))


def test_fluxs_source_is_waited_for_until_it_answers_in_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found(Served):
        def get(
            self, api_version: str, kind: str, name: str, namespace: str | None = None
        ) -> Object | None:
            return {"spec": {"clusterIP": "10.96.0.7"}}

    codes, asked = [7, 28], []

    def exec_in(name: str, *argv: str) -> str:
        asked.append(argv[-1])
        if codes:
            raise CommandFailed(argv, codes.pop(0), "", "curl: (7) refused", "")
        return ""

    monkeypatch.setattr(kubernetes, "api", lambda _: Found({}))
    monkeypatch.setattr(docker, "exec_in", exec_in)
    seat = Instance("seat", tmp_path)
    following.wait_until_serving(seat)
    assert asked == ["http://10.96.0.7/"] * 3
    codes.append(2)
    with pytest.raises(CommandFailed, match="refused"):
        following.wait_until_serving(seat)


def test_a_root_that_is_gone_before_it_is_held_is_held_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Going(kubernetes.Cluster):
        def __init__(self) -> None: ...

        def list(self, api_version: str, kind: str, *_: str | None) -> list[Object]:
            return []

        def patch(self, *_: Any, **__: Any) -> Object:
            with translated("changing it"):
                asked.append("patch")
                raise NotFoundError(ApiException(404, "Not Found"))

    monkeypatch.setattr(kubernetes, "api", lambda _: Going())
    cluster.hold(Instance("one", tmp_path))
    assert asked == ["patch"]
