"""Packs a session's state into bytes for an attaching client, and unpacks it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.vector import Vector


def _encode_vector(value: object) -> object:
    if isinstance(value, Vector):
        return list(value)
    raise NotImplementedError(f"cannot encode {type(value)}")


def _decode_vector(kind: type, value: object) -> object:
    if getattr(kind, "__origin__", kind) is Vector:
        return Vector(msgspec.convert(value, list[Experiment]))
    raise NotImplementedError(f"cannot decode {kind}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_vector)


class _Wire(msgspec.Struct, frozen=True):
    """A packed session; its experiments stand apart, as they decode faster by their own type."""

    session: msgspec.Raw
    experiments: list[Experiment]


def encode_session(session: Session) -> bytes:
    """Return a session's state as msgpack bytes, for a client of the same version."""
    bare = msgspec.Raw(_encoder.encode(replace(session, experiments=Vector())))
    return _encoder.encode(_Wire(bare, list(session.experiments)))


_wire_decoder = msgspec.msgpack.Decoder(_Wire)
_session_decoder = msgspec.msgpack.Decoder(Session, dec_hook=_decode_vector)


def decode_session(data: bytes) -> Session:
    """Return the session's state packed by `encode_session`."""
    wire = _wire_decoder.decode(data)
    bare = _session_decoder.decode(wire.session)
    return replace(bare, experiments=Vector(wire.experiments))
