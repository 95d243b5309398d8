"""Makes pages of what the project has: labs with their outputs, sheets to print, commands."""
