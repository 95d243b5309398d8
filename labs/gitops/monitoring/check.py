"""What Prometheus' and Alertmanager's own tools, and YAML, have against the files of monitoring/.

Each finding begins with the file, below the repo's root, and the line, wherever one can be told.
`lab lint` calls this before a push, and the Git server's hook at the push: so nothing is imported
that is not in the server's image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from labs.gitops import yaml_places
from labs.gitops.monitoring import FOLDER, check_dashboards, check_paths, check_yaml
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.gitops.yaml_places import Unreadable
from labs.run import CommandFailed, run

TITLE = f"{FOLDER}: configuration, rules and their tests, dashboards"
RULES = f"{FOLDER}/rules"
WHERE = re.compile(r"(?:^|\b)line (\d+): (.+)|^(\d+):\d+: (.+)")
"""A line as the YAML parser tells it, or as the parser of rules does."""
QUOTED = re.compile(r'"([^"]+)"')
FAILED_TEST = re.compile(r"^\s*name: (.+?),?$")
NO_FILE = "no file match pattern"
NOISE = ("Checking ", "SUCCESS", "amtool: error:", "FAILED:", "yaml: unmarshal errors:", "time=")


def problems(root: Path, tool: Callable[[str], Path]) -> list[str]:
    """Return what is wrong with the folder, none where all is well.

    `tool` gives the place of promtool and amtool, or raises what problems() then raises.
    """
    promtool = tool("promtool")
    rules = sorted((root / RULES).glob("*.yml"))
    dashboards = sorted((root / DASHBOARDS).glob("*.json"))
    scrapes = sorted((root / FOLDER / "prometheus").glob("*.yml"))
    routes = sorted((root / FOLDER / "alertmanager").glob("*.yml"))
    tests = sorted((root / RULES / "tests").glob("*.yml"))
    found = check_yaml.problems(root, [*rules, *tests, *scrapes, *routes])
    found += unnamed(root, rules) + unnamed(root, dashboards)
    for path in scrapes:
        # Syntax alone: the files that it names, such as the token, are in the pod and not here.
        found += judged(root, path, promtool, "check", "config", "--syntax-only", path)
    wrong = []
    if not well(root, rules, promtool, "check", "rules"):
        for path in rules:
            wrong += judged(root, path, promtool, "check", "rules", path)
    wrong += check_paths.problems(root, tests, "rule_files")
    found += wrong
    # A test of rules that cannot be read says the same again, of itself.
    for path in [] if wrong or well(root, tests, promtool, "test", "rules") else tests:
        found += judged(root, path, promtool, "test", "rules", path, tell=of_tests)
    for path in routes:
        outside = check_paths.problems(root, [path], "templates")
        found += outside or judged(root, path, tool("amtool"), "check-config", path)
    found += check_dashboards.problems(root, dashboards, promtool)
    return list(dict.fromkeys(found))


def unnamed(root: Path, files: Sequence[Path]) -> list[str]:
    """Return a line for each file of a folder that the kustomization.yaml there does not name."""
    kustomization = files[0].parent / "kustomization.yaml" if files else root
    if not kustomization.is_file():
        return []
    try:
        [told, *_] = yaml_places.load(kustomization.read_text())
    except (Unreadable, ValueError):
        return []  # the build says so
    generators = (told or {}).get("configMapGenerator") or []
    named = {str(name) for one in generators for name in one.get("files") or []}
    return [
        f"{path.relative_to(root).as_posix()}: nobody reads it: kustomization.yaml beside it"
        " does not name it"
        for path in files
        if path.name not in {name.rpartition("=")[2] for name in named}
    ]


def of_file(text: str, said: str) -> Iterator[tuple[int, str]]:
    """Yield what a tool said of a file: the line, 0 where none can be told, and the words."""
    for line in said.splitlines():
        # The file's own name stands before what is wrong, in different ways.
        words = re.sub(r"^.*?\.yml['\"]?:? +(?:FAILED: )?", "", line.strip())
        words = words.removeprefix("FAILED: ").strip()
        if not words or words.startswith(NOISE) or words == "SUCCESS":
            continue
        placed = WHERE.search(words)
        if placed:
            yield int(placed[1] or placed[3]), placed[2] or placed[4]
        else:
            yield line_of(text, QUOTED.findall(words)), words


def of_tests(text: str, said: str) -> Iterator[tuple[int, str]]:
    """Yield what `promtool test rules` said: for each test that fails, its line and its story."""
    test, story = "", list[str]()
    for line in [*said.splitlines(), "name: ,"]:
        begins = FAILED_TEST.match(line)
        if begins is None and test:
            story.append(line.strip())
        if begins is None:
            continue
        if test:
            yield line_of(text, [test]), f"{test}: {' '.join(one for one in story if one)}"
        test, story = begins[1], []
    if "name: " not in said:
        yield from of_file(text, said)


def line_of(text: str, words: Sequence[str]) -> int:
    """Return the first line that has the first of the words that any line has; 0 for none."""
    lines = [line.partition("# ")[0] for line in text.splitlines()]
    for word in words:
        whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        for number, line in enumerate(lines, 1):
            if whole.search(line):
                return number
    return 0


def well(root: Path, files: Sequence[Path], *command: str | Path) -> bool:
    """Return whether a tool has nothing against several files, asked of all of them at once."""
    try:
        return not files or NO_FILE not in run(*command, *files, cwd=root, timeout=60)
    except CommandFailed:
        return False


def judged(
    root: Path,
    path: Path,
    *command: str | Path,
    tell: Callable[[str, str], Iterator[tuple[int, str]]] = of_file,
) -> list[str]:
    """Return a line for each thing that a tool has against a file."""
    name = path.relative_to(root).as_posix()
    try:
        said = run(*command, cwd=root, timeout=60)
    except CommandFailed as refused:
        told = tell(path.read_text(errors="replace"), f"{refused.stdout}\n{refused.stderr}")
        found = [f"{name}:{line}: {words}" if line else f"{name}: {words}" for line, words in told]
        return found or [f"{name}: {refused.found}"]
    return [f"{name}: {line.strip()}" for line in said.splitlines() if NO_FILE in line]
