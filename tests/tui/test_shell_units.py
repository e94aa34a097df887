"""The small pieces of the shell, one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from engine.core.errors import ConfigError, TerminalError
from tests.hostile import CORPUS, unsafe_in
from tui import clipboard
from tui.actions.action import Action
from tui.actions.registry import ALL, DETAIL, SUPERVISOR, keys_page
from tui.actions.review import CARD, EDITOR, QUEUE
from tui.actions.steering import PROGRAM_FILE
from tui.settings import cache_directory, load_settings, remember_theme, settings_directory
from tui.terminal.check import WEB_DRIVER, check_terminal, prepare_environment
from tui.terminal.driver import SafeDriver
from tui.terminal.filter import ControlFilter
from tui.terminal.frame_limiter import FrameLimiter, wanted_hz
from tui.themes import BUNDLED, all_themes, bundled_theme, find_theme, parse_theme

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"TERM": "xterm-256color"}


# ---- actions -------------------------------------------------------------------------------------


def test_the_page_of_keys_is_fresh() -> None:
    assert (ROOT / "docs" / "keys.md").read_text() == keys_page()


@pytest.mark.parametrize("actions", [SUPERVISOR, DETAIL, CARD, QUEUE, EDITOR, PROGRAM_FILE])
def test_no_key_is_given_twice_on_a_screen(actions: tuple[Action, ...]) -> None:
    keys = [key for action in actions for key in action.key.split(",") if key]
    assert len(keys) == len(set(keys))


def test_every_action_has_a_title_and_a_sentence() -> None:
    assert all(action.title and action.help.endswith(".") for action in ALL)


# ---- the terminal --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "size", "isatty", "words"),
    [
        (GOOD, (120, 40), False, "no terminal here"),
        ({"TERM": "dumb"}, (120, 40), True, "TERM=dumb"),
        ({}, (120, 40), True, "TERM is not set"),
        (GOOD, (20, 5), True, "20×5 is too small; the screen needs at least 40×10"),
        (GOOD, (200, 9), True, "200×9"),
    ],
)
def test_a_terminal_that_will_not_do(
    environ: dict[str, str], size: tuple[int, int], isatty: bool, words: str
) -> None:
    with pytest.raises(TerminalError) as caught:
        check_terminal(environ, size, isatty)
    assert words in str(caught.value)
    assert "`autoresearch-tui status` works anywhere" in str(caught.value)
    assert caught.value.exit_code != 0


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (0, 0)])
def test_a_terminal_that_will_do(size: tuple[int, int]) -> None:
    check_terminal(GOOD, size, True)


@pytest.mark.parametrize(
    ("environ", "theme"),
    [
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, None),
        ({"TERM": "xterm-kitty"}, None),
        ({"TERM": "linux"}, "sixteen"),
        ({"TERM": "xterm"}, "sixteen"),
        ({"TERM": "screen"}, "sixteen"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "no-colour"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, None),
    ],
)
def test_the_theme_a_terminal_demands(environ: dict[str, str], theme: str | None) -> None:
    assert prepare_environment(environ) == theme
    assert environ["TEXTUAL_ANIMATIONS"] == "none"
    assert "NO_COLOR" not in environ


def test_preparing_does_not_import_textual() -> None:
    code = (
        "import sys, tui.terminal as t, tui.feed, tui.actions; t.prepare_environment();"
        "sys.exit('textual' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_end_of_the_input_is_the_end_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    # Through a pipe, because a closed pseudo-terminal also sends signals that wake other guards.
    reading, writing = os.pipe()
    os.write(writing, b"\x1b[M \xff\xfe")
    os.close(writing)
    driver = SafeDriver.__new__(SafeDriver)
    driver.fileno, driver.exit_event, driver._debug = reading, Event(), False
    lost: list[bool] = []
    monkeypatch.setattr(driver, "process_message", lambda message: None)
    monkeypatch.setattr(driver, "_lost", lambda: lost.append(True))
    driver.run_input_thread()
    os.close(reading)
    assert lost == [True]


@given(st.one_of(st.text(), st.sampled_from(CORPUS)))
def test_no_control_character_is_left(text: str) -> None:
    segments = ControlFilter().apply([Segment(text), Segment("x")], Color(0, 0, 0))
    cleaned = segments[0].text
    assert not unsafe_in(cleaned)
    cleaned.encode()
    assert segments[1].text == "x"


def test_harmless_segments_are_left_alone_and_links_are_not() -> None:
    plain = [Segment("step 1", Style(bold=True)), Segment("│ ⠁ 模型")]
    assert ControlFilter().apply(plain, Color(0, 0, 0)) is plain
    linked = [Segment("click", Style(link="https://example.org", bold=True))]
    style = ControlFilter().apply(linked, Color(0, 0, 0))[0].style
    assert style is not None and style.link is None and style.bold


# ---- the frame limiter ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "hz"),
    [
        ({}, 4),
        ({"SSH_CONNECTION": "10.0.0.1 22"}, 2),
        ({"AUTORESEARCH_REFRESH_HZ": "8", "SSH_CONNECTION": "x"}, 8),
        ({"AUTORESEARCH_REFRESH_HZ": "0.1"}, 1),
        ({"AUTORESEARCH_REFRESH_HZ": "1000"}, 30),
        ({"AUTORESEARCH_REFRESH_HZ": "nan"}, 4),
        ({"AUTORESEARCH_REFRESH_HZ": "-3"}, 4),
        ({"AUTORESEARCH_REFRESH_HZ": "fast"}, 4),
    ],
)
def test_the_wanted_rate(environ: dict[str, str], hz: float) -> None:
    assert wanted_hz(environ) == hz


async def test_late_timers_halve_the_rate_and_calm_brings_it_back() -> None:
    now, late = 0.0, 0.2

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds + late

    limiter = FrameLimiter(4.0, lambda: now, sleep)
    intervals = []
    for _ in range(4):
        await limiter.wait()
        intervals.append(limiter.interval)
    assert intervals == [0.5, 1.0, 1.0, 1.0]
    late = 0.01
    for _ in range(16):
        await limiter.wait()
    assert limiter.interval == 0.25


# ---- themes and settings -------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_themes_name_themselves(name: str) -> None:
    assert bundled_theme(name).name == name


def _contrast(one: str, other: str) -> float:
    """WCAG 2.1's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [c / 255 for c in Color.parse(colour).rgb]
        lin = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "light", "colour-blind"])
def test_every_text_is_readable_on_its_ground(name: str) -> None:
    theme = bundled_theme(name)
    c = theme.colours
    for colour in (c.foreground, c.success, c.warning, c.error, c.accent, c.primary):
        assert _contrast(colour, c.background) >= 4.5
    assert _contrast(theme.variables["text-muted"], c.background) >= 4.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("dark = true", 'dark = "yes"'), "dark"),
        (('primary = "#7aa6da"', 'primary = "blueish"'), "primary = 'blueish' is not a colour"),
        (('border = "#7aa6da"', 'border = "~"'), "border = '~' is not a colour"),
        (('name = "dark"', 'name = "../x"'), "name"),
        (('title = "Dark"', ""), "title"),
        (("[colours]", "[colours"), "not valid TOML"),
        (("[variables]", "surprise = 1\n[variables]"), "surprise"),
    ],
)
def test_a_broken_theme_says_what_is_wrong(change: tuple[str, str], words: str) -> None:
    text = (ROOT / "themes" / "dark.toml").read_text()
    assert change[0] in text
    with pytest.raises(ConfigError) as caught:
        parse_theme(text.replace(*change), "mine.toml")
    assert words in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_a_persons_own_themes_are_found_and_broken_ones_told() -> None:
    directory = settings_directory() / "themes"
    directory.mkdir(parents=True)
    text = (ROOT / "themes" / "dark.toml").read_text()
    (directory / "night.toml").write_text(text.replace('name = "dark"', 'name = "night"'))
    (directory / "bad.toml").write_text("name = 1")
    (directory / "worse.toml").write_bytes(b"\xff\xfe")
    themes, broken = all_themes()
    assert [theme.name for theme in themes] == [*BUNDLED, "night"]
    assert len(broken) == 2
    assert find_theme("night").name == "night"
    with pytest.raises(ConfigError, match="no theme 'day'"):
        find_theme("day")


def test_settings_are_remembered_beside_what_is_not_ours() -> None:
    path = settings_directory() / "settings.toml"
    path.parent.mkdir(parents=True)
    path.write_text('# mine\nlater = 1\ntheme = "dark"\n')
    assert remember_theme("light") == ""
    assert tomllib.loads(path.read_text()) == {"later": 1, "theme": "light"}
    assert "# mine" in path.read_text()
    assert load_settings() == (load_settings()[0], "")
    path.write_text("theme = 7")
    assert load_settings()[0].theme is None
    assert "was not used" in load_settings()[1]


def test_settings_that_cannot_be_written_are_told() -> None:
    settings_directory().parent.mkdir(parents=True)
    settings_directory().write_text("a file where a directory should be")
    assert "could not be saved" in remember_theme("light")


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have other directories")
def test_the_directories_are_those_of_the_xdg_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_directory() == tmp_path / "config" / "autoresearch-tui"
    assert cache_directory() == tmp_path / "cache" / "autoresearch-tui"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", "relative"):  # the specification says to ignore a relative path
        monkeypatch.setenv("XDG_CONFIG_HOME", unset)
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert settings_directory() == tmp_path / ".config" / "autoresearch-tui"
        assert cache_directory() == tmp_path / ".cache" / "autoresearch-tui"


# ---- copying -------------------------------------------------------------------------------------


async def test_copying_says_what_was_done(tmp_path: Path) -> None:
    sent: list[str] = []
    told = await clipboard.copy("a\x1b]52;c;x\x07b\n", sent.append, {})
    assert sent == ["ab\n"]
    assert told == "copied (OSC 52, …/copied.txt)"
    assert (tmp_path / "cache" / "autoresearch-tui" / "copied.txt").read_text() == "ab\n"


async def test_copying_too_much_goes_to_the_file_alone() -> None:
    sent: list[str] = []
    told = await clipboard.copy("x" * 100_000, sent.append, {})
    assert sent == []
    assert "too long for OSC 52" in told


async def test_copying_in_a_browser_goes_to_the_browser() -> None:
    sent: list[str] = []
    environ = {"TEXTUAL_DRIVER": WEB_DRIVER, "TMUX": "/x,1,0"}
    told = await clipboard.copy("x" * 100_000, sent.append, environ)
    assert sent == ["x" * 100_000]
    assert told == "copied (browser, …/copied.txt)"


async def test_copying_inside_tmux_asks_tmux_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tmux"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked; cat > {tmp_path}/got\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environ = {"TMUX": "/tmp/x,1,0"}
    told = await clipboard.copy("hello", lambda text: None, environ)
    assert "OSC 52, tmux, …/copied.txt" in told
    assert (tmp_path / "asked").read_text().strip() == "load-buffer -w -"
    assert (tmp_path / "got").read_text() == "hello"
    tool.write_text("#!/bin/sh\nexit 1\n")
    assert "tmux failed" in await clipboard.copy("hello", lambda text: None, environ)
