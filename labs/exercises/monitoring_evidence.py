"""What a reader has added to monitoring's files, and what Prometheus makes of it.

What was handed out is not the reader's: it is known by the project's own folder, and by the first
commit of the config repo that had one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labs.errors import LabError
from labs.exercises.evidence import MOST
from labs.gitops import monitoring, yaml_places
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.monitoring import dashboards
from labs.gitops.monitoring.check import RULES
from labs.gitops.monitoring.dashboards import DASHBOARDS, NotADashboard, Panel
from labs.gitops.yaml_places import Unreadable
from labs.instance import Instance
from labs.platform import prometheus
from labs.platform.prometheus import BadQuery, Sample, Scalar, Vector
from labs.step import CheckFailed
from labs.wait import NotYet

SCRAPE = f"{monitoring.FOLDER}/prometheus/prometheus.yml"
TESTS = f"{RULES}/tests"
NAMESPACE = monitoring.NAMESPACE
LOOK = "`flux get kustomizations monitoring`, then `kubectl get pods -n monitoring`"


@dataclass(frozen=True)
class Written:
    """A rule as a file has it."""

    path: str
    name: str
    kind: str
    """`record` or `alert`, as the file calls it."""
    expr: str


@dataclass(frozen=True)
class Drawn:
    """A panel as a dashboard's file has it, and what the dashboard's variables are."""

    path: str
    panel: Panel
    variables: Mapping[str, str]

    @property
    def queries(self) -> list[str]:
        """What it asks Prometheus, as it asks it."""
        return [
            dashboards.filled_in(one.expr, {"__rate_interval": "1m", **self.variables})
            for one in self.panel.targets
        ]


def jobs(text: str) -> list[str]:
    """Return the names of the scrape jobs in a configuration; none where it cannot be read."""
    found = loaded(text).get("scrape_configs") or []
    return [str(one["job_name"]) for one in found if isinstance(one, dict) and "job_name" in one]


def rules(path: str, text: str) -> list[Written]:
    """Return the rules in a file's text; none where it cannot be read."""
    groups = loaded(text).get("groups") or []
    found = [
        rule
        for group in groups
        if isinstance(group, dict)
        for rule in group.get("rules") or []
        if isinstance(rule, dict)
    ]
    return [
        Written(path, str(rule[kind]), kind, str(rule.get("expr", "")))
        for rule in found
        for kind in ("record", "alert")
        if kind in rule
    ]


def texts(repo: ConfigRepo, folder: str, revision: str = UPSTREAM) -> dict[str, str]:
    """Return a folder's files as a commit has them, by path; revision '' is the working folder."""
    if revision:
        names = {path: f"{revision}:{path}" for path in repo.tree(revision).files(folder)}
        found = repo.record().texts(names.values())  # Git is asked once, not for each file
        return {path: found[name] for path, name in names.items()}
    paths = sorted(path for path in (repo.path / folder).rglob("*") if path.is_file())
    return {
        path.relative_to(repo.path).as_posix(): path.read_text(errors="replace") for path in paths
    }


def all_rules(files: Mapping[str, str]) -> list[Written]:
    """Return the rules of the files that Prometheus may read: those of rules/, not the tests."""
    return [
        rule
        for path, text in files.items()
        if path.startswith(f"{RULES}/") and path.count("/") == RULES.count("/") + 1
        if path.endswith(".yml")
        for rule in rules(path, text)
    ]


def all_panels(files: Mapping[str, str]) -> list[Drawn]:
    """Return the panels of the files that are dashboards; none of one that cannot be read."""
    found = []
    for path, text in files.items():
        if not path.startswith(f"{DASHBOARDS}/") or not path.endswith(".json"):
            continue
        try:
            board = dashboards.read(path, text)
        except NotADashboard:  # `lab lint` and the checks' own judge say so
            continue
        found += [Drawn(path, panel, board.variables) for panel in board.panels]
    return found


class Additions:
    """What a repo has of monitoring beyond what was handed out."""

    def __init__(self, repo: ConfigRepo) -> None:
        self._repo = repo
        commits = repo.log(UPSTREAM, monitoring.FOLDER, MOST)
        self._first = commits[-1].sha if commits else UPSTREAM
        self._came: dict[str, list[Mapping[str, str]]] = {}

    def jobs(self, revision: str = UPSTREAM) -> list[str]:
        """Return the scrape jobs that did not come with the folder."""
        folder = SCRAPE.rpartition("/")[0]
        came = {name for files in self._known(folder) for name in jobs(files.get(SCRAPE, ""))}
        found = texts(self._repo, folder, revision).get(SCRAPE, "")
        return [name for name in jobs(found) if name not in came]

    def panels(self, revision: str = UPSTREAM) -> list[Drawn]:
        """Return the panels of dashboards that did not come with the folder, by their titles."""
        known = [one for files in self._known(DASHBOARDS) for one in all_panels(files)]
        came = {(one.path, one.panel.title) for one in known}
        found = all_panels(texts(self._repo, DASHBOARDS, revision))
        return [one for one in found if (one.path, one.panel.title) not in came]

    def rules(self, kind: str, revision: str = UPSTREAM) -> list[Written]:
        """Return the rules of a kind (`record`, `alert`) that did not come with the folder."""
        came = {rule.name for files in self._known(RULES) for rule in all_rules(files)}
        found = all_rules(texts(self._repo, RULES, revision))
        return [rule for rule in found if rule.kind == kind and rule.name not in came]

    def has_rule(self, rule: Written, revision: str) -> bool:
        """Return whether a commit has a rule of this name and kind beside what was handed out."""
        return any(one.name == rule.name for one in self.rules(rule.kind, revision))

    def _known(self, folder: str) -> list[Mapping[str, str]]:
        """Return a folder's files as they were handed out, each file being read once."""
        if folder not in self._came:
            handed = {
                path: text
                for path, text in monitoring.files().items()
                if path.startswith(f"{folder}/")
            }
            self._came[folder] = [handed, texts(self._repo, folder, self._first)]
        return self._came[folder]


def bringer(repo: ConfigRepo, path: str, has: Callable[[str], bool]) -> Commit | None:
    """Return the newest pushed commit of a path with which something came; `has` judges one."""
    for commit in repo.log(UPSTREAM, path, MOST):
        if has(commit.sha) and not (commit.parents and has(commit.parents[0])):
            return commit
    return None


def there(repo: ConfigRepo, path: str, revision: str) -> bool:
    """Return whether a revision has a file: a commit, or '' for the working folder."""
    return bool(repo.text(path, revision)) if revision else (repo.path / path).exists()


def refuse_kept_back(what: str, has: Callable[[str], bool]) -> None:
    """Raise CheckFailed where the reader's clone has something that the Git server has not.

    `has` judges a revision: a commit, or '' for the working folder.
    """
    if has("HEAD"):
        raise CheckFailed(
            f"{what} is committed, and not pushed: it is on your computer alone",
            expected="a commit that the Git server has",
            todo="`git push`",
        )
    if has(""):
        raise CheckFailed(
            f"{what} is in your clone, and in no commit",
            expected="a commit, pushed",
            todo='`lab lint`, `git add --all`, `git commit --message "…"`, then `git push`',
        )


def values(instance: Instance, promql: str, at: datetime | None = None) -> list[Sample]:
    """Return what Prometheus gives at a moment. Raises NotYet where it is away, or BadQuery."""
    try:
        found = prometheus.query(instance, promql, at)
    except BadQuery:
        raise
    except LabError as away:
        raise NotYet(away.found) from away
    if isinstance(found, Scalar):
        return [Sample({}, found.when, found.value)]
    if isinstance(found, Vector):
        return list(found.samples)
    raise BadQuery(
        f"{promql} gives series over time, not a value for each",
        expected="one value of each series",
        todo="`rate(…[1m])` makes one value of each",
    )


def in_force(instance: Instance, name: str) -> None:
    """Raise NotYet until Prometheus has read a rule and evaluated it well."""
    try:
        found = [rule for rule in prometheus.rules(instance) if rule.name == name]
    except LabError as away:
        raise NotYet(away.found) from away
    if not found:
        raise NotYet(f"Prometheus has no rule {name} yet")
    if found[0].health != "ok":
        raise NotYet(f"Prometheus says of {name}: {found[0].error or 'not evaluated yet'}")


def loaded(text: str) -> dict[str, Any]:
    """Return the first document of a text; empty where it cannot be read."""
    try:
        documents = yaml_places.load(text)
    except Unreadable:  # `lab lint` and the checks' own promtool say so
        return {}
    return documents[0] if documents and isinstance(documents[0], dict) else {}
