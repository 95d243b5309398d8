"""The terminal: kubectl, flux, git and lab at once, on this lab, with prompt and completion."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labs.instance import Instance
from tests.browser.jupyter_page import enter, open_lab, open_terminal


def test_the_tools_answer(page: Page, address: str, instance: Instance, screenshots: Path) -> None:
    open_lab(page, address)
    text = open_terminal(page)
    expect(text).to_contain_text(f"{instance.name} kind-{instance.name} work")
    enter(page, "kubectl get nodes")
    expect(text).to_contain_text(re.compile(rf"{instance.name}-control-plane\s+Ready"))
    enter(page, "flux --version")
    expect(text).to_contain_text(re.compile(r"flux version \d+\.\d+\.\d+"))
    enter(page, "git -C config-repo log --oneline | cat")
    expect(text).to_contain_text(re.compile(r"[0-9a-f]{7} \S+"))
    enter(page, "lab status")
    expect(text).to_contain_text(re.compile(r"JupyterLab\s+ok\s+running"))
    page.screenshot(path=screenshots / "terminal.png")


def test_the_prompt_shows_the_branch(page: Page, address: str, screenshots: Path) -> None:
    open_lab(page, address)
    text = open_terminal(page)
    enter(page, "cd config-repo")
    expect(text).to_contain_text("work/config-repo (main)")
    enter(page, "false")
    expect(text).to_contain_text("(main) [1]")
    page.screenshot(path=screenshots / "prompt.png")


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("kubectl api-reso", "kubectl api-resources"),
        ("flux recon", "flux reconcile"),
        ("git -C config-repo stat", "git -C config-repo status"),
        ("lab doc", "lab doctor"),
    ],
)
def test_tab_completes(page: Page, address: str, typed: str, becomes: str) -> None:
    open_lab(page, address)
    text = open_terminal(page)
    page.keyboard.type(typed)
    page.keyboard.press("Tab")
    expect(text).to_contain_text(becomes)


def test_a_push_works_at_once(page: Page, address: str, instance: Instance) -> None:
    open_lab(page, address)
    text = open_terminal(page)
    enter(page, "git -C app-repo pull --quiet --rebase; echo pull ended with $?")
    expect(text).to_contain_text("pull ended with 0")  # colleagues may have committed versions
    enter(page, "git -C app-repo commit --allow-empty --quiet -m 'Say hello' && echo commit ended")
    expect(text).to_contain_text(re.compile("commit ended(?!.*--allow-empty)"))
    enter(page, "git -C app-repo push; echo push ended with $?")
    expect(text).to_contain_text("push ended with 0")
