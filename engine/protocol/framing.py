"""Framing on the engine's socket: a 4-byte big-endian length, then a msgpack body."""

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
    """Pack a message or command for the wire."""
    body = _message_encoder.encode(item)
    return _LENGTH.pack(len(body)) + body


def frame_length(header: bytes) -> int:
    """Return the number of bytes in the body that follows a 4-byte header."""
    length: int = _LENGTH.unpack(header)[0]
    return length


def decode_message(body: bytes) -> AnyMessage:
    """Unpack the body of a message.

    Raises:
        msgspec.DecodeError: It is not a message of this version.
    """
    message: AnyMessage = _message_decoder.decode(body)
    return message


def decode_command(body: bytes) -> AnyCommand:
    """Unpack the body of a command.

    Raises:
        msgspec.DecodeError: It is not a command of this version.
    """
    command: AnyCommand = _command_decoder.decode(body)
    return command
