"""Whom Alertmanager tells: a page in the cluster that shows what fires, and what has ended."""
