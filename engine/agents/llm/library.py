"""Imports LiteLLM so that it downloads nothing, reads no `.env` and prints nothing."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_SETTINGS = {
    # Without these it downloads its map of prices when imported, and a list of headers at the
    # first call of an Anthropic model.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOG": "ERROR",
    # In its other mode it loads the first .env above its own source into this environment.
    "LITELLM_MODE": "PRODUCTION",
}


@functools.cache
def litellm() -> Any:
    """Return the module `litellm`, configured; the first call imports it, which takes seconds."""
    os.environ.update(_SETTINGS)
    # By name: the type checker would read a million lines, and learn little from them.
    library: Any = importlib.import_module("litellm")
    library.suppress_debug_info = True
    library.drop_params = True
    library.telemetry = False
    # Tokens of a broken answer are counted with a tokenizer that is installed already.
    library.disable_hf_tokenizer_download = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
    main: Any = importlib.import_module("litellm.main")
    main.completion = _recorded(main.completion)
    return library


class _PreparedCall:
    """Closes the coroutines that LiteLLM made for one model call and never awaited.

    LiteLLM makes a coroutine in a thread and then awaits it. A call that is cancelled while the
    thread works would leave that coroutine behind, and Python would print a warning about it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._results: list[Any] = []

    def add(self, result: Any) -> None:
        """Record the thread's result; close it at once if the call is over already."""
        with self._lock:
            self._results.append(result)
            if self._over:
                self._close()

    def end(self) -> None:
        """Mark the call as over: close recorded coroutines not awaited, and any added later."""
        with self._lock:
            self._over = True
            self._close()

    def _close(self) -> None:
        for result in self._results:
            if (
                inspect.iscoroutine(result)
                and inspect.getcoroutinestate(result) == inspect.CORO_CREATED
            ):
                result.close()


_CALL: ContextVar[_PreparedCall | None] = ContextVar("call", default=None)


@contextmanager
def cancellable_call() -> Iterator[None]:
    """Close the coroutines of an `acompletion` call that is cancelled within the `with` block."""
    call = _PreparedCall()
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)
        call.end()


def _recorded(completion: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap LiteLLM's `completion` so that its results are added to the current prepared call.

    LiteLLM calls it in a thread, in a copy of the caller's context.
    """

    @functools.wraps(completion)
    def wrapper(*args: Any, **named: Any) -> Any:
        result = completion(*args, **named)
        if (call := _CALL.get()) is not None:
            call.add(result)
        return result

    return wrapper
