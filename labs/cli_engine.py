"""The commands that release, roll back, lock and automate, and tell of it; labs/cli.py mounts them.

Each calls what a notebook calls: labs/gitops/verbs.py.
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()

App = Annotated[str, typer.Argument(help="The app, such as `hello`.")]
AnyApp = Annotated[str, typer.Argument(help="One app; without it, all of them.")]
Version = Annotated[str, typer.Argument(help="A version of the registry; `lab images` lists them.")]
Env = Annotated[
    str, typer.Option("--env", "-e", help="The environment: the only one, or production.")
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the history.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference, and do nothing.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Push, and do not follow the commit.")]
AsUser = Annotated[str, typer.Option("--as", help="Who commits: attendee or instructor.")]
Override = Annotated[
    str, typer.Option("--override", help="Go past a lock, for this reason; the instructor may.")
]


@app.command()
def release(
    name: App,
    version: Version,
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
    override: Override = "",
) -> None:
    """Release a version: one line changes, the commit is pushed and followed until it is live."""
    from labs.gitops import verbs

    verbs.release(
        *(name, version, env),
        reason=reason,
        dry_run=dry_run,
        wait=not no_wait,
        as_user=as_user,
        override=override,
    )


@app.command()
def rollback(
    name: App,
    to: Annotated[str, typer.Option("--to", help="The version; else the one before.")] = "",
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
    override: Override = "",
) -> None:
    """Go back to the version before, and pin it, so that no automation undoes it."""
    from labs.gitops import verbs

    verbs.rollback(
        *(name, env),
        to=to,
        reason=reason,
        dry_run=dry_run,
        wait=not no_wait,
        as_user=as_user,
        override=override,
    )


@app.command()
def lock(
    name: App,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever is stopped.")],
    env: Env = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Lock a workload at its version; the Git server refuses what would move it."""
    from labs.gitops import verbs

    verbs.lock(name, reason, env, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@app.command()
def unlock(
    name: App,
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Take a lock away; automation goes on resting until `lab automate`."""
    from labs.gitops import verbs

    verbs.unlock(name, env, reason=reason, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@app.command()
def automate(
    name: App,
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Have the bot release the newest version that the policy allows, or go on with it."""
    from labs.gitops import verbs

    verbs.automate(name, env, reason=reason, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@app.command()
def deautomate(
    name: App,
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Have the bot rest: the workload stays at its version."""
    from labs.gitops import verbs

    verbs.deautomate(name, env, reason=reason, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@app.command()
def policy(
    name: App,
    versions: Annotated[str, typer.Argument(metavar="RANGE", help="Such as '~1.2', in quotes.")],
    env: Env = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Change the range of versions from which the bot chooses the newest."""
    from labs.gitops import verbs

    verbs.policy(
        *(name, versions, env),
        reason=reason,
        dry_run=dry_run,
        wait=not no_wait,
        as_user=as_user,
    )


@app.command()
def workloads(env: Env = "") -> None:
    """List each app of each environment: version, automation, lock, and what of it runs."""
    from labs.gitops import verbs

    verbs.workloads(env)


@app.command()
def images(name: AnyApp = "") -> None:
    """List the versions in the registry: when built, from which commit, where deployed."""
    from labs.gitops import verbs

    verbs.images(name)


@app.command()
def history(
    name: AnyApp = "",
    of_app: Annotated[str, typer.Option("--app", help="The same as naming the app.")] = "",
    env: Annotated[str, typer.Option("--env", "-e", help="One environment.")] = "",
    event: Annotated[str, typer.Option(help="One kind, such as release, rollback, lock.")] = "",
    by: Annotated[str, typer.Option(help="One author, such as attendee or flux.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)] = 20,
) -> None:
    """Tell what happened, newest first: when, what, by whom and why, from Git alone."""
    from labs.gitops import verbs

    verbs.history(name or of_app, env, event=event, by=by, n=limit)


@app.command()
def diff(env: Annotated[str, typer.Option("--env", "-e", help="One environment.")] = "") -> None:
    """Compare what Git says with what runs; the exit code is 1 where they differ."""
    from labs.gitops import compare
    from labs.instance import Instance

    found = compare.compare(Instance.current(), env)
    print("\n\n".join(compare.says(one) for one in found))
    if not all(one.in_sync for one in found):
        raise typer.Exit(1)


@app.command()
def lint() -> None:
    """Judge your clone before a push: builds, schemas, markers; exit code 1 if not well."""
    from labs.gitops import lint as judge
    from labs.instance import Instance

    verdicts = judge.lint(Instance.current())
    print("\n".join(str(one) for one in verdicts))
    if any(one.problems for one in verdicts):
        raise typer.Exit(1)
