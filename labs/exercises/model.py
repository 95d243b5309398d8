"""The steps of lab `model`."""

from labs.step import Step

STEPS: tuple[Step, ...] = ()
