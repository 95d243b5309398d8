"""`make demo`: the whole story in a terminal, each stage in a line, timed, with its command."""
