"""Two helper processes that convert the chunks of a large file, so that parsing and sealing use both cores.

Started as programs, not forked: a Celery worker may have no children of `multiprocessing`, and a fork would
share the database connection. The job, keys included, goes to them through their standard input.
"""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from registration.feed_format import Chunk
from registration.feed_rows import ChunkConverter, ChunkRows, Job, Share

SIZE = 2
_ROOT = Path(__file__).resolve().parent.parent
_AHEAD = 2  # chunks that lie waiting before each process
_LYING = 32  # results that lie waiting for the caller: some 60 MB


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
    """Is started early where much will be new, so that the processes get ready while the file is looked through.

    A thread passes chunks out and takes rows in, so that the processes go on while the caller stores a slice.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._is_told = False
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for member in self.members:
            if kind is not None:
                member.process.kill()
            member.end()
        for thread in self._threads:
            thread.join()

    def start(self, size: int = SIZE) -> None:
        """Start the processes, unless they run."""
        self.members = self.members or [Member() for _ in range(size)]

    def convert(self, job: Job, share: Share, chunks: Sequence[Chunk]) -> Iterator[ChunkRows | bytes]:
        """The rows of every chunk in their order; last from each process, as bytes, the digests that it met.

        Raises CrewLost.
        """
        self.start()
        if not self._is_told:
            self._tell(job)
            self._is_told = True
        self._tell(share)
        results: Results = queue.Queue(_LYING)
        thread = threading.Thread(target=self._pass, args=(chunks, results), daemon=True)
        self._threads.append(thread)
        thread.start()
        while (result := results.get()) is not None:
            if isinstance(result, Exception):
                raise CrewLost("a helper process has ended") from result
            yield result
        thread.join()

    def _pass(self, chunks: Sequence[Chunk], results: "Results") -> None:
        size = len(self.members)
        try:
            for position in range(min(_AHEAD * size, len(chunks))):
                self.members[position % size].to.send(chunks[position])
            for position in range(len(chunks)):
                self._lay(results, self.members[position % size].back.recv())
                if position + _AHEAD * size < len(chunks):
                    self.members[position % size].to.send(chunks[position + _AHEAD * size])
            for member in self.members:
                member.to.send(None)
                self._lay(results, member.back.recv())
            self._lay(results, None)
        except Exception as error:  # whatever it is, the caller must not wait for ever
            self._lay(results, error)

    def _lay(self, results: "Results", result: ChunkRows | bytes | Exception | None) -> None:
        """Wait for room, unless nobody takes results any more."""
        while not self._ended.is_set():
            try:
                return results.put(result, timeout=0.2)
            except queue.Full:
                continue
        return None

    def _tell(self, message: object) -> None:
        try:
            for member in self.members:
                member.to.send(message)
        except OSError as error:
            raise CrewLost("a helper process has ended") from error


Results = queue.Queue[ChunkRows | bytes | Exception | None]


def serve(orders: "Connection", answers: "Connection") -> None:
    """The life of a helper process: a job, then shares, each with its chunks and None at its end."""
    try:
        converter = ChunkConverter(cast(Job, orders.recv()))
        while True:
            order = cast("Share | Chunk | None", orders.recv())
            if isinstance(order, Share):
                converter.take(order)
            elif order is None:
                answers.send(converter.met())
            else:
                answers.send(converter.convert(order))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    answers_to = os.dup(1)
    os.dup2(2, 1)  # whatever is printed by mistake must not mix with the answers
    serve(Connection(os.dup(0), writable=False), Connection(answers_to, readable=False))
