"""Measures the lab: what each part takes, in one table and one file, with the conditions."""
