"""Makes thread pools whose threads are all started at once, while the machine still has some."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def started_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Return a pool with as many running threads as it may have.

    A pool starts its threads when they are needed, which fails where the user has as many processes
    as are allowed.

    Args:
        threads: The number of threads.
        name: The beginning of their names.
    """
    pool, barrier = ThreadPoolExecutor(threads, thread_name_prefix=name), Barrier(threads)
    for task in [pool.submit(barrier.wait) for _ in range(threads)]:
        task.result()
    return pool
