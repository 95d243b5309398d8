"""The commands of the GitOps labs; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.instance import Instance

app = typer.Typer()
instance_app = typer.Typer(help="The cluster by the name you gave it, and its agents.")
keys_app = typer.Typer(help="The kubeconfig: the key to your cluster.", no_args_is_help=True)
repo_app = typer.Typer(help="Repositories on the lab's Git server.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure the lab.", no_args_is_help=True)
app.add_typer(instance_app, name="instance")
app.add_typer(keys_app, name="keys")
app.add_typer(repo_app, name="repo")
app.add_typer(bench_app, name="bench")


@instance_app.callback(invoke_without_command=True)
def instance(context: typer.Context) -> None:
    """Say whether the instance waits for its agents or is connected."""
    if context.invoked_subcommand is None:
        from labs.gitops import instances

        found = instances.state(Instance.current())
        needs_command = found.word in ("waiting", "unpointed")
        print(instances.says(found, instances.command(Instance.current()) if needs_command else ""))


@instance_app.command("create")
def instance_create(
    name: Annotated[str, typer.Argument(help="What the cluster is called, such as `hackfest`.")],
) -> None:
    """Name the cluster: makes its folder in the config repo, prints the command for its agents."""
    from labs.gitops import instances

    commit = instances.create(Instance.current(), name)
    print(f"{commit.short}  {commit.subject}" if commit else f"clusters/{name} is in Git already")
    instance_now = instances.state(Instance.current())
    print(instances.says(instance_now, instances.command(Instance.current())))


@app.command()
def sync(
    revision: Annotated[str, typer.Argument(help="A commit; without it, your newest.")] = "",
    timeout: Annotated[float, typer.Option(help="How many seconds to wait.")] = 120,
) -> None:
    """Follow a commit until it is live: pushed, fetched, applied, live, each with its time."""
    from labs.gitops import verbs

    verbs.sync(revision, timeout)


@keys_app.command("hide")
def keys_hide() -> None:
    """Hide the kubeconfig: nobody on this side reaches the cluster until `lab keys back`."""
    from labs.platform import keys

    print("hidden" if keys.hide(Instance.current()) else "it was hidden already")


@keys_app.command("back")
def keys_back() -> None:
    """Put the kubeconfig back."""
    from labs.platform import keys

    print("it is back" if keys.put_back(Instance.current()) else "it is in its place")


@bench_app.command("sync")
def bench_sync(
    runs: Annotated[int, typer.Option(help="How many pushes.", min=1)] = 10,
) -> None:
    """Push a new greeting again and again; print the time to fetched, applied and live, by poll."""
    from labs.gitops import bench

    done = bench.pushes(Instance.current(), runs, print)
    print(f"\n{bench.table(Instance.current(), done)}")


@repo_app.command("create")
def repo_create(
    name: Annotated[str, typer.Argument(help="What it is called, such as `team`.")],
) -> None:
    """Make an empty repository on the lab's Git server, unless it is there."""
    from labs.platform import git_server

    git_server.create_repo(Instance.current(), name)
    print(f"you push to     {git_server.url(Instance.current(), name)}")
    print(f"Flux reads from {git_server.inner_url(name)}")


@repo_app.command("url")
def repo_url(name: str) -> None:
    """Print a repository's address, to clone and to push."""
    from labs.platform import git_server

    print(git_server.url(Instance.current(), name))
