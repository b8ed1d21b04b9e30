"""Where credentials come from that no key of the configuration holds."""
