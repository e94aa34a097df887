"""A persistent vector: an immutable list, cheap to append to and to copy with one item changed.

The fold makes a new `Session` for each event. Copying a list of 10,000 experiments each time would
make a journal of 100,000 events take a minute; copying one chunk and the spine takes about a
microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar, overload

T = TypeVar("T")

_CHUNK = 128


class Vector(Generic[T]):
    """An immutable sequence, stored in chunks of 128 items that versions share."""

    __slots__ = ("_chunks", "_size")

    def __init__(self, items: Iterable[T] = ()) -> None:
        flat = tuple(items)
        self._chunks: tuple[tuple[T, ...], ...] = tuple(
            flat[start : start + _CHUNK] for start in range(0, len(flat), _CHUNK)
        )
        self._size = len(flat)

    @classmethod
    def _of(cls, chunks: tuple[tuple[T, ...], ...], size: int) -> Vector[T]:
        vector: Vector[T] = cls.__new__(cls)
        vector._chunks = chunks
        vector._size = size
        return vector

    def append(self, item: T) -> Vector[T]:
        """Return a new vector with one more item at its end; this one is not changed."""
        if self._chunks and len(self._chunks[-1]) < _CHUNK:
            chunks = (*self._chunks[:-1], (*self._chunks[-1], item))
        else:
            chunks = (*self._chunks, (item,))
        return self._of(chunks, self._size + 1)

    def replace(self, index: int, item: T) -> Vector[T]:
        """Return a new vector with another item at `index`, counted from 0; keep this one as it is.

        Raises:
            IndexError: The index is negative or past the end.
        """
        if not 0 <= index < self._size:
            raise IndexError(index)
        outer, inner = divmod(index, _CHUNK)
        old = self._chunks[outer]
        new = (*old[:inner], item, *old[inner + 1 :])
        return self._of((*self._chunks[:outer], new, *self._chunks[outer + 1 :]), self._size)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._size)))
        if index < 0:
            index += self._size
        if not 0 <= index < self._size:
            raise IndexError(index)
        return self._chunks[index // _CHUNK][index % _CHUNK]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for chunk in self._chunks:
            yield from chunk

    def __reversed__(self) -> Iterator[T]:
        for chunk in reversed(self._chunks):
            yield from reversed(chunk)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Vector({list(self)!r})"
