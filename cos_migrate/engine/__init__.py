"""The one loop of a run and every decision."""
