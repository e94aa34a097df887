"""GPUs and host: what is there, how busy it is, who holds it."""
