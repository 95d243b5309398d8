"""The commands behind `make docs`.

python -m scripts.docs pages     each lab as a page, an index, a seat card, a cheat sheet
python -m scripts.docs commands  write docs/commands.md from the Makefile and the `lab` command
python -m scripts.docs labs      put the catalogue's table into the README
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labs.errors import LabError
from labs.instance import PROJECT


def pages(source: Path, out: Path) -> None:
    """Write the pages of the newest run of the suite, or of the run in `source`."""
    from labs.catalogue import LABS
    from labs.platform.steps import Steps
    from scripts.docs import outputs
    from scripts.docs import pages as made

    steps = Steps(PROJECT / ".lab" / "durations" / "docs.pages.json")
    with steps.step("Seat card and cheat sheet"):
        for sheet in made.begin(out):
            steps.say(str(sheet))
    with steps.step("Notebooks with their outputs"):
        notebooks = outputs.of_all_labs(source)
    with steps.step("Pages"):
        written = made.write(notebooks, out)
    missing = [f"{lab.number:02d}" for lab in LABS if lab.name not in notebooks]
    if missing:
        print(f"\nNot in that run: the labs {', '.join(missing)}")
    print(f"\n{len(written)} pages. Open, print or publish the folder:\n\n  {written[0]}\n")


def main() -> None:
    """Parse the arguments and write."""
    from scripts.docs import outputs

    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    of_labs = what.add_parser("pages", help="each lab as a page")
    of_labs.add_argument("--from", dest="source", type=Path, default=outputs.SUITE)
    of_labs.add_argument("--out", type=Path, default=PROJECT / ".lab" / "docs")
    what.add_parser("commands", help="write docs/commands.md")
    what.add_parser("labs", help="put the table of labs into the README")
    arguments = parser.parse_args()
    if arguments.what == "pages":
        pages(arguments.source.absolute(), arguments.out.absolute())
        return
    from scripts.docs import commands

    if arguments.what == "labs":
        commands.write_labs()
        print(commands.README)
        return
    commands.write()
    print(commands.PAGE)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"\n{error}")
