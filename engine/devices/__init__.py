"""GPUs and host: hardware, load, and the processes that use it."""
