"""A bundle is read back whole, or refused with a message that says why."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from labs.errors import LabError
from scripts.supply import bundle
from scripts.supply.bundle import Bundle
from scripts.supply.cache import Cache
from scripts.supply.catalogue import host_arch
from scripts.supply.maker import Maker
from scripts.supply.parts import Part, Plan, Workshop


def make(bench: Workshop) -> None:
    (bench.folder / "image.tar").write_bytes(os.urandom(100_000))
    (bench.folder / "tool").write_text("#!/bin/sh\n")
    (bench.folder / "tool").chmod(0o755)


PART = Part("thing", "servers", "make thing", {}, make)
PLAN = Plan("source", (PART,), {"thing": (PART, "tool")}, {}, {}, PART, "node:x")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    cache = Cache(tmp_path / "made")
    Maker(PLAN, cache, lambda _: None).get([PART])
    folder = cache.parts / PART.key
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"wheel")
    files = {f"parts/{PART.key}/{path.name}": path for path in folder.iterdir()}
    path = tmp_path / "lab.bundle"
    bundle.write(path, host_arch(), "source", PLAN.digest, {**files, "wheels/some.whl": wheel})
    return path


def test_a_bundle_is_read_back(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    read = bundle.unpack(file, root, lambda _: None)
    read.require(PLAN.digest, host_arch())
    cache = Cache(root)
    assert cache.find(PART) == root / "parts" / PART.key
    assert cache.verify(PART) is None
    assert (root / "wheels" / "some.whl").read_bytes() == b"wheel"
    assert (root / "parts" / PART.key / "tool").stat().st_mode & 0o111
    found = bundle.installed(root)
    assert found is not None
    assert found.recipes == PLAN.digest


def test_reading_it_again_writes_nothing(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    bundle.unpack(file, root, lambda _: None)
    inode = (root / "parts" / PART.key).stat().st_ino
    bundle.unpack(file, root, lambda _: None)
    assert (root / "parts" / PART.key).stat().st_ino == inode


def test_what_was_lost_since_is_unpacked_again(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    bundle.unpack(file, root, lambda _: None)
    (root / "parts" / PART.key / "tool").unlink()
    bundle.unpack(file, root, lambda _: None)
    assert Cache(root).find(PART)


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)


def test_a_damaged_bundle_is_refused_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    flip(file, len(content) // 2)
    with pytest.raises(LabError, match="it is damaged"):
        bundle.unpack(file, tmp_path / "cache", lambda _: None)
    file.with_name(file.name + ".sha256").unlink()
    with pytest.raises(LabError, match=r"image\.tar in it is damaged"):
        bundle.unpack(file, tmp_path / "cache", lambda _: None)
    left = [path for path in (tmp_path / "cache").rglob("*") if path.name != ".bundle.lock"]
    assert left == []


def test_a_cut_off_bundle_is_refused(file: Path, tmp_path: Path) -> None:
    file.with_name(file.name + ".sha256").unlink()
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(LabError, match=r"damaged|cut off"):
        bundle.unpack(file, tmp_path / "cache", lambda _: None)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text, tar = tmp_path / "text", tmp_path / "tar"
    text.write_text("a photograph of a cat\n" * 100)
    with tarfile.open(tar, "w:gz") as other:
        other.add(text, "cat")
    with pytest.raises(LabError, match="damaged, or no bundle at all"):
        Bundle.read(text)
    with pytest.raises(LabError, match="not a bundle of GitOps Hackfest"):
        Bundle.read(tar)
    with pytest.raises(LabError, match="it is not there"):
        Bundle.read(tmp_path / "nowhere")


def test_another_architecture_or_version_is_refused(file: Path) -> None:
    read = Bundle.read(file)
    with pytest.raises(LabError, match=f"it is for {host_arch()}, and this machine is s390x"):
        read.require(PLAN.digest, "s390x")
    with pytest.raises(LabError, match="another version of the project"):
        read.require("0" * 64, host_arch())


def test_a_bundle_cannot_write_outside_the_cache(tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.write_text("evil")
    path = tmp_path / "evil.bundle"
    bundle.write(path, host_arch(), "source", "0", {"../../escaped": evil})
    with pytest.raises(LabError, match="its head lacks"):
        bundle.unpack(path, tmp_path / "deep" / "cache", lambda _: None)
    assert not (tmp_path / "escaped").exists()
