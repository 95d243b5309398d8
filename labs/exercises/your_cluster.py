"""The steps of lab `your-cluster`."""

from labs.step import Step

STEPS: tuple[Step, ...] = ()
