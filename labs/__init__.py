"""GitOps Hackfest: a workshop lab on one's own computer."""
