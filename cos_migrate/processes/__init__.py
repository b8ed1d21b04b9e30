"""Processes that the coordinator starts: their launch, pipes, frames and heartbeats."""
