"""A substitute for `claude -p` that writes the JSON lines observed from the real one.

It reads its scenario from the environment, edits `train.py` in its working directory, and writes
its arguments to a file beside that directory.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

SCENARIO = os.environ["FAKE_CLAUDE"]
FINAL = "HYPOTHESIS: A higher rate converges sooner.\nCATEGORY: optimizer\n"


def say(**line: object) -> None:
    """Print one line of output."""
    print(json.dumps(line), flush=True)


def delta(**told: str) -> None:
    """Print a piece of a message."""
    say(type="stream_event", event={"type": "content_block_delta", "index": 0, "delta": told})


def message(*content: dict[str, object]) -> None:
    """Print a whole message."""
    say(type="assistant", message={"role": "assistant", "content": list(content)})


def result(text: str, turn: int, **more: object) -> None:
    """Print the end of a turn."""
    usage = {
        "input_tokens": 600,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 100,
        "output_tokens": 200,
    }
    fields: dict[str, object] = {
        "subtype": "success",
        "is_error": False,
        "result": text,
        "total_cost_usd": 0.25 * turn,
        "usage": usage,
        "modelUsage": {"claude-test": {}},
    }
    say(type="result", **(fields | more))


def edit(old: str, new: str) -> None:
    """Edit the file like the Edit tool does."""
    path = Path.cwd() / "train.py"
    told: dict[str, object] = {"file_path": str(path), "old_string": old, "new_string": new}
    message({"type": "tool_use", "id": "t1", "name": "Edit", "input": told})
    path.write_text(path.read_text().replace(old, new))


def main() -> None:
    """Answer each line of standard input."""
    (Path.cwd().parent / "arguments.json").write_text(json.dumps(sys.argv[1:]))
    for turn, line in enumerate(sys.stdin, start=1):
        asked = json.loads(line)["message"]["content"][0]["text"]
        say(type="system", subtype="init", tools=["Edit", "Read"])
        if SCENARIO == "logged_out":
            result("Not logged in · Please run /login", turn, is_error=True)
        elif SCENARIO == "limited":
            moment = int(os.environ["FAKE_RESET"])
            say(type="rate_limit_event", rate_limit_info={"resetsAt": moment})
            result("You've hit your session limit · resets 3pm", turn, is_error=True)
        elif SCENARIO == "crash":
            print("Error: out of memory", file=sys.stderr, flush=True)
            os._exit(1)
        elif turn == 1:
            delta(type="thinking_delta", thinking="Which rate ")
            delta(type="thinking_delta", thinking="is right?")
            message({"type": "thinking", "thinking": "Which rate is right?"})
            refused = {"type": "tool_result", "is_error": True, "content": "no leave to edit x.py"}
            say(type="user", message={"role": "user", "content": [refused]})
            print("this is not JSON", flush=True)
            edit("0.04", "= 0.05")
            result("done", turn)
        else:
            assert "not valid Python" in asked
            edit("= = 0.05", "= 0.05")
            delta(type="text_delta", text=FINAL)
            message({"type": "text", "text": FINAL})
            result(FINAL, turn)


if __name__ == "__main__":
    main()
