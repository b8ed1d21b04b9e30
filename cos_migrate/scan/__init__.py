"""How a source is walked or listed."""
