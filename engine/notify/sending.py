"""Sends a message through apprise: ntfy, Slack, Telegram, mail and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.core.errors import EnvironmentProblem
from engine.notify.addresses import service_of

INSTALL = 'Install it: pip install "autoresearch-tui[notify]"'


class Sent(NamedTuple):
    """The result of sending one message to one service."""

    service: str
    error: str
    """A description of the error; empty if the service accepted the message."""


def send(urls: Sequence[str], title: str, body: str) -> list[Sent]:
    """Send a message to each address, one after another, and return one result for each.

    It blocks until the services have answered, so it must not be called on the event loop.

    Raises:
        EnvironmentProblem: apprise is not installed.
    """
    try:
        import apprise
        from apprise.common import NotifyFormat
    except ImportError:
        raise EnvironmentProblem("apprise is not installed.", "", f"{INSTALL}.") from None
    import logging

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would print addresses
    results = []
    for url in urls:
        service = service_of(url)
        try:
            client = apprise.Apprise()
            if not client.add(url):
                results.append(Sent(service, "apprise does not support this address"))
                continue
            sent = client.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        except Exception as error:
            results.append(Sent(service, f"it failed ({type(error).__name__})"))
            continue
        results.append(Sent(service, "" if sent else "it refused the message"))
    return results
