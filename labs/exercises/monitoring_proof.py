"""Whether a rule's test proves it: tried with other expressions in the rule's place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from labs.exercises.monitoring_evidence import TESTS, Written, loaded, texts
from labs.exercises.releases import short
from labs.gitops import monitoring, yaml_places
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.monitoring import check
from labs.run import CommandFailed, run
from labs.step import CheckFailed
from scripts.supply import api as supply


def refuse_unproved(repo: ConfigRepo, rule: Written, others: tuple[str, ...]) -> None:
    """Raise CheckFailed where monitoring's files are wrong, or no test looks at a rule.

    `others` are expressions in the rule's place with which a test of it has to fail.
    """
    with tempfile.TemporaryDirectory(prefix="monitoring-") as folder:
        root = Path(folder)
        lay_out(repo, root)
        if wrong := check.problems(root, supply.tool):
            raise CheckFailed(
                short(wrong[0], 300),
                expected="files that `promtool` and its tests have nothing against",
                todo="mend it, `lab lint`, commit, push",
            )
        for other in others:
            if unmoved(root, rule, other):
                raise CheckFailed(
                    f"the tests pass as well if {rule.name} is `{other}`",
                    expected=f"a test in {TESTS} that fails when {rule.name} is wrong",
                    todo=f"a test with made-up samples, and what {rule.name} has to make of them",
                )


def lay_out(repo: ConfigRepo, root: Path) -> None:
    """Write monitoring's files, as the Git server has them, below a folder."""
    for path, text in texts(repo, monitoring.FOLDER).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def unmoved(root: Path, rule: Written, expr: str) -> bool:
    """Return whether the tests below a folder pass, with another expression in a rule's place.

    Tests that pass whatever a rule says do not look at it.
    """
    path = root / rule.path
    text = path.read_text()
    document = loaded(text)
    for one in (one for group in document["groups"] for one in group["rules"]):
        if one.get(rule.kind) == rule.name:
            one["expr"] = expr
    try:
        with path.open("w") as file:
            yaml_places.plain_yaml().dump(document, file)
        run(
            *(supply.tool("promtool"), "test", "rules"),
            *sorted((root / TESTS).glob("*.yml")),
            cwd=root,
            timeout=60,
        )
    except CommandFailed:
        return False
    finally:
        path.write_text(text)
    return True
