"""Runs the command `autoresearch-tui`: its entry point, which turns errors into exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from engine import __version__


def main() -> None:
    """Run the command and exit; an expected error becomes a line on stderr and an exit code."""
    _use_utf8()
    if sys.argv[1:] == ["--version"]:
        print(f"autoresearch-tui, version {__version__}")  # before the import of click
        sys.exit(0)
    import click

    from engine.core.errors import AutoresearchError
    from engine.search_path import remove_relative_directories
    from tui.commands.output import print_traceback, print_usage_error
    from tui.commands.verbs import cli

    remove_relative_directories()
    try:
        done = cli.main(prog_name="autoresearch-tui", standalone_mode=False)
    except AutoresearchError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.Abort:
        _fail("Nothing was started.", 130)
    except click.ClickException as error:
        print_usage_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has ended.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}.", 1)
    except Exception as error:
        print_traceback(error)
        sys.exit(1)
    sys.exit(done if isinstance(done, int) else 0)


def _use_utf8() -> None:
    """Read names of files, and print, as UTF-8 whatever the locale is; never fail to print.

    The process starts again in Python's UTF-8 mode where the locale has another encoding.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        with contextlib.suppress(OSError):  # then it prints with replacements
            os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="replace")


def _fail(text: str, code: int) -> None:
    from engine.core.text import one_line
    from tui.commands.output import echo, style

    # An error may quote a log: one paragraph.
    echo(f"{style('error:', fg='red')} {one_line(text)}", err=True)
    sys.exit(code)
