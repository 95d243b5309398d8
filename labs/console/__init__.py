"""The console: the whole loop on its pages, and every button a commit."""
