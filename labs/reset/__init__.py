"""Puts a lab back to the start of any lab: constructed from what Git says, not replayed."""
