"""hello: a small web app that shows which version of it answers, and where it came from."""
