"""Inside a worker: the event loop, the threads and the transfers."""
