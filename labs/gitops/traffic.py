"""Switches the visitors that the lab sends to the app on and off: each time by a commit."""

from __future__ import annotations

import re

from labs.errors import LabError
from labs.gitops import yaml_edit, yaml_places
from labs.gitops.commits import Message, flat
from labs.gitops.desk import Action, Desk
from labs.gitops.draft import Draft
from labs.gitops.monitoring import FOLDER
from labs.gitops.workloads import Place

PATH = f"{FOLDER}/traffic/deployment.yaml"
RATE = "TRAFFIC_RATE"
FASTEST = 200.0
REPLICAS = re.compile(r"^(  replicas: )(\d+)\b", re.M)


def switch(desk: Desk, on: bool, rate: float | None = None, *, reason: str = "") -> Action:
    """Return the action that has visitors come, or stay away. Raises LabError.

    `rate` is in requests a second; without one it stays as Git has it.
    """
    if rate is not None and not 0 < rate <= FASTEST:
        raise LabError(
            f"a rate of {rate:g} requests a second",
            expected=f"more than 0, {FASTEST:.0f} at most",
            todo="`lab traffic on --rate 10`",
        )
    known(desk.newest())

    def change(draft: Draft) -> None:
        before = known(draft)
        after = REPLICAS.sub(rf"\g<1>{int(on)}", before)
        if rate is not None:
            after = _with_rate(after, f"{rate:g}")
        if after == before:
            raise LabError(
                f"traffic is {'on' if on else 'off'} already, as you ask for it",
                expected="another state than the one in Git",
                todo=f"see `git log -3 -- {PATH}`",
            )
        draft.write(PATH, after)

    speed = f" at {rate:g} requests a second" if on and rate is not None else ""
    subject = f"Switch traffic {'on' if on else 'off'}{speed}"
    trailers = {"Lab-Event": "commit", "Lab-By": desk.by, "Lab-Reason": flat(reason)}
    words = Message(subject, "", {key: value for key, value in trailers.items() if value})
    return Action(Place("traffic", "monitoring"), words, change)


def known(draft: Draft) -> str:
    """Return the file that says whether traffic is on. Raises LabError where there is none."""
    if PATH not in draft.files(FOLDER):
        raise LabError(
            f"no {PATH} in the config repo",
            expected="the folder of monitoring, as the lab hands it out",
            todo="`lab monitoring files` puts it into your clone; commit and push it",
        )
    text = draft.read(PATH)
    if len(REPLICAS.findall(text)) != 1:
        raise LabError(
            f"{PATH} does not say once how many pods there are",
            expected="one line `  replicas: 0`, or 1",
            todo=f"mend it by hand; `git log -p -- {PATH}` shows what changed it",
        )
    return text


def _with_rate(text: str, rate: str) -> str:
    documents = yaml_places.load(text)
    pod = ("spec", "template", "spec", "containers", 0, "env")
    try:
        names = [
            one["name"] for one in documents[0]["spec"]["template"]["spec"]["containers"][0]["env"]
        ]
        number = names.index(RATE)
    except (KeyError, IndexError, TypeError, ValueError) as other:
        raise LabError(
            f"{PATH} has no {RATE}",
            expected=f"{RATE} among the variables of its first container",
            todo=f"mend it by hand; `git log -p -- {PATH}` shows what changed it",
        ) from other
    return yaml_edit.put(text, (0, *pod, number, "value"), rate)
