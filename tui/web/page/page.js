// The page around the screen: starts textual-serve's terminal once its font is there, and says at the end what happened.
"use strict";

(() => {
  const WANTED_COLUMNS = 80;
  const SMALLEST_FONT = 11;
  const CELL_PER_FONT = 0.6; // of Roboto Mono
  const GOING_AWAY = 1001;

  const terminal = document.getElementById("terminal");
  const title = document.body.dataset.title;
  let ended = null; // what the screen said when it closed

  // Where this page came from, whatever port `ssh -L` gave it.
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socketUrl = new URL("ws", location.href);
  terminal.dataset.sessionWebsocketUrl = `${scheme}//${socketUrl.host}${socketUrl.pathname}`;

  if (!new URLSearchParams(location.search).has("fontsize")) {
    const fitting = Math.floor(innerWidth / WANTED_COLUMNS / CELL_PER_FONT);
    const usual = Number(terminal.dataset.fontSize);
    terminal.dataset.fontSize = Math.max(SMALLEST_FONT, Math.min(usual, fitting));
  }

  function heard(event) {
    if (typeof event.data !== "string") return;
    const [kind, what] = JSON.parse(event.data);
    if (kind === "title") document.title = what ? `${what} – ${title}` : title;
    if (kind === "ended") ended = what;
  }

  function closed(event) {
    document.title = title;
    document.body.classList.add("-closed");
    const show = (id, text) => (document.getElementById(id).textContent = text);
    if (ended !== null) {
      show("closed-title", ended.code === 0 ? "The screen is closed." : "The screen could not go on.");
      show("closed-said", ended.said);
      show("closed-hint", "Enter, the button, or loading this page again opens it.");
    } else if (event.code === GOING_AWAY) {
      show("closed-title", "The server has ended.");
      show("closed-said", "Only the page: an engine that was at work goes on. Start the server with `autoresearch-tui serve`; it prints a new address.");
    } else {
      show("closed-title", "The line to the server is lost.");
      show("closed-said", "An engine that was at work goes on. See that the server and `ssh -L` still run, then open it again.");
    }
    document.getElementById("again").focus();
  }

  document.getElementById("again").addEventListener("click", () => location.reload());

  // textual-serve's script keeps its socket to itself; this is the way to hear what is for the page.
  window.WebSocket = class extends WebSocket {
    constructor(...words) {
      super(...words);
      this.addEventListener("message", heard);
      this.addEventListener("close", closed);
    }
    // That script also sends before the line is open and after it is closed.
    send(what) {
      if (this.readyState === this.OPEN) super.send(what);
    }
  };

  // Keys go to the terminal without a click, as soon as there is something to see.
  const watch = new MutationObserver(() => {
    if (!document.body.classList.contains("-first-byte")) return;
    watch.disconnect();
    terminal.querySelector(".xterm-helper-textarea")?.focus();
  });
  watch.observe(document.body, { attributeFilter: ["class"] });

  // The terminal measures its cells once, so the font must be there before it.
  async function start() {
    const sizes = ["", "bold "].map((weight) => document.fonts.load(`${weight}16px "Roboto Mono"`));
    await Promise.allSettled(sizes);
    const script = document.createElement("script");
    script.src = "static/js/textual.js";
    script.addEventListener("load", () => {
      // It starts itself when the window has loaded, which may have been before.
      const begin = window.onload;
      window.onload = null;
      begin(new Event("load"));
    });
    document.head.append(script);
  }
  start();
})();
