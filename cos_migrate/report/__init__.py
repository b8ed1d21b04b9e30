"""Everything a run reports: console, logs, lists, summary."""
