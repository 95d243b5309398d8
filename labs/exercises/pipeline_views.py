"""What lab `pipeline` shows as it changes: CI's runs, and the app's versions."""

from __future__ import annotations

from labs.errors import LabError
from labs.gitops import app_versions, ci
from labs.instance import Instance
from labs.step import Frame


def ci_view(instance: Instance) -> Frame:
    """Show CI's newest run, stage by stage."""
    try:
        return Frame(_newest(instance))
    except LabError as away:  # it may come back while one watches
        return Frame(str(away))


def runs_view(instance: Instance) -> Frame:
    """Show CI's runs as they are now."""
    rows = [
        f"{run.number:>3}  {run.state:<11} {run.commit[:7]}  {run.subject[:40]:<40}  "
        f"{run.why or run.image.rpartition('/')[2]}"
        for run in ci.runs(instance, 8)
    ]
    return Frame("\n".join(rows) or "no run yet", done=True)


def versions_view(instance: Instance) -> Frame:
    """Show the app's versions that are commits or images: which is which, and named where."""
    rows = [f"{'version':<9} {'commit':<8} {'image':<20} Git names it for"]
    for each in app_versions.states(instance):
        if each.commits or each.digest:
            commit = each.commits[0].short if each.commits else "-"
            image = each.digest[:19] if each.digest else "-"
            rows.append(f"{each.number:<9} {commit:<8} {image:<20} {', '.join(each.environments)}")
    return Frame("\n".join(rows), done=True)


def _newest(instance: Instance) -> str:
    """Return the newest run of the workshop's CI, stage by stage, as text."""
    found = ci.runs(instance, 1)
    if not found:
        return "no run yet"
    run = found[0]
    head = f"run {run.number}: {run.state}   {run.commit[:7]} {run.subject} ({run.pusher})"
    rows = [
        f"  {stage.name:<14} {stage.result:<10}"
        + (f"{stage.seconds:6.1f} s" if stage.seconds is not None else "")
        for stage in run.stages
    ]
    tail = [f"  {run.image}"] if run.image else []
    return "\n".join([head, *rows, *tail, *([f"  {run.why}"] if run.why else [])])


VIEWS = {"ci": ci_view, "runs": runs_view, "versions": versions_view}
