"""Frames messages and commands on the engine's socket: a 4-byte length, then a msgpack body."""

from __future__ import annotations

import struct

import msgspec

from engine.protocol.commands import AnyCommand
from engine.protocol.messages import AnyMessage

_LENGTH = struct.Struct(">I")
_message_encoder = msgspec.msgpack.Encoder()
_message_decoder = msgspec.msgpack.Decoder(AnyMessage)
_command_decoder = msgspec.msgpack.Decoder(AnyCommand)


def frame(item: AnyMessage | AnyCommand) -> bytes:
    """Return a message or command as bytes for the socket: big-endian length, then msgpack."""
    body = _message_encoder.encode(item)
    return _LENGTH.pack(len(body)) + body


def frame_length(header: bytes) -> int:
    """Return the number of bytes in the frame's body, from its 4-byte header."""
    length: int = _LENGTH.unpack(header)[0]
    return length


def decode_message(body: bytes) -> AnyMessage:
    """Return the engine's message in a frame's body.

    Raises:
        msgspec.DecodeError: The body is not a message that this version knows.
    """
    message: AnyMessage = _message_decoder.decode(body)
    return message


def decode_command(body: bytes) -> AnyCommand:
    """Return the client's command in a frame's body.

    Raises:
        msgspec.DecodeError: The body is not a command that this version knows.
    """
    command: AnyCommand = _command_decoder.decode(body)
    return command
