"""Does a step the way a reader would do it, and says why: a cell, or a script in the shell."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from labs import catalogue, show
from labs.errors import LabError
from labs.gitops import horizon
from labs.instance import Instance
from labs.platform.environment import environment
from labs.progress import Progress
from labs.shell import visible
from labs.step import Step


def solve(step_id: str) -> None:
    """Show what a step's solution does and why, then do it. Run the step's check after it."""
    _do(catalogue.step_named(step_id)[1])


def answer_name(step: Step) -> str:
    """Return the variable that a code step's cell hands to its check, or '': the last it sets."""
    names = [
        target.id
        for statement in ast.parse(step.solution).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    return names[-1] if names else ""


def _do(step: Step) -> object:
    """Do a step; return what its cell hands to its check, `...` where that is nothing."""
    instance = Instance.current()
    language = "bash" if step.in_shell else "python"
    show.markdown(f"**{step.title}.** {step.why}\n\n```{language}\n{step.solution.strip()}\n```")
    Progress(instance).solved(step.id)
    with _surroundings(instance):
        if step.in_shell:
            visible(instance, step.solution)
            return ...
        return _run_cell(instance, step)


def catch_up(lab: catalogue.Lab) -> None:
    """Do the steps of a lab that are not done yet, one by one, each shown and then checked.

    Raises what a step's solution or check raises; the steps before it stay done.
    """
    from labs import lab as verbs

    state = Progress(Instance.current())
    left = [step for step in lab.steps if not state.done(step.id)]
    show.markdown(f"**{lab.heading}**: {len(left)} of {len(lab.steps)} steps are left.")
    if not state.is_started(lab.name):
        verbs.start(lab.name)
    for number, step in enumerate(left, 1):
        show.markdown(f"**{number} of {len(left)}** · `{step.id}`")
        start = time.monotonic()
        try:
            verbs.check(step.id, _do(step))
        except LabError:
            show.line(f"✗ {step.title}: it stops here, at step {number} of {len(left)}")
            raise
        show.line(f"  ({time.monotonic() - start:.0f} s)")
    show.line(f"All steps of lab {lab.heading} are done.")


def _run_cell(instance: Instance, step: Step) -> object:
    """Run a cell's source where the reader's own variables are, so that the check sees them.

    Outside of a notebook it has none, and runs where the notebooks are.
    """
    source = compile(step.solution, f"<solution of {step.id}>", "exec")
    shell = show.notebook()
    if shell is not None:
        exec(source, shell.user_ns)  # noqa: S102 - the solution is ours, and a cell of the notebook
        return shell.user_ns.get(answer_name(step), ...)
    from labs import lab

    folder = instance.work / "notebooks"
    variables: dict[str, object] = {"lab": lab}
    with chdir(folder if folder.is_dir() else Path.cwd()):
        exec(source, variables)  # noqa: S102 - as above
    return variables.get(answer_name(step), ...)


@contextmanager
def _surroundings(instance: Instance) -> Iterator[None]:
    """Give a solution the terminal's environment, whatever shell the command was typed in.

    Git shows it what was made since the newest reset, and nothing of before: a solution looks for
    its own commits, so that it does nothing twice.
    """
    added = {**environment(instance), **horizon.environment()}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
