"""The output of a run: console, logs, lists of objects, summary."""
