"""A network on paper: latency, lines, processors, a limit of requests a second, and noise."""

from __future__ import annotations

import random
from dataclasses import dataclass

_TICK = 0.1


@dataclass
class SimulatedNetwork:
    """What a pool of transfers would achieve; times in seconds, sizes in bytes."""

    latency: float = 0.02
    objects_a_second: float = 14_000.0
    """What the processors of both ends manage."""
    decay: float = 0.0
    """Share of that lost with 1,024 transfers under way."""
    size: int = 4096
    line: float = 1e12
    """Bytes a second of all connections together."""
    connection: float = 1e12
    """Bytes a second of each connection."""
    noise: float = 0.04
    seed: int = 1

    def __post_init__(self) -> None:
        """Begin without a connection."""
        self._random = random.Random(self.seed)
        self._active = 0.0
        self._left_over = 0.0

    def rate(self, transfers: float) -> float:
        """Return objects a second with so many transfers under way, without noise."""
        each = self.latency + self.size / self.connection
        processors = self.objects_a_second * (1 - self.decay * transfers / 1024)
        return min(transfers / each, processors, self.line / self.size)

    def best(self, lowest: int = 4, highest: int = 1024) -> float:
        """Return the rate of the best of the usual fixed numbers."""
        numbers = {lowest, highest, *(n for n in (16, 64, 256, 512) if lowest <= n <= highest)}
        return max(self.rate(number) for number in numbers)

    def answers_in(self) -> float:
        """Return the seconds that an answer takes now."""
        return self._active / self.rate(self._active)

    def run(self, transfers: int) -> int:
        """Return the objects that end in the next tenth of a second."""
        self._active = min(transfers, self._active + max(16.0, self._active))
        noisy = self.rate(max(1.0, self._active)) * max(0.1, self._random.gauss(1, self.noise))
        self._left_over += noisy * _TICK
        ended = int(self._left_over)
        self._left_over -= ended
        return ended
