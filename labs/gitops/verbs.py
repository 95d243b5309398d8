"""What notebooks and the `lab` command call to change the config repo, and to look at it.

`labs.lab` hands the functions on. Each write shows its difference first, is one commit, and is
followed until it is live. Each imports what it calls: a list need not wait for the client of a
cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labs import show
from labs.gitops import shown
from labs.gitops.names import require
from labs.instance import Instance

if TYPE_CHECKING:
    from labs.gitops.desk import Action, Desk

TIMEOUT = 240.0
"""Seconds that a change may take to go live; what Flux cannot do is told sooner."""


def sync(revision: str = "", timeout: float = 120) -> None:
    """Follow a commit, by default your newest, until it is live; shows each stage with its time.

    `timeout` is in seconds. Raises Stuck with Flux's own message where waiting is of no use.
    """
    shown.follow(Instance.current(), revision, timeout)


def render(path: str, revision: str = "") -> list[dict[str, Any]]:
    """Return the objects that a folder of the config repo stands for, in your clone or a commit."""
    from labs.gitops.config_repo import attendees

    return attendees(Instance.current()).render(path, revision)


def release(
    app: str,
    version: str,
    env: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
    override: str = "",
) -> None:
    """Bring an environment to a version: one line changes. Raises LabError."""
    from labs.gitops import release as releases

    _do(
        lambda desk: releases.release(desk, app, version, env, reason=reason, override=override),
        dry_run,
        wait,
        as_user,
    )


def rollback(
    app: str,
    env: str = "",
    *,
    to: str = "",
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
    override: str = "",
) -> None:
    """Go back to a version, by default the one before, and pin it: both in one commit."""
    from labs.gitops import release as releases

    _do(
        lambda desk: releases.rollback(desk, app, to, env, reason=reason, override=override),
        dry_run,
        wait,
        as_user,
    )


def lock(
    app: str,
    reason: str,
    env: str = "",
    *,
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Lock a workload at its version: the Git server then refuses every push that moves it."""
    from labs.gitops import lock as locks

    _do(lambda desk: locks.lock(desk, app, reason, env), dry_run, wait, as_user)


def unlock(
    app: str,
    env: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Take a lock away. Its automation goes on resting until `automate`."""
    from labs.gitops import lock as locks

    _do(lambda desk: locks.unlock(desk, app, env, reason=reason), dry_run, wait, as_user)


def automate(
    app: str,
    env: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Have the bot release a workload's newest version that its policy allows, or go on with it."""
    from labs.gitops import automation as bot

    _do(lambda desk: bot.automate(desk, app, env, reason=reason), dry_run, wait, as_user)


def deautomate(
    app: str,
    env: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Have the bot rest: the workload stays at its version. Marker and policy stay as well."""
    from labs.gitops import automation as bot

    _do(lambda desk: bot.deautomate(desk, app, env, reason=reason), dry_run, wait, as_user)


def policy(
    app: str,
    versions: str,
    env: str = "",
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Change the range of versions, such as `~1.2`, from which the bot chooses the newest."""
    from labs.gitops import automation as bot

    _do(lambda desk: bot.policy(desk, app, versions, env, reason=reason), dry_run, wait, as_user)


def traffic(
    on: bool,
    rate: float | None = None,
    *,
    reason: str = "",
    dry_run: bool = False,
    wait: bool = True,
    as_user: str = "",
) -> None:
    """Have visitors come to the app, `rate` requests a second, or stay away. Raises LabError."""
    from labs.gitops import traffic as visitors

    _do(lambda desk: visitors.switch(desk, on, rate, reason=reason), dry_run, wait, as_user)


def workloads(env: str = "") -> None:
    """Show each app of each environment: version, automation, lock, and what of it runs."""
    from labs.gitops import running
    from labs.gitops.desk import Desk
    from labs.gitops.workloads import each, environment, environments

    instance = Instance.current()
    tree = Desk.of(instance).newest()
    names = [environment(tree, env)] if env else environments(tree)
    rows = []
    for found in (one for name in names for one in each(tree, name)):
        said, automation = found.workload, found.automation
        state = "rests" if automation.suspended else automation.range
        rows.append(
            (
                found.place.environment,
                found.place.app,
                said.version or "?",
                running.version(instance, tree, found.place),
                automation.problem or (state if automation.there else "by hand"),
                said.problem or (f"{said.locked_by}: {said.lock_reason}" if said.locked else ""),
            )
        )
    shown.table(("environment", "app", "in Git", "runs", "automation", "locked by"), rows)


def images(app: str = "") -> None:
    """Show the versions that the registry has: when built, from which commit, where deployed."""
    from labs.gitops import images as registry_images
    from labs.gitops.desk import Desk
    from labs.gitops.workloads import wanted

    instance = Instance.current()
    known = registry_images.repositories(instance)
    if app:
        require("image in the registry", app, known, "CI builds one: see `lab ci runs`")
    used = wanted(Desk.of(instance).newest())
    rows = []
    for repository in [app] if app else known:
        for one in registry_images.images(instance, repository):
            when = f"{one.created.astimezone():%Y-%m-%d %H:%M:%S}" if one.created else ""
            where = ", ".join(used.get((repository, one.tag), []))
            digest = one.digest.removeprefix("sha256:")[:12]
            rows.append((repository, one.tag, when, one.revision[:7], digest, where))
    shown.table(("image", "version", "built", "from commit", "digest", "deployed in"), rows)


def history(app: str = "", env: str = "", *, event: str = "", by: str = "", n: int = 20) -> None:
    """Show what happened, newest first: when, what, by whom and why, told from Git alone."""
    from labs.gitops import history as past
    from labs.gitops.config_repo import attendees

    repo = attendees(Instance.current())
    found = past.history(repo, app=app, environment=env, event=event, by=by, most=n)
    if not found:
        show.line("nothing of that kind has happened yet")
        return
    rows = []
    for one in found:
        where = f"{one.app} in {one.environment}" if one.app else ""
        why = one.why + (f" [{' '.join(one.override.split())}]" if one.override else "")
        when = f"{one.commit.when.astimezone():%m-%d %H:%M:%S}"
        rows.append((when, one.commit.short, one.kind, where, one.what, one.by, why))
    columns = ("when", "commit", "event", "workload", "what", "by", "why")
    shown.table(columns, rows, whole=columns[:3])


def _do(plan: Callable[[Desk], Action], dry_run: bool, wait: bool, as_user: str) -> None:
    from labs.gitops.config_repo import attendees
    from labs.gitops.desk import Desk, carry_out

    instance = Instance.current()
    desk = Desk.of(instance, as_user)
    action = plan(desk)

    def show_first(diff: str) -> None:
        shown.difference(diff)
        for remark in action.remarks:
            show.line(remark)

    written = carry_out(desk, action, dry_run=dry_run, show=show_first)
    if written is None:
        show.line("Nothing was done: that is what would be committed.")
        return
    again = f" (after {written.races_lost} lost races)" if written.races_lost else ""
    show.line(f"pushed {written.commit}{again}")
    if written.behind:
        show.line(written.behind)
    attendees(instance).fetch()  # a colleague's commit is not in the reader's clone yet
    if wait:
        shown.follow(instance, written.commit.sha, TIMEOUT)
    else:
        show.line(f"`lab sync {written.commit.short}` follows it until it is live")
