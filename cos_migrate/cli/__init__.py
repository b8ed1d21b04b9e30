"""The command line: one start of the tool, its signals and its side commands."""
