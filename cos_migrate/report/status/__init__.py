"""The live status of a start: its state, and the server that shows it to browsers and monitors."""
