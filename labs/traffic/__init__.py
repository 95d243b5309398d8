"""Sends the app a steady stream of requests, in the cluster: visitors, for who has none yet."""
