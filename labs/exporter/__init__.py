"""Tells Prometheus how GitOps itself does: is what runs what Git says, since when, how fast."""
