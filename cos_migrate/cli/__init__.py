"""The command line: runs the tool, handles signals, has the commands beside a run."""
