"""The app's versions: each is a whole app that passes its own tests, whatever was there before."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.gitops.app_versions import committed, trees, version_in
from labs.gitops.app_versions.trees import ORDER, START, VERSION_FILE, VERSIONS, onto
from labs.gitops.config_repo import ConfigRepo
from labs.platform.loopback import Answer, fetch
from labs.run import run
from labs.wait import NotYet, wait_for
from tests.unit.gitrepos import git, new_clone, new_server

NUMBERS = [version.number for version in VERSIONS]
WITH_CODE = [path.stem for path in sorted(trees.PATCHES.glob("*.patch"))]
AS_CI_BUILDS = {"HELLO_BUILT": "2026-03-01T12:30:00+01:00", "HELLO_COMMIT": "0a" * 20}


@pytest.fixture(scope="session")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the app as each version has it."""
    folder = tmp_path_factory.mktemp("apps")
    for number in ORDER:
        trees.build(number, folder / number)
    return folder


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the app with what its image would say of itself; yield its address."""
    environ = {"PATH": os.environ["PATH"], "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "hello"],
        cwd=folder,
        env={**environ, **AS_CI_BUILDS},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if "listens" in line)
        yield f"http://127.0.0.1:{line.rsplit(maxsplit=1)[1]}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def codes(address: str, path: str, times: int) -> list[int]:
    return [fetch(f"{address}{path}").status for _ in range(times)]


def test_there_is_code_for_those_that_bring_some() -> None:
    assert WITH_CODE == ["1.2.0", "1.3.0", "2.0.0", "2.1.0"]
    assert set(WITH_CODE) < set(NUMBERS)


@pytest.mark.parametrize("number", WITH_CODE)
def test_a_version_passes_its_own_tests_and_lint(apps: Path, number: str) -> None:
    """But for the tests of its end: no version changes that, and they take seconds."""
    quick = ("pytest", "--quiet", "-p", "no:cacheprovider", "--ignore=tests/test_ending.py")
    for words in (quick, ("ruff", "check", "--no-cache"), ("ruff", "format", "--check")):
        run(sys.executable, "-m", *words, cwd=apps / number)
    assert f'VERSION = "{number}"' in (apps / number / VERSION_FILE).read_text()


def test_versions_are_told_apart_by_words_and_by_shape(apps: Path) -> None:
    seen = []
    for number in ORDER:
        scope: dict[str, str] = {}
        exec((apps / number / VERSION_FILE).read_text(), scope)  # noqa: S102 - four constants of ours
        assert scope["VERSION"] == number
        seen.append((scope["WORDS"], scope["SHAPE"], scope["COLOUR"]))
    for column in zip(*seen, strict=True):
        assert len(set(column)) == len(ORDER)


@pytest.mark.parametrize("number", ["1.2.0", "2.0.0"])
def test_a_good_version_answers_people(apps: Path, number: str) -> None:
    with running(apps / number) as address:
        assert set(codes(address, "/", 60) + codes(address, "/api", 60)) == {200}


def test_1_3_0_fails_people_and_not_the_probes(apps: Path) -> None:
    with running(apps / "1.3.0") as address:
        assert codes(address, "/", 1) == [500]
        assert codes(address, "/readyz", 1) + codes(address, "/healthz", 1) == [200, 200]
        assert json.loads(fetch(f"{address}/api").body)["version"] == "1.3.0"


def test_2_1_0_fails_under_traffic_and_comes_back(apps: Path) -> None:
    with running(apps / "2.1.0") as address:
        assert codes(address, "/", 20) == [200] * 20
        under_traffic = codes(address, "/", 100)
        assert 500 in under_traffic
        assert codes(address, "/readyz", 1) == [200]
        text = fetch(f"{address}/metrics").body.decode()
        counted = under_traffic.count(500)
        assert f'hello_http_errors_total{{path="/"}} {counted}.0' in text

        def answers_again() -> None:
            answer: Answer = fetch(f"{address}/")
            if answer.status != 200:
                raise NotYet(str(answer.status))

        wait_for(answers_again, what="an answer once it is quiet", timeout=5, interval=0.2)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("before", ORDER)
def test_a_version_follows_on_any_other(number: str, before: str) -> None:
    for path in trees.paths():
        assert onto(number, path, trees.code(before).get(path)) == trees.code(number).get(path)


def test_a_change_of_the_readers_is_kept_beside_a_versions_own() -> None:
    mine = trees.code("1.2.0")["hello/page.html"].replace("</main>", "<p>Mine.</p>\n</main>")
    merged = onto("2.0.0", "hello/page.html", mine)
    assert merged == trees.code("2.0.0")["hello/page.html"].replace(
        "</main>", "<p>Mine.</p>\n</main>"
    )


def test_a_change_of_the_same_lines_is_told() -> None:
    line = '<dt>built</dt><dd data-fact="built">$built</dd>'
    mine = trees.code(START)["hello/page.html"]
    assert line in mine
    with pytest.raises(LabError, match=r"hello/page.html .* on the lines that 1.3.0 changes"):
        onto("1.3.0", "hello/page.html", mine.replace(line, "<dt>made</dt><dd>$built</dd>"))
    with pytest.raises(LabError, match="hello/page"):
        onto("1.3.0", "hello/page.html", None)


def test_an_unknown_version_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(LabError) as told:
        trees.named("1.2")
    assert "1.0.0, 1.1.0, 1.2.0" in told.value.expected
    assert "did you mean 1.2.0?" in told.value.todo


def test_the_history_tells_which_commit_is_which_version(tmp_path: Path) -> None:
    server = new_server(tmp_path, {VERSION_FILE: 'VERSION = "0.9.0"\n'})
    clone = new_clone(server, tmp_path / "reader")
    for number in ("1.0.0", "1.1.0", "1.0.0"):
        (clone / VERSION_FILE).write_text(trees.named(number).file)
        git("commit", "--quiet", "--all", "-m", number, cwd=clone)
    git("push", "--quiet", cwd=clone)
    repo = ConfigRepo(clone)
    repo.fetch()
    found = committed(repo)
    assert {number: len(commits) for number, commits in found.items()} == {
        "1.0.0": 2,
        "1.1.0": 1,
        "0.9.0": 1,
    }
    assert found["1.0.0"][0].sha == git("rev-parse", "HEAD", cwd=clone)
    assert version_in("VERSION = 1\n") == ""
