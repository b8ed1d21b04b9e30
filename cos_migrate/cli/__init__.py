"""The command line: arguments, runs, other commands, signals, standard streams."""
