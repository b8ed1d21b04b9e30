"""Where transfers run: worker processes and what they exchange with the coordinator."""
