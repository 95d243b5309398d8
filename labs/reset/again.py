"""Reset: the list of what is put back, in order. Cut off, it is run again and ends well."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labs.catalogue import Lab, lab_named
from labs.errors import LabError
from labs.gitops import horizon, loan
from labs.gitops.app_versions import trees
from labs.gitops.colleague import clone_of
from labs.gitops.image_automation import connection
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.steps import Steps
from labs.platform.up import exclusive
from labs.progress import Progress
from labs.reset import (
    ahead,
    app_history,
    clones,
    cluster,
    following,
    ground,
    papers,
    proof,
    repos,
    store,
)
from labs.reset.app_history import Built
from labs.reset.clones import Kept
from labs.reset.notes import Notes
from labs.reset.starts import Start, start_of
from labs.seats.summary import standing

BRANCHES = 8
"""What a reset does side by side: the cluster, the images, two repos, what ties them; and of Flux
what it will apply, its fetching, its applying."""
COREDNS = 1
"""The number of the lab that deletes CoreDNS's pods."""


@dataclass(frozen=True)
class Report:
    """Where one stands after a reset, and what was set aside where."""

    lab: Lab
    seconds: float
    checked: tuple[str, ...]
    kept: tuple[Kept, ...]
    notebooks: tuple[str, ...]
    aside: Path

    def text(self) -> str:
        """Return it as lines for a terminal."""
        lines = [f"You stand at the start of lab {self.lab.heading}, after {self.seconds:.0f} s."]
        lines += [f"  {line}" for line in self.checked]
        aside = [f"  {one.folder}: {one.what}: {one.where}" for one in self.kept]
        if self.notebooks:
            aside.append(f"  notebooks: {', '.join(self.notebooks)}: {self.aside / 'notebooks'}")
        if (self.aside / "progress.json").exists():
            aside.append(f"  progress: {self.aside / 'progress.json'}")
        lines += ["Set aside, nothing is lost:", *aside] if aside else ["Nothing was to set aside."]
        return "\n".join([*lines, f"Open notebooks/{self.lab.notebook}, from its first cell."])


def current_lab(instance: Instance) -> Lab:
    """Return the lab that the reader started last, or was put at; the first one before that.

    Raises LabError where progress is damaged: nobody else knows it.
    """
    try:
        return standing(Progress(instance).read()).lab.lab
    except LabError as damaged:
        known = ""
        if name := horizon.put_back_to(instance):
            known = f" (the last reset put you at {lab_named(name).number:02d})"
        raise LabError(
            f"{damaged.found}: it does not say at which lab you are",
            expected="the progress that the lab wrote there, or a lab's number",
            todo=f"name your lab{known}: `make reset LAB=NN`, which sets the damaged file aside",
        ) from damaged


def reset(instance: Instance, lab: Lab, steps: Steps) -> Report:
    """Put a lab back to the start of one of its labs, from whatever state. Raises LabError."""
    start = start_of(lab)
    now = datetime.now(UTC)
    stamp = now.strftime("%Y%m%d-%H%M%S")
    aside = instance.work / "kept" / stamp
    heading = f"{lab.number:02d}"
    with exclusive(instance), tempfile.TemporaryDirectory(prefix="reset-") as scratch:
        with steps.step("Servers and cluster answer"):
            ground.ensure(instance, steps.say)
        with steps.step("Nobody else writes"):
            ground.quiet(instance, steps.say)
            ground.without_typical(instance)
            cluster.hold(instance)
            well = start.agents and cluster.well(kubernetes.api(instance))
            anew = start.agents and not well
        with steps.step("The app's commits"):
            notes = Notes(instance)
            numbers = trees.ORDER[: trees.ORDER.index(start.version) + 1]
            desk = clone_of(instance, app_history.AUTHOR, "app")
            built = app_history.commits(desk.path, numbers, Path(scratch), notes)
            name = papers.records(instance, lab, start)
        # Servers and cluster each take their time: they are put back side by side.
        with ThreadPoolExecutor(BRANCHES) as pool:
            cleared = pool.submit(_clear, instance, start, lab, well, steps.say)
            stored = pool.submit(_images, instance, built, notes, steps.say)
            config = pool.submit(repos.config, instance, start, heading, name)
            app = pool.submit(repos.app, instance, start, heading, built)
            ties = pool.submit(_ties, instance, start, heading, well)

            def fetch() -> str:
                newest = config.result()
                if well:
                    following.fetch(instance, newest)
                return newest

            def follow() -> None:
                newest = fetched.result()
                for one in (cleared, stored, ties):
                    one.result()
                if anew:
                    if start.automation:
                        connection.connect(instance)
                    early.result()
                    following.fetch(instance, newest)
                    following.wait_until_serving(instance)
                following.apply(instance, name, newest)

            def ahead_of_flux() -> None:
                for one in (cleared, stored):  # into namespaces that are there to stay
                    one.result()
                ahead.apply(instance, start, name)

            early = pool.submit(ahead_of_flux) if anew else cleared
            fetched = pool.submit(fetch)
            followed = pool.submit(follow) if start.agents else cleared
            with steps.step("Your notebooks, progress"):
                moved = papers.notebooks(instance, lab, aside)
                papers.progress(instance, lab, now.isoformat(timespec="seconds"), aside)
            with steps.step("Images in the registry"):
                digests = stored.result()
            with steps.step("Both repos"):
                newest = config.result()
                loan.forget(instance)
                app.result()
                ties.result()
            with steps.step("Your clones"):
                kept = clones.put_back(instance, stamp, aside)
                papers.note(instance, lab, time.time())
            with steps.step("Nothing of later labs in the cluster"):
                cleared.result()
                cluster.gone(instance, start, steps.say)
            with steps.step("Flux follows the config repo"):
                followed.result()
        with steps.step("JupyterLab and console"):
            ground.front(instance, steps.say)
        with steps.step("Looked at once more"):
            checked = proof.check(instance, start, newest, digests)
    return Report(lab, steps.seconds, tuple(checked), tuple(kept), tuple(moved), aside)


def _clear(
    instance: Instance, start: Start, lab: Lab, well: bool, say: Callable[[str], None]
) -> None:
    """Make the cluster ready for the start: without what is later's, with Flux where it belongs."""
    cluster.clear(instance, start, well, say)
    if lab.number <= COREDNS:
        cluster.coredns_anew(instance)
    if start.agents and not well:
        following.install(instance)


def _images(
    instance: Instance, built: list[Built], notes: Notes, say: Callable[[str], None]
) -> dict[str, str]:
    """Put the app's images back, and have the cluster forget others; return their digests."""
    digests = store.put_back(instance, built, notes, say)
    store.forget(instance, digests)
    return digests


def _ties(instance: Instance, start: Start, heading: str, well: bool) -> None:
    """Put back who is told of a push, and the repository of lab 04's other pipeline."""
    if not start.automation:
        papers.untie(instance)
    elif well:
        connection.connect(instance)
    repos.typical_repo(instance, start, heading)
