"""The reader's progress in a browser, and the way into the notebook."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labs.catalogue import LABS
from labs.instance import Instance
from labs.platform import jupyter_config
from labs.progress import Progress
from labs.seats.summary import standing
from tests.browser.console_page import looks_well

pytestmark = pytest.mark.usefixtures("connected")


def test_it_counts_as_the_record_does_and_follows_it(console: Page, instance: Instance) -> None:
    console.goto("/progress")
    told = standing(Progress(instance).read())
    expect(console.get_by_text(f"{told.done} of {told.steps} steps")).to_be_visible()
    for line in told.labs:
        card = console.locator(f"#lab-{line.lab.name}")
        expect(card).to_contain_text(f"{line.done} of {len(line.steps)} steps")
    looks_well(console, "progress")
    undone = [one.step.id for line in told.labs for one in line.steps if one.done is None]
    if not undone:
        pytest.fail("every step of every lab is done on this lab: nothing is left to follow")
    Progress(instance).tried(undone[0], passed=True)
    expect(console.get_by_text(f"{told.done + 1} of {told.steps} steps")).to_be_visible()


def test_it_leads_into_the_notebook(console: Page, instance: Instance) -> None:
    console.goto("/progress")
    link = console.locator("#lab-welcome a")
    where = link.get_attribute("href") or ""
    assert where.endswith(f"/lab/tree/notebooks/{LABS[0].notebook}")
    token = jupyter_config.token(instance)
    answer = console.request.get(where, headers={"Authorization": f"token {token}"})
    assert answer.status == 200
