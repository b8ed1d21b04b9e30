"""The target: requests, answers, verification."""
