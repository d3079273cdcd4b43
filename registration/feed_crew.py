"""Two helper processes that convert the chunks of a large file, so that parsing and sealing use both cores.

Started as programs, not forked: a Celery worker may have no children of `multiprocessing`, and a fork would
share the database connection. The job, keys included, goes to them through their standard input.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from registration.feed_format import Chunk
from registration.feed_rows import ChunkConverter, ChunkRows, Job, Share

SIZE = 2
_ROOT = Path(__file__).resolve().parent.parent
_AHEAD = 2  # chunks that lie waiting before each process


class CrewLost(RuntimeError):
    """A helper process ended before its work did."""


class Member:
    """One helper process and the two pipes to it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "registration.feed_crew"], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise CrewLost("no pipes")
        self.to = Connection(os.dup(self.process.stdin.fileno()), readable=False)
        self.back = Connection(os.dup(self.process.stdout.fileno()), writable=False)
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self) -> None:
        """Let it go, or make it go."""
        self.to.close()
        self.back.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Crew:
    """Starts at once, so that the processes get ready while the file is still being looked through."""

    def __init__(self, size: int = SIZE) -> None:
        self.members = [Member() for _ in range(size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            if kind is not None:
                member.process.kill()
            member.end()

    def begin(self, job: Job) -> None:
        """Tell all what is the same for all chunks. Raises CrewLost."""
        self._tell(job)

    def convert(self, share: Share, chunks: Iterable[Chunk]) -> Iterator[ChunkRows | bytes]:
        """The rows of every chunk in any order; last from each process, as bytes, the digests that it met."""
        self._tell(share)
        waiting = iter(chunks)
        open_ones = {member.back: member for member in self.members}
        busy = dict.fromkeys(open_ones, 0)
        for back in [*open_ones] * _AHEAD:
            self._give(open_ones[back], next(waiting, None), busy)
        while any(busy.values()):
            for back in cast("list[Connection]", wait([one for one, count in busy.items() if count])):
                yield self._take(back)
                busy[back] -= 1
                self._give(open_ones[back], next(waiting, None), busy)
        for back, member in open_ones.items():
            member.to.send(None)
            yield cast(bytes, self._take(back))

    def _tell(self, message: object) -> None:
        try:
            for member in self.members:
                member.to.send(message)
        except OSError as error:
            raise CrewLost("a helper process has ended") from error

    def _give(self, member: Member, chunk: Chunk | None, busy: "dict[Connection, int]") -> None:
        if chunk is None:
            return
        try:
            member.to.send(chunk)
        except OSError as error:
            raise CrewLost("a helper process has ended") from error
        busy[member.back] += 1

    def _take(self, back: "Connection") -> ChunkRows | bytes:
        try:
            return cast("ChunkRows | bytes", back.recv())
        except (EOFError, OSError) as error:
            raise CrewLost("a helper process has ended") from error


def serve(orders: "Connection", answers: "Connection") -> None:
    """The life of a helper process: a job, then shares, each with its chunks and None at its end."""
    try:
        converter = ChunkConverter(cast(Job, orders.recv()))
        while True:
            order = cast("Share | Chunk | None", orders.recv())
            if isinstance(order, Share):
                converter.take(order)
            elif order is None:
                answers.send(bytes(converter.met))
            else:
                answers.send(converter.convert(order))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    answers_to = os.dup(1)
    os.dup2(2, 1)  # whatever is printed by mistake must not mix with the answers
    serve(Connection(os.dup(0), writable=False), Connection(answers_to, readable=False))
