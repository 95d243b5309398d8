"""In which order the cluster is asked whether a commit is live."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labs.gitops import sync
from labs.gitops.sync import _View
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.kind import APP_NODE_PORT
from labs.wait import NotYet

SERVICE: dict[str, object] = {
    "spec": {"ports": [{"nodePort": APP_NODE_PORT}], "selector": {"app": "hello"}}
}


class Cluster:
    """One Kustomization whose inventory names the Service first, as Flux's does."""

    def get(self, *words: str) -> dict[str, object]:
        return SERVICE


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    order: list[str] = []
    things = [("Service", "production", "hello"), ("Deployment", "production", "hello")]
    monkeypatch.setattr(kubernetes, "api", lambda instance: Cluster())
    monkeypatch.setattr(flux, "kustomizations", lambda cluster: [{}])
    monkeypatch.setattr(flux, "inventory", lambda kustomization: things)
    monkeypatch.setattr(flux, "failed", lambda *words: "")
    monkeypatch.setattr(flux, "since", lambda kustomization: 5.0)

    def page(*words: object) -> None:
        order.append("page")

    monkeypatch.setattr(rollout, "answered_by_new_pods", page)
    return order


def view() -> _View:
    class Repo:
        def commit(self, sha: str) -> SimpleNamespace:
            return SimpleNamespace(sha=sha, short=sha)

    return _View(Repo(), Instance.current(), "1a2b3c4")  # type: ignore[arg-type]


def test_the_page_is_asked_after_the_rollout_has_finished(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished(*words: object) -> float:
        asked.append("rollout")
        return 7.0

    monkeypatch.setattr(rollout, "finished", finished)
    assert view().reached("live") == sync._Told(7.0)
    assert asked == ["rollout", "page"]


def test_the_page_is_not_asked_while_old_pods_serve(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished(*words: object) -> float:
        raise NotYet("1 old pods still serve")

    monkeypatch.setattr(rollout, "finished", finished)
    with pytest.raises(NotYet):
        view().reached("live")
    assert asked == []
