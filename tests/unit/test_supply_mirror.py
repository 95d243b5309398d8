"""What of pulling needs no registry: mirrors, sums, and a tag that has moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.errors import LabError
from scripts.supply import download, pull
from scripts.supply.cache import Cache
from scripts.supply.catalogue import Image
from scripts.supply.log import Log
from scripts.supply.maker import Bench
from scripts.supply.mirror import Mirror

FIRST, MOVED = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAB_DIGESTS", raising=False)
    folder = tmp_path / "cache" / "parts"
    folder.mkdir(parents=True)
    log = Log(tmp_path / "log")
    yield Bench(folder, log, {}, lambda _: None)
    log.close()


def crane_that_says(digest: str, tmp_path: Path) -> Path:
    tool = tmp_path / "crane"
    tool.write_text(f"#!/bin/sh\necho {digest}\n")
    tool.chmod(0o755)
    return tool


IMAGE = Image("example.org/thing", "servers", "v1")


def test_a_moved_tag_is_refused_with_both_digests(bench: Bench, tmp_path: Path) -> None:
    first = crane_that_says(FIRST, tmp_path)
    assert pull.agreed_digest(bench, first, IMAGE.name, IMAGE) == FIRST
    assert pull.agreed_digest(bench, first, IMAGE.name, IMAGE) == FIRST
    recorded = json.loads((Cache().root / pull.RECORD).read_text())
    assert recorded == {"example.org/thing:v1": FIRST}
    moved = crane_that_says(MOVED, tmp_path)
    with pytest.raises(LabError, match=f"(?s){MOVED} now.*{FIRST}"):
        pull.agreed_digest(bench, moved, IMAGE.name, IMAGE)


def test_a_pinned_image_is_not_asked_for(bench: Bench, tmp_path: Path) -> None:
    pinned = Image("example.org/thing", "servers", "v1", digest=FIRST)
    nobody = tmp_path / "no-such-crane"
    assert pull.agreed_digest(bench, nobody, pinned.name, pinned) == FIRST


def test_a_mirror_takes_the_original_host_into_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_MIRROR", "registry=127.0.0.1:5001 tools=http://127.0.0.1:8001/")
    mirror = Mirror.current()
    assert mirror.image("registry.k8s.io/pause") == "127.0.0.1:5001/registry.k8s.io/pause"
    address = mirror.tool("https://dl.k8s.io/release/v1/bin/kubectl")
    assert address == "http://127.0.0.1:8001/dl.k8s.io/release/v1/bin/kubectl"
    monkeypatch.delenv("LAB_MIRROR")
    assert Mirror.current().image("registry.k8s.io/pause") == "registry.k8s.io/pause"


@pytest.mark.parametrize(
    "text", ["127.0.0.1:5001", "registry=http://a", "tools=a", "registry=", "registry=a registry=b"]
)
def test_a_wrong_mirror_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_MIRROR", text)
    with pytest.raises(LabError, match="LAB_MIRROR"):
        Mirror.current()


def test_published_sums_come_in_three_shapes() -> None:
    sum_, other = "a" * 64, "b" * 64
    assert download.published_sum(f"{sum_}\n", "kubectl") == sum_
    assert download.published_sum(f"{other}  x.tgz\n{sum_}  y.tgz\n", "y.tgz") == sum_
    assert download.published_sum(f"{sum_} *kind-linux-amd64\n", "kind-linux-amd64") == sum_
    with pytest.raises(LabError, match=r"no line for z\.tgz"):
        download.published_sum(f"{other}  x.tgz\n{sum_}  y.tgz\n", "z.tgz")
    with pytest.raises(LabError, match="64 hexadecimal digits"):
        download.published_sum("<html>", "kubectl")


def test_a_changed_download_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("changed on its way")
    with pytest.raises(LabError, match="as published beside it"):
        download.check(file, "a" * 64, "http://example.org/file")
    assert not file.exists()
