"""The config repo's files at the start of a lab: the template, and what earlier labs have added."""

from __future__ import annotations

import re
from pathlib import Path

from labs.exercises import monitoring as lab09
from labs.exercises.evidence import HELLO
from labs.exercises.monitoring_evidence import SCRAPE, TESTS
from labs.exercises.releases import APP, AUTOMATION
from labs.gitops import image_automation, instances, manifests, monitoring
from labs.gitops.draft import Draft
from labs.gitops.monitoring.check import RULES
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.gitops.monitoring.enforcing import SWITCH
from labs.instance import PROJECT
from labs.platform.registry import INNER_ADDRESS
from labs.reset.starts import Start

TEMPLATE = PROJECT / "config-repo-template"


class Sheet(Draft):
    """A draft on nothing: its files are all that there is, and no git is asked for others."""

    def __init__(self) -> None:
        super().__init__(None, "nothing")

    def lay(self, folder: Path) -> Path:
        """Write the files into a folder; return it."""
        for path in self.files():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(self.read(path))
        return folder

    def _base_files(self) -> dict[str, str]:
        return {}


def write(draft: Draft, start: Start, name: str) -> None:
    """Make a draft the tree of a start; `name` is the cluster's in the config repo."""
    _template(draft)
    folder = f"clusters/{name}"
    if start.agents:
        instances.wire(draft, name)
    text = manifests.with_image(draft.read(HELLO), APP, f"{INNER_ADDRESS}/{APP}:{start.runs}")
    text = _setting(_setting(text, "GREETING", start.greeting), "COLOUR", start.colour)
    draft.write(HELLO, text)
    if start.automation:
        image_automation.install(draft, folder)
        draft.write(AUTOMATION, manifests.with_range(draft.read(AUTOMATION), start.automation))
    if start.monitoring:
        monitoring.install(draft, folder)
        _lab09(draft)


def write_whole(draft: Draft, start: Start, name: str) -> None:
    """The same, with what the bot has made of it by then."""
    write(draft, start, name)
    if start.bot:
        bots_change(draft, start)


def bots_change(draft: Draft, start: Start) -> None:
    """Make of a start's tree what the bot has made of it."""
    image = f"{INNER_ADDRESS}/{APP}:{start.bot}"
    draft.write(HELLO, manifests.with_image(draft.read(HELLO), APP, image))


def _template(draft: Draft) -> None:
    wanted = {
        path.relative_to(TEMPLATE).as_posix(): path.read_text()
        for path in sorted(TEMPLATE.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for path in draft.files():
        if path not in wanted:
            draft.delete(path)
    for path, text in wanted.items():
        draft.write(path, text)


def _setting(text: str, name: str, value: str) -> str:
    """Return the app's file with another value below `name: NAME`."""
    changed, count = re.subn(
        rf"(name: {name}\b[^\n]*\n\s*value: )[^\n]*", lambda found: found[1] + value, text
    )
    assert count == 1, f"{HELLO} has {name} {count} times"
    return changed


def _lab09(draft: Draft) -> None:
    """Add what lab 09 has its reader write: a job, a rule with its test, a panel, the switch."""
    board, rules = f"{DASHBOARDS}/app.json", f"{RULES}/kustomization.yaml"
    draft.write(SCRAPE, draft.read(SCRAPE) + lab09.JOB)
    draft.write(f"{RULES}/probes.yml", lab09.RULE)
    draft.write(f"{TESTS}/probes.yml", lab09.TEST)
    draft.replace(rules, "    files:\n", "    files:\n      - probes.yml\n")
    draft.replace(board, '  "panels": [\n', f'  "panels": [\n{lab09.PANEL}')
    draft.write(SWITCH, "monitoring: enforced\n")
