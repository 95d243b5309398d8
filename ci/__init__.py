"""The demo CI: a dispatcher that queues runs, and a runner that does them one after the other.

Both run in the image of this folder, with nothing but Python's standard library.
"""
