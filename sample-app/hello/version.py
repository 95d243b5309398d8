"""What makes a version a version: change these four lines to make the next one."""

VERSION = "0.9.0"
WORDS = "I came with the lab."
SHAPE = "circle"
COLOUR = "amber"
