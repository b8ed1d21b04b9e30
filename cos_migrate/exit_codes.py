"""The exit codes of the tool."""

OK = 0
INCOMPLETE = 1
"""Something failed, or could not be listed."""
MISUSE = 2
"""The configuration or the command line is wrong."""
UNUSABLE = 3
"""The record database is in use or damaged."""
INTERRUPTED = 130
"""Ctrl-C."""
