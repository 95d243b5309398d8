"""The steps of lab `welcome`."""

from labs.step import Step

STEPS: tuple[Step, ...] = ()
