"""The verb `notify`: prints where the user is notified, or sends test messages there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from engine.client.sessions import find_workspace
from engine.core.errors import AutoresearchError
from engine.notify.addresses import FILE, VARIABLE, Addresses, addresses, service_of
from engine.notify.sending import INSTALL, send
from tui.commands.options import workspace_option
from tui.commands.output import echo
from tui.settings import Notifications, load_settings

_TITLE = "autoresearch-tui"
_BODY = "This is a test: you are notified like this when something needs you."


@click.command()
@click.option("--test", is_flag=True, help="Send a message to every address, and print the result.")
@workspace_option
def notify(test: bool, path: Path) -> None:
    """Print who is notified when something needs you, or try it.

    \b
    In this terminal: bell, window title and, where it is known to show one, a notification.
    Elsewhere (ntfy, Slack, Telegram, mail …): addresses in the form of apprise, in
    AUTORESEARCH_NOTIFY (separated by commas) or in .autoresearch/notify.toml:
        urls = ["ntfy://my-topic"]
        events = ["approval", "parked", "best", "plateau", "paused", "ended"]
    The engine reads them when it starts.
    """
    where = addresses(find_workspace(path), os.environ)
    settings, error = load_settings()
    if error:
        echo(error, err=True)
    _terminal(test, settings.notifications, os.environ)
    _elsewhere(test, where)


def _terminal(test: bool, notifications: Notifications, environ: Mapping[str, str]) -> None:
    from tui.terminal.attention import BELL, notification_kind, notification_sequence

    kind = notification_kind(environ)
    if notifications is Notifications.OFF:
        echo('terminal: off (notifications = "off" in settings.toml)')
        return
    shows = bool(kind.code) or notifications is Notifications.ON
    how = f"notification by OSC {kind.code or 9}" if shows else "no notification"
    if not test:
        echo(f"terminal: bell and title; {how} ({kind.why})")
        return
    screen = sys.__stderr__
    if screen is None or not screen.isatty():
        echo("terminal: nothing sent, because there is no terminal here")
        return
    screen.write(BELL + notification_sequence(kind, _BODY, notifications is Notifications.ON))
    screen.flush()
    echo(f"terminal: bell sent; {how + ' sent' if shows else how} ({kind.why})")


def _elsewhere(test: bool, where: Addresses) -> None:
    if not where.urls:
        echo(f"elsewhere: no address; {VARIABLE} is not set and {FILE} names no urls")
        return
    if not test:
        for url in where.urls:
            echo(f"elsewhere: {service_of(url)}")
        echo(f"of: {', '.join(where.events)}")
        _say_if_missing()
        return
    failed = 0
    for sent in send(where.urls, _TITLE, _BODY):
        failed += bool(sent.error)
        echo(f"elsewhere: {sent.service} {sent.error or 'sent'}")
    if failed:
        raise AutoresearchError(f"{failed} of {len(where.urls)} messages were not delivered.")


def _say_if_missing() -> None:
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        echo(f"apprise is not installed, so no message is sent. {INSTALL}")
