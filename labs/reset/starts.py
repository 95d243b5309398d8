"""What there is when a lab starts: in the registry, in both repos, in the cluster outside of Git.

The list says it for every lab, in the order of the catalogue; a test compares it with what the
solutions of the labs before leave behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from labs import catalogue
from labs.gitops.app_versions import trees

FIRST = trees.START


@dataclass(frozen=True)
class Start:
    """The state of everything outside of the reader's head at the moment when a lab begins."""

    lab: str
    versions: tuple[str, ...] = (FIRST,)
    """The versions of the app that are committed and have an image; the app repo is at the last."""
    runs: str = FIRST
    """The version that Git names for production."""
    bot: str = ""
    """The version that the bot has committed on top of that, or ''."""
    agents: bool = False
    """Whether Flux is in the cluster and follows the config repo."""
    greeting: str = "Hello from Git"
    colour: str = "blue"
    automation: str = ""
    """The range from which the bot chooses versions; '' where there is no image automation."""
    monitoring: bool = False
    """Whether Prometheus is there, with what lab 09 adds to it, and enforced by the Git server."""

    @property
    def version(self) -> str:
        """The version that the app repo is at."""
        return self.versions[-1]

    @property
    def deployed(self) -> str:
        """The version that production comes to."""
        return self.bot or self.runs


_WELCOME = Start("welcome")
_MODEL = replace(_WELCOME, lab="model", agents=True, greeting="Hello from Klagenfurt")
_PIPELINE = replace(_MODEL, lab="pipeline", greeting="Look, no keys", colour="green")
_DEPLOY = replace(_PIPELINE, lab="deploy", versions=(FIRST, "1.0.0", "1.1.0"))
_AUTOMATE = replace(_DEPLOY, lab="automate", runs="1.0.0", greeting="Hello from two desks")
_ROLLBACK = replace(
    _AUTOMATE,
    lab="rollback",
    versions=(*_AUTOMATE.versions, "1.2.0", "1.3.0"),
    runs="1.2.0",
    bot="1.3.0",
    automation=">=1.0.0",
)
_DRIFT = replace(
    _ROLLBACK,
    lab="drift",
    bot="",
    automation=">=1.0.0, !=1.3.0",
    greeting="Hello from behind the lock",
)

STARTS = (
    _WELCOME,
    replace(_WELCOME, lab="your-cluster"),
    replace(_WELCOME, lab="agents"),
    _MODEL,
    _PIPELINE,
    _DEPLOY,
    _AUTOMATE,
    _ROLLBACK,
    _DRIFT,
    replace(_DRIFT, lab="monitoring"),
    replace(_DRIFT, lab="incident", monitoring=True),
)


def start_of(lab: catalogue.Lab) -> Start:
    """Return how a lab starts. Raises KeyError for one that this list has forgotten."""
    return {start.lab: start for start in STARTS}[lab.name]
