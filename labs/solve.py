"""Does a step the way a reader would do it, and says why: a cell, or a script in the shell."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

from labs import catalogue, show
from labs.instance import Instance
from labs.progress import Progress
from labs.shell import visible
from labs.step import Step


def solve(step_id: str) -> None:
    """Show what a step's solution does and why, then do it. Run the step's check after it."""
    _, step = catalogue.step_named(step_id)
    instance = Instance.current()
    language = "bash" if step.in_shell else "python"
    show.markdown(f"**{step.title}.** {step.why}\n\n```{language}\n{step.solution.strip()}\n```")
    Progress(instance).solved(step_id)
    if step.in_shell:
        visible(instance, step.solution)
    else:
        _run_cell(instance, step)


def _run_cell(instance: Instance, step: Step) -> None:
    """Run a cell's source where the reader's own variables are, so that the check sees them.

    Outside of a notebook it has none, and runs where the notebooks are.
    """
    source = compile(step.solution, f"<solution of {step.id}>", "exec")
    shell = show.notebook()
    if shell is not None:
        exec(source, shell.user_ns)  # noqa: S102 - the solution is ours, and a cell of the notebook
        return
    from labs import lab

    folder = instance.work / "notebooks"
    with chdir(folder if folder.is_dir() else Path.cwd()):
        exec(source, {"lab": lab})  # noqa: S102 - as above
