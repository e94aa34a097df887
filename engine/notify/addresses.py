"""Reads the addresses that notifications go to, from the environment and notify.toml.

They hold passwords, so they come from the environment variable AUTORESEARCH_NOTIFY or from
`.autoresearch/notify.toml`; they are never written to the journal or passed to a run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.core.errors import ConfigError
from engine.core.layout import HOME_NAME
from engine.core.needs import NeedKind
from engine.untrusted_files import read_regular

VARIABLE = "AUTORESEARCH_NOTIFY"
FILE = Path(HOME_NAME) / "notify.toml"
_MOST_BYTES = 2**20


class Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The addresses that notifications go to, and the kinds of events they are about."""

    urls: tuple[str, ...] = ()
    """Addresses in the form of apprise, such as `ntfy://topic`; empty sends nothing."""
    events: tuple[NeedKind, ...] = tuple(NeedKind)


def addresses(workspace: Path, environ: Mapping[str, str]) -> Addresses:
    """Return the addresses in AUTORESEARCH_NOTIFY and the workspace's notify.toml, together.

    Raises:
        ConfigError: The file is invalid or cannot be read.
    """
    path = workspace / FILE
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8")
        found = msgspec.convert(tomllib.loads(text), Addresses)
    except FileNotFoundError:
        found = Addresses()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", f"{error.strerror}.") from None
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        # The file holds passwords, so no part of it goes into the message.
        why = str(error) if isinstance(error, msgspec.ValidationError) else "It is not TOML."
        raise ConfigError(
            f"Invalid file {path}.", why, 'Write urls = ["…"] and events = ["approval", …].'
        ) from None
    named = [url.strip() for url in environ.get(VARIABLE, "").split(",") if url.strip()]
    return Addresses(tuple(dict.fromkeys((*named, *found.urls))), found.events)


def service_of(url: str) -> str:
    """Return the service of an address, without its secrets: `ntfy://…` or `(invalid address)`."""
    scheme, separator, _ = url.partition("://")
    known = separator and scheme.isascii() and scheme.isalnum()
    return f"{scheme}://…" if known else "(invalid address)"
