"""The steps of lab `agents`."""

from labs.step import Step

STEPS: tuple[Step, ...] = ()
