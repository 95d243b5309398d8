"""The guides: links lead somewhere, times are the catalogue's, words are in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labs import catalogue
from labs.instance import PROJECT

DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(page: Path) -> None:
    links = LINK.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_leads_to_every_page_or_to_one_that_does() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert len(readme.splitlines()) <= 200
    told = set(LINK.findall(readme))
    for page in list(told):
        if (PROJECT / page).suffix == ".md" and page.startswith("docs/"):
            told |= {f"docs/{link}" for link in LINK.findall((PROJECT / page).read_text())}
    assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in told] == []


def test_the_timetables_have_the_minutes_of_the_catalogue() -> None:
    text = (DOCS / "instructor.md").read_text()
    two_hours, _, day = text.partition("## A day")
    minutes = [int(found) for found in re.findall(r"^\| \d:\d\d \| (\d+) \|", two_hours, re.M)]
    assert sum(minutes) == 120
    rows = re.findall(r"^\| (\d+):(\d\d) \| ([\d, ]+) \| (\d+) \|", day, re.M)
    numbers = [int(number) for _, _, labs, _ in rows for number in labs.split(", ")]
    assert numbers == [lab.number for lab in catalogue.LABS]
    ends = 0
    for hour, minute, labs, takes in rows:
        begins = int(hour) * 60 + int(minute)
        assert begins >= ends, f"{labs} begins before what is before it ends"
        ends = begins + int(takes)
        planned = sum(catalogue.lab_named(number).minutes for number in labs.split(", "))
        assert int(takes) == planned, labs


def test_the_glossary_is_in_order() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (DOCS / "glossary.md").read_text(), re.M)[1:]
    assert len(rows) > 60
    assert [word.lower() for word in rows] == sorted(word.lower() for word in rows)
    assert len(set(rows)) == len(rows)
