"""Where objects come from: one folder a source, and the base classes."""
