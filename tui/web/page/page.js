// The page around the screen: starts textual-serve's terminal once its font is loaded, and shows why the screen closed.
"use strict";

(() => {
  const WANTED_COLUMNS = 80;
  const SMALLEST_FONT = 11;
  const CELL_PER_FONT = 0.6; // of Roboto Mono
  const GOING_AWAY = 1001;

  const terminal = document.getElementById("terminal");
  const title = document.body.dataset.title;
  let ended = null; // the screen's last message

  // The address of this page, on the port that `ssh -L` gave it.
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socketUrl = new URL("ws", location.href);
  terminal.dataset.sessionWebsocketUrl = `${scheme}//${socketUrl.host}${socketUrl.pathname}`;

  if (!new URLSearchParams(location.search).has("fontsize")) {
    const fitting = Math.floor(innerWidth / WANTED_COLUMNS / CELL_PER_FONT);
    const usual = Number(terminal.dataset.fontSize);
    terminal.dataset.fontSize = Math.max(SMALLEST_FONT, Math.min(usual, fitting));
  }

  function onMessage(event) {
    if (typeof event.data !== "string") return;
    const [kind, what] = JSON.parse(event.data);
    if (kind === "title") document.title = what ? `${what} – ${title}` : title;
    if (kind === "ended") ended = what;
  }

  function onClose(event) {
    document.title = title;
    document.body.classList.add("-closed");
    const show = (id, text) => (document.getElementById(id).textContent = text);
    if (ended !== null) {
      show("closed-title", ended.code === 0 ? "The screen is closed." : "The screen failed.");
      show("closed-message", ended.message);
      show("closed-hint", "Enter, the button, or loading this page again opens it.");
    } else if (event.code === GOING_AWAY) {
      show("closed-title", "The server has ended.");
      show("closed-message", "Only the page has ended; a running engine continues. Start the server with `autoresearch-tui serve`; it prints a new address.");
    } else {
      show("closed-title", "The connection to the server was lost.");
      show("closed-message", "A running engine continues. Check that the server and `ssh -L` still run, then open it again.");
    }
    document.getElementById("again").focus();
  }

  document.getElementById("again").addEventListener("click", () => location.reload());

  // textual-serve's script does not share its socket; this reads the messages for the page.
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", onMessage);
      this.addEventListener("close", onClose);
    }
    // That script also sends before the connection is open and after it is closed.
    send(data) {
      if (this.readyState === this.OPEN) super.send(data);
    }
  };

  // Give the terminal the focus as soon as it shows something, so that keys work without a click.
  const watch = new MutationObserver(() => {
    if (!document.body.classList.contains("-first-byte")) return;
    watch.disconnect();
    terminal.querySelector(".xterm-helper-textarea")?.focus();
  });
  watch.observe(document.body, { attributeFilter: ["class"] });

  // The terminal measures its cells once, so the font must be loaded before.
  async function start() {
    const sizes = ["", "bold "].map((weight) => document.fonts.load(`${weight}16px "Roboto Mono"`));
    await Promise.allSettled(sizes);
    const script = document.createElement("script");
    script.src = "static/js/textual.js";
    script.addEventListener("load", () => {
      // The script starts when the window has loaded, which may already have happened.
      const begin = window.onload;
      window.onload = null;
      begin(new Event("load"));
    });
    document.head.append(script);
  }
  start();
})();
