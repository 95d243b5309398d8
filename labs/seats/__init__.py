"""How far one seat is, for its reader; and how far all of them are, for the instructor."""
