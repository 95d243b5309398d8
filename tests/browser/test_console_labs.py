"""Labs 02 and 05 as a reader does them: notebook, terminal and console, all in the browser.

Each begins at its start, to which the lab is put back; so this comes after all other tests.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from labs import catalogue
from labs.exercises.deploy_checks import FIRST, SECOND
from labs.exercises.evidence import HELLO
from labs.gitops.config_repo import attendees
from labs.instance import PROJECT, Instance
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.reset import again
from labs.run import run
from tests.browser.complaints import listen
from tests.browser.console_page import REFUSED, holds
from tests.browser.jupyter_page import (
    enter,
    launcher_card,
    notebook,
    open_lab,
    open_terminal,
    opened_by,
    run_cell,
    start_cell,
    to_tab,
    write_cell,
)

WAIT = 180_000


@dataclass
class Reader:
    """Somebody at JupyterLab with a lab's notebook, a terminal, and the console in a second tab."""

    page: Page
    name: str
    panel: Locator
    terminal: Locator
    console: Page
    complaints: list[str]
    commands: int = 0

    def code(self, words: str) -> Locator:
        """Come back to the notebook; return its cell with these words."""
        self.page.bring_to_front()
        to_tab(self.page, self.name)
        return self.panel.locator(".jp-CodeCell").filter(has_text=words).first

    def cell(self, words: str) -> Locator:
        """Run a cell; return what it shows."""
        return run_cell(self.panel, self.code(words))

    def answer(self, words: str, instead: str) -> None:
        """Write something in the place of a cell that has a TODO, and run it."""
        write_cell(self.code(words), instead)
        self.cell(instead)

    def check(self, step: str) -> None:
        expect(self.cell(f'lab.check("{step}"')).to_contain_text(re.compile(r"^✓", re.MULTILINE))

    def type(self, *lines: str, ends: int = 0) -> str:
        """Type lines into the terminal, the last of which ends with this code; return its text."""
        self.page.bring_to_front()
        to_tab(self.page, "Terminal")
        self.page.locator(".jp-Terminal:not(.lm-mod-hidden) .xterm").click()
        self.commands += 1
        for line in lines:
            enter(self.page, line)
        enter(self.page, f'echo "number {self.commands}" ended with $?')
        expect(self.terminal).to_contain_text(
            re.compile(rf"number {self.commands} ended with \d"), timeout=WAIT
        )
        text = self.terminal.inner_text()
        assert f"number {self.commands} ended with {ends}" in text, text
        return text


def sit_down(page: Page, address: str, instance: Instance, name: str) -> Reader:
    """Put the lab back to the start of this one, and open all that a reader has open."""
    lab = catalogue.lab_named(name)
    again.reset(instance, lab, Steps(instance.durations))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    file = lab.notebook
    open_lab(page, address, f"notebooks/{file}")
    panel = notebook(page)
    terminal = open_terminal(page)
    console = opened_by(launcher_card(page, "Console"))
    reader = Reader(page, file, panel, terminal, console, listen(console, REFUSED))
    reader.type("cd config-repo")
    reader.cell("TIMEOUT =")
    reader.cell("lab.start(")
    return reader


def to_page(console: Page, name: str) -> None:
    console.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()


@pytest.fixture(autouse=True)
def as_the_attendee(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(instance).items():
        monkeypatch.setenv(name, value)


def test_lab_02(page: Page, address: str, instance: Instance, screenshots: Path) -> None:
    reader = sit_down(page, address, instance, "agents")
    console = reader.console
    reader.answer('lab.predict("silence"', 'lab.predict("silence", "the app is there")')
    expect(reader.cell('lab.check("silence"')).to_contain_text("the app is there")
    reader.type(
        f"sed -i '/name: GREETING/{{n;s/value: .*/value: Hello from Klagenfurt/}}' {HELLO}",
        'git commit --all --message "Greet from Klagenfurt"',
        "git push",
    )
    reader.check("first-commit")
    reader.cell('lab.compare("silence")')

    console.bring_to_front()
    to_page(console, "Instances")
    console.get_by_role("button", name="Create the instance").click()
    badge = console.locator("#instance .state")
    expect(badge).to_contain_text("waiting for agents", timeout=WAIT)
    reader.check("instance")
    expect(reader.cell("cat clusters/*/flux-system/sync.yaml")).to_contain_text("GitRepository")

    start_cell(reader.code('lab.watch("instance")'))
    reader.type("flux check --pre")
    console.bring_to_front()
    console.locator("#install-command").get_by_role("button", name="Copy").click()
    holds(console, "navigator.clipboard.readText().then(text => text !== '')", "it to be copied")
    copied = str(console.evaluate("navigator.clipboard.readText()"))
    assert len(copied.splitlines()) == 2
    reader.type(*copied.splitlines())
    reader.check("install-agents")
    console.bring_to_front()
    expect(badge).to_contain_text("connected", timeout=WAIT)
    console.screenshot(path=screenshots / "console-lab-02.png", full_page=True)

    text = reader.type("clear", "flux get kustomizations")
    applied = re.search(r"cluster\s+main@sha1:([0-9a-f]{8})", text)
    assert applied, text
    reader.answer("answer = ...", f'answer = "{applied[1]}"')
    reader.check("connected")
    reader.cell('lab.watch("page")')
    reader.cell('lab.compare("silence")')
    expect(reader.cell('lab.progress("agents")')).to_contain_text("connected")
    console.bring_to_front()
    to_page(console, "Overview")
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    assert not reader.complaints


@pytest.mark.long
def test_lab_05s_lost_race(page: Page, address: str, instance: Instance, screenshots: Path) -> None:
    reader = sit_down(page, address, instance, "deploy")
    console = reader.console
    for step in ("by-hand", "by-command"):
        run(sys.executable, "-m", "labs.cli", "solve", step, cwd=PROJECT, timeout=240)
    before = attendees(instance).fetch()
    reader.type(
        "git pull --quiet --rebase",
        f"sed -i '/name: GREETING/{{n;s/value: .*/value: Hello from two desks/}}' {HELLO}",
        'git commit --all --message "Greet from two desks"',
    )

    console.bring_to_front()
    to_page(console, "Workloads")
    console.get_by_role("link", name="hello").first.click()
    console.locator(f'[id="release-{FIRST}"]').click()
    diff = console.locator("#do .diff")
    expect(diff).to_contain_text(f"hello:{FIRST}")
    expect(diff).to_contain_text(f"hello:{SECOND}")
    console.screenshot(path=screenshots / "console-lab-05.png", full_page=True)
    console.locator("#commit").click()
    console.wait_for_url(re.compile(r"[?&]commit=[0-9a-f]{40}"), wait_until="commit", timeout=WAIT)
    theirs = console.url.rpartition("commit=")[2][:40]

    said = reader.type("clear", "git push", ends=1)
    assert "rejected" in said
    reader.type("git pull --rebase")
    assert f"hello {FIRST}" in reader.type("clear", "git log --oneline -3 | cat")
    reader.type("git push")
    reader.check("lost-race")
    repo = attendees(instance)
    newest = repo.fetch()
    names = run("git", "log", "--format=%H", f"{before.sha}..{newest.sha}", cwd=repo.path).split()
    assert names == [newest.sha, theirs]
    assert newest.subject == "Greet from two desks"
    shown = reader.cell("git log -5 --format='%h  %<(12)%an  %s'")
    for commit in names:
        expect(shown).to_contain_text(commit[:7])
    assert f"hello:{FIRST}" in repo.read(HELLO, newest.sha)
    assert not reader.complaints
