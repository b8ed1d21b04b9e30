"""The configuration: text in, frozen dataclasses out."""
