"""A loopback server that streams answers, or fails, like the servers of OpenAI and Anthropic.

In a test: `with ModelServer([Answer(text="…")]) as server: … server.address …`. To run the app
against it: `python -m tests.model_server --port 8080`; each answer then changes one
knob of the file in the prompt.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A streamed answer. Pieces are counted over the reasoning and the text together."""

    text: str = "A fine answer."
    reasoning: str = ""
    piece: int = 12
    """Number of characters in one delta."""
    gap_seconds: float = 0.0
    break_after: int | None = None
    """Number of deltas after which the connection is dropped."""
    hang_after: int | None = None
    """Number of deltas after which the server waits for `server.released`; 0 sends no header."""
    error_after: int | None = None
    """Number of deltas after which the stream contains an overload error."""
    whole: bool = False
    """Whether it is one JSON document, as by OpenAI's protocol, whatever was asked for."""
    finish: str = "stop"
    """Finish reason in OpenAI's terms: `stop` or `length`."""
    usage: bool = True
    prompt_tokens: int = 1000
    cached_tokens: int = 400
    completion_tokens: int = 200
    reasoning_tokens: int = 50


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer that is not a stream."""

    status: int = 500
    message: str = "something broke"
    kind: str = "server_error"
    """Value of `code` and `type` in the error's JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    html: bool = False


@dataclass(frozen=True)
class Request:
    """A received request."""

    path: str
    headers: dict[str, str]
    """Headers, with names in lower case."""
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """Text of all messages."""
        return "\n".join(_texts([self.body.get("system", ""), self.body.get("messages", [])]))


Behaviour = Answer | Refusal | Callable[[Request], Answer | Refusal]


def knob_edit(request: Request) -> Answer:
    """Return an answer that halves or doubles one `ALL_CAPS = number`, another one each time."""
    # Only knobs of the editable file may be changed.
    file = request.prompt.split("# The editable file")[-1].split("\n```\n", 1)[0]
    knobs = re.findall(r"^([A-Z][A-Z0-9_]+ = )(\d+\.\d+|\d+e-?\d+|\d+)\b(.*)$", file, re.M)
    if not knobs:
        return Answer(text="I see no knob to turn.\n")
    turn = len(request.prompt)
    start, number, rest = knobs[turn % len(knobs)]
    value = float(number) * (2 if turn // len(knobs) % 2 else 0.5)
    new = str(max(1, round(value))) if number.isdigit() else f"{value:.6g}"
    knob = start.removesuffix(" = ")
    block = f"<<<<<<< SEARCH\n{start}{number}{rest}\n=======\n{start}{new}{rest}\n>>>>>>> REPLACE\n"
    return Answer(
        reasoning=f"Which knob is worth a run? {knob} is at {number}; {new} may be better.",
        text=f"HYPOTHESIS: {knob} of {new} instead of {number} lowers the loss.\n"
        "CATEGORY: optimizer\nRATIONALE: not tried from this frontier.\n"
        f"EXPECTED: a small gain\n\n{block}",
        gap_seconds=0.01,
    )


class ModelServer:
    """Serves on a free port of the loopback from a thread.

    Args:
        script: The answers in order of the requests; the last one is repeated.
        port: The port; 0 selects a free one.
    """

    def __init__(self, script: Sequence[Behaviour] = (), port: int = 0) -> None:
        self.script: list[Behaviour] = list(script) or [Answer()]
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.hanging = threading.Event()
        """Is set once an answer hangs."""
        self.disconnected = threading.Event()
        """Is set when a client leaves before its answer is complete."""
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def address(self) -> str:
        """The `api_base` for Anthropic's protocol."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def openai(self) -> str:
        """The `api_base` for OpenAI's protocol."""
        return f"{self.address}/v1"

    def take(self, request: Request) -> Answer | Refusal:
        """Record a request and return its answer."""
        self.requests.append(request)
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return behaviour(request) if callable(behaviour) else behaviour

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of clients that disconnect."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Gone(Exception):
    """The client has disconnected, or the script drops the connection."""


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_POST(self) -> None:
        """Answer one request by the script."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(raw or b"{}"))
        behaviour = self.owner.take(request)
        try:
            if isinstance(behaviour, Refusal):
                self._refuse(behaviour)
            else:
                self._stream(behaviour, request)
        except (_Gone, ConnectionError):
            self.close_connection = True

    def _refuse(self, refusal: Refusal) -> None:
        error = {"message": refusal.message, "type": refusal.kind, "code": refusal.kind}
        kind, content = "application/json", json.dumps({"type": "error", "error": error})
        if refusal.html:
            kind, content = "text/html", f"<!DOCTYPE html><html>{refusal.message}</html>"
        self.send_response(refusal.status)
        for name, value in {"Content-Type": kind, **refusal.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content.encode())))
        self.end_headers()
        self.wfile.write(content.encode())

    def _stream(self, answer: Answer, request: Request) -> None:
        if answer.hang_after == 0:
            self._hang()
        anthropic = request.path.endswith("/messages")
        if not anthropic and not request.path.endswith("/chat/completions"):
            return self._refuse(Refusal(status=404, message="no such path", kind="not_found"))
        if answer.whole:
            return self._send_whole(answer)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        before, deltas, after = (_anthropic if anthropic else _openai)(answer, request)
        self._send(before)
        for count, event in enumerate(deltas):
            if count == answer.break_after:
                self.connection.shutdown(socket.SHUT_RDWR)
                raise _Gone
            if count == answer.error_after:
                error = {"type": "overloaded_error", "message": "Overloaded", "code": 529}
                self._send({"type": "error", "error": error})
                break
            if count and count == answer.hang_after:
                self._hang()
            if answer.gap_seconds:
                self.owner.released.wait(answer.gap_seconds)
            self._send(event)
        else:
            for event in after:
                self._send(event)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _send_whole(self, answer: Answer) -> None:
        message = {"role": "assistant", "content": answer.text}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish}
        document = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        content = json.dumps(document | {"choices": [choice], "usage": _usage(answer)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang(self) -> None:
        self.owner.hanging.set()
        while not self.owner.released.wait(0.02):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.owner.disconnected.set()
                raise _Gone

    def _send(self, event: dict[str, Any] | str) -> None:
        data = event if isinstance(event, str) else json.dumps(event)
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        line = f"{name}data: {data}\n\n".encode()
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        except ConnectionError:
            self.owner.disconnected.set()
            raise


_Events = tuple[dict[str, Any], Iterator[dict[str, Any]], list[Any]]
"""Events before the deltas, the deltas, and events after them."""


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
    }


def _openai(answer: Answer, request: Request) -> _Events:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
    names = {"reasoning": "reasoning_content", "text": "content"}

    def event(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    usage = _usage(answer)
    last = [{**head, "choices": [], "usage": usage}] if answer.usage else []
    deltas = (event({names[kind]: piece}) for kind, piece in _pieces(answer))
    start = event({"role": "assistant", "content": ""})
    return start, deltas, [event({}, answer.finish), *last, "[DONE]"]


def _anthropic(answer: Answer, request: Request) -> _Events:
    fresh = answer.prompt_tokens - answer.cached_tokens
    usage = {"input_tokens": fresh, "cache_read_input_tokens": answer.cached_tokens}
    message = {"id": "m1", "type": "message", "role": "assistant", "content": [], "usage": usage}
    start = {"type": "message_start", "message": message | {"model": request.body["model"]}}

    def event(kind: str, piece: str) -> dict[str, Any]:
        thinks = kind == "reasoning"
        name = "thinking" if thinks else "text"
        index = 0 if thinks or not answer.reasoning else 1
        delta = {"type": f"{name}_delta", name: piece}
        return {"type": "content_block_delta", "index": index, "delta": delta}

    deltas = (event(kind, piece) for kind, piece in _pieces(answer))
    stop = {"stop_reason": {"stop": "end_turn", "length": "max_tokens"}[answer.finish]}
    spent = {"output_tokens": answer.completion_tokens}
    end = {"type": "message_delta", "delta": stop, "usage": spent}
    return start, deltas, [end, {"type": "message_stop"}]


def _pieces(answer: Answer) -> Iterator[tuple[str, str]]:
    for kind, text in (("reasoning", answer.reasoning), ("text", answer.text)):
        for at in range(0, len(text), answer.piece):
            yield kind, text[at : at + answer.piece]


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for part in node:
            yield from _texts(part)
    elif isinstance(node, dict):
        yield from _texts(node.get("content", node.get("text", "")))


def main() -> None:
    """Answer each request with a changed knob until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    with ModelServer([knob_edit], parser.parse_args().port) as server, suppress(KeyboardInterrupt):
        print(f"openai/test-model: {server.openai}\nanthropic/…: {server.address}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
