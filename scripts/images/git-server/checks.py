"""Monitoring: where checks.yaml says so, what its own tools refuse is refused here, at the push.

The judge is `lab lint`'s own (labs/gitops/monitoring/check.py, which comes with the image);
promtool and amtool come later than this server, into a volume of their own. What the push leads to
is judged, not each commit on the way: Flux applies the newest one alone, and a commit may mend what
the one before it broke. A push that changes nothing of it is not judged at all.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from refusal import Refused, git, one_line
from tree import Unreadable, tree

SWITCH = "checks.yaml"
SWITCHED_ON = {"monitoring": "enforced"}
FOLDER = "monitoring"
TOOLS = Path(os.environ.get("GIT_CHECK_TOOLS", "/opt/tools"))
LARGEST = 8 * 1024 * 1024
"""Bytes of the folder that are judged."""
SHOWN = 8
READ = (".yml", ".yaml", ".json")


class NoTools(Refused):
    """Nobody here can judge yet."""


def judge(old: str, new: str, why: str) -> list[str]:
    """Return what an override (for the reason `why`) lets past; raise Refused for it without."""
    try:
        found = problems(old, new)
    except NoTools as untold:
        if not why:
            raise
        return [str(untold)]
    if found and not why:
        raise refusal(found)
    return found


def problems(old: str, new: str) -> list[str]:
    """Return what is wrong with monitoring after a push of main. Raises NoTools.

    Judged is what is enforced before or after the push: so the push that switches it on is judged
    as well, and none switches it off to bring in what is wrong.
    """
    if not git("diff-tree", "--name-only", old, new, "--", FOLDER, SWITCH):
        return []
    wrong = _of_switch(new)
    if wrong:
        return [wrong]
    if not (_is_on(old) or _is_on(new)):
        return []
    import tempfile  # as below: what few pushes need is not read for all of them

    with tempfile.TemporaryDirectory() as folder:
        found = list(_lay_out(new, Path(folder)))
        if (Path(folder) / FOLDER).is_dir():
            from labs.gitops.monitoring import check

            found += check.problems(Path(folder), _tool)
    return found


def refusal(found: Sequence[str]) -> Refused:
    """Return what the pusher reads."""
    shown = [f"\n            {one_line(line, 400)}" for line in found[:SHOWN]]
    if len(found) > SHOWN:
        shown.append(f"\n            and {len(found) - SHOWN} more")
    return Refused(
        f"{len(found)} thing(s) wrong with monitoring:{''.join(shown)}",
        f"what promtool, amtool and `lab lint` take, since {SWITCH} has it enforced",
        "mend the line that is named; `lab lint` judges your clone before a push",
    )


def _is_on(commit: str) -> bool:
    files = tree(commit)
    try:
        return SWITCH in files.files and files.docs(SWITCH) == [SWITCHED_ON]
    except Unreadable:
        return True  # it was let in by an override: what it said is not known


def _of_switch(commit: str) -> str:
    """Return what is wrong with the switch itself; a misspelt one would guard nothing."""
    files = tree(commit)
    if SWITCH not in files.files:
        return ""
    try:
        told = files.docs(SWITCH)
    except Unreadable as wrong:
        return f"{SWITCH}: {wrong}"
    if told == [SWITCHED_ON]:
        return ""
    return f"{SWITCH}: it has to say `monitoring: enforced` and nothing else, or not to be there"


def _lay_out(commit: str, folder: Path) -> Iterator[str]:
    """Write the folder's files below another; yield what cannot be judged."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", FOLDER],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    total = 0
    wanted: dict[str, str] = {}
    for entry in filter(None, listed.decode(errors="surrogateescape").split("\0")):
        head, _, path = entry.partition("\t")
        mode, _, name, size = head.split()
        if not mode.startswith("100"):
            yield f"{path}: a link: files themselves are judged"
        elif path.endswith(READ):
            total += int(size)
            if total > LARGEST:
                yield f"{path}: {FOLDER}/ has more than {LARGEST} bytes"
                return
            wanted[path] = name
    for path, content in zip(wanted, _contents(list(wanted.values())), strict=True):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _contents(names: Sequence[str]) -> Iterator[bytes]:
    """Yield what is in these blobs, by one process: each of its own takes longer than its work."""
    found = subprocess.run(
        ["git", "cat-file", "--batch"],
        input="".join(f"{name}\n" for name in names).encode(),
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    place = 0
    for _ in names:
        head, _, _ = found[place:].partition(b"\n")
        start = place + len(head) + 1
        size = int(head.split()[2])
        yield found[start : start + size]
        place = start + size + 1


def _tool(name: str) -> Path:
    path = TOOLS / name
    if not os.access(path, os.X_OK):
        raise NoTools(
            f"{SWITCH} has monitoring judged, and {name} is not on the Git server yet",
            "promtool and amtool, which `make up` brings here as one of its last steps",
            "wait until `make up` has ended (`make status` shows how far it is), then push again",
        )
    return path
