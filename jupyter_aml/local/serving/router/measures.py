"""Figures of an endpoint: counters and a latency histogram per deployment, and the same per minute for a day."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

STEPS = 4
"""Buckets per doubling of the latency: a percentile is good to a tenth."""
BOUNDS = tuple(1e-4 * 2 ** (step / STEPS) for step in range(21 * STEPS + 1))
"""Upper bounds of the latency buckets, seconds: 0.1 ms to 210 s."""
COARSE = range(0, len(BOUNDS), STEPS)
"""Which of them are shown: one per doubling."""
GOOD = (200, 200)
"""Status the client saw, and the replica's."""
TOGETHER = 4096
"""Latencies that are put into buckets together, sorted, which costs a fifth of doing it one by one."""
KEPT_MINUTES = 24 * 60
MINUTE = 60
_BATCHES = tuple(2**power for power in range(13))
_PERCENTILES = {"P50": 0.5, "P90": 0.9, "P95": 0.95, "P99": 0.99}
NAMES = ("RequestsPerMinute", "RequestLatency", *(f"RequestLatency_{p}" for p in _PERCENTILES), "RequestLatencyBucket")
"""Azure Monitor's names, and one of the local workspace for a histogram."""


class Minute:
    """What happened in one minute, or in several."""

    __slots__ = ("buckets", "largest", "seconds", "smallest", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[tuple[int, int]] = Counter()
        self.buckets = array("L", bytes(array("L").itemsize * (len(BOUNDS) + 1)))
        self.seconds = 0.0
        self.smallest = float("inf")
        self.largest = 0.0

    @property
    def count(self) -> int:
        """How many requests were answered."""
        return self.statuses.total()

    def add(self, bucket: int, key: tuple[int, int], seconds: float) -> None:
        """Count an answer: its bucket, its status and the replica's, its latency."""
        self.statuses[key] += 1
        self.buckets[bucket] += 1
        self.seconds += seconds
        self.smallest = min(self.smallest, seconds)
        self.largest = max(self.largest, seconds)

    def add_good(self, seconds: list[float]) -> None:
        """Count many answers with status 200 by their latencies."""
        seconds.sort()
        self.statuses[GOOD] += len(seconds)
        self.seconds += sum(seconds)
        self.smallest = min(self.smallest, seconds[0])
        self.largest = max(self.largest, seconds[-1])
        below = 0
        for bucket in range(bisect_left(BOUNDS, seconds[0]), bisect_left(BOUNDS, seconds[-1]) + 1):
            upto = bisect_right(seconds, BOUNDS[bucket], below) if bucket < len(BOUNDS) else len(seconds)
            self.buckets[bucket] += upto - below
            below = upto

    def join(self, other: Minute) -> None:
        """Add another minute's figures."""
        self.statuses.update(other.statuses)
        for at, count in enumerate(other.buckets):
            self.buckets[at] += count
        self.seconds += other.seconds
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests stayed under, seconds; linear within a bucket."""
        rank, below = share * sum(self.buckets), 0
        for at, count in enumerate(self.buckets):
            if count and below + count >= rank:
                low = BOUNDS[at - 1] if at else 0.0
                high = BOUNDS[at] if at < len(BOUNDS) else self.largest
                within = low + (high - low) * (rank - below) / count
                return min(max(within, self.smallest), self.largest)
            below += count
        return 0.0

    def cumulative(self) -> list[tuple[float, int]]:
        """Upper bound in seconds and how many requests stayed within it; the last bound is infinite."""
        found, below, last = [], 0, 0
        for at in COARSE:
            below += sum(self.buckets[last : at + 1])
            last = at + 1
            found.append((BOUNDS[at], below))
        return [*found, (float("inf"), sum(self.buckets))]


class Measures:
    """The figures of one deployment, since this process began and per minute."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0
        self.mirrored = 0
        self.dropped = 0
        self.batches: Counter[int] = Counter()
        self.batched = 0
        self.minutes: dict[int, Minute] = {}
        self._at = -1
        self._minute = Minute()
        self._before = Minute()
        self._good: list[float] = []

    def count(self, status: int, model_status: int, seconds: float, sizes: tuple[int, int], wall: float) -> None:
        """Count an answer.

        Args:
            status: HTTP status that the client saw.
            model_status: HTTP status of the replica; 0 when none answered.
            seconds: From the complete request to the answer.
            sizes: Bytes of the request's body and of the answer's.
            wall: Now, seconds since the epoch.
        """
        at = int(wall) // MINUTE
        if at != self._at:
            self._turn(at)
        self.received += sizes[0]
        self.sent += sizes[1]
        if status == model_status == GOOD[0]:
            good = self._good
            good.append(seconds)
            if len(good) >= TOGETHER:
                self._fold()
        else:
            self._minute.add(bisect_left(BOUNDS, seconds), (status, model_status), seconds)

    def _fold(self) -> None:
        """Put the latencies that wait into the minute under way."""
        if self._good:
            self._minute.add_good(self._good)
            self._good.clear()

    @property
    def total(self) -> Minute:
        """All since this process began."""
        self._fold()
        found = Minute()
        found.join(self._before)
        found.join(self._minute)
        return found

    def _turn(self, at: int) -> None:
        """Begin another minute, or go on with an earlier one when the clock was set back."""
        self._fold()
        self._before.join(self._minute)
        self._close()
        self._at, self._minute = at, Minute()
        for old in [known for known in self.minutes if known <= at - KEPT_MINUTES]:
            del self.minutes[old]

    def _close(self) -> None:
        """Put the figures of the minute under way with the others."""
        if self._minute.count:
            self.minutes.setdefault(self._at, Minute()).join(self._minute)

    def batch(self, size: int) -> None:
        """Count a call of the model for so many requests."""
        self.batches[_BATCHES[min(bisect_left(_BATCHES, size), len(_BATCHES) - 1)]] += 1
        self.batched += size

    def spans(self, since: float, until: float, grain: int) -> list[tuple[int, Minute]]:
        """Beginning in seconds since the epoch, and figures, of the spans of `grain` seconds that had requests."""
        self._fold()
        joined: dict[int, Minute] = {}
        for at, minute in [*self.minutes.items(), (self._at, self._minute)]:
            start = at * MINUTE
            if minute.count and since - MINUTE < start < until:
                joined.setdefault(start // grain * grain, Minute()).join(minute)
        return sorted(joined.items())


class Book:
    """The figures of an endpoint, by deployment; requests that none served are under the empty name."""

    def __init__(self) -> None:
        self._measures: dict[str, Measures] = {}

    def of(self, name: str) -> Measures:
        """The figures of one deployment."""
        found = self._measures.get(name)
        if found is None:
            found = self._measures[name] = Measures()
        return found

    def monitor(
        self, names: Iterable[str] | None, since: float, until: float, grain: int = MINUTE
    ) -> list[dict[str, Any]]:
        """Figures over time, under Azure Monitor's names.

        Args:
            names: Of `NAMES`; all when None.
            since: Seconds since the epoch.
            until: Seconds since the epoch.
            grain: Seconds of a span, whole minutes.

        Returns:
            Series as `{"name", "dimensions", "points": [{"time", "count", "total", "average", "minimum", "maximum"}]}`:
            dimensions are `deployment`, for RequestsPerMinute also `statusCode`, `statusCodeClass` and
            `modelStatusCode`, for RequestLatencyBucket also `le`. Latencies in milliseconds, `time` in seconds since
            the epoch. Spans without requests are left out.
        """
        wanted = [name for name in NAMES if names is None or name in set(names)]
        grain = max(grain // MINUTE, 1) * MINUTE
        found: list[dict[str, Any]] = []
        for deployment, measures in self._measures.items():
            spans = measures.spans(since, until, grain)
            for name in wanted if spans else ():
                found += [_series(name, deployment, *told) for told in _told(name, spans, grain)]
        return found

    def text(self, pools: Iterable[Any] = ()) -> str:
        """All figures in Prometheus' text format; pools tell what is under way."""
        from jupyter_aml.local.serving.router.exposition import text

        return text(self._measures, pools)


Spans = Sequence[tuple[int, Minute]]


def _series(name: str, deployment: str, dimensions: dict[str, str], points: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "dimensions": {"deployment": deployment, **dimensions}, "points": points}


def _told(name: str, spans: Spans, grain: int) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    """The series of one metric: its dimensions but the deployment, and its points."""
    if name == "RequestsPerMinute":
        return _rates(spans, grain)
    if name == "RequestLatencyBucket":
        return _buckets(spans)
    if name == "RequestLatency":
        return [({}, [_latency(start, span) for start, span in spans])]
    share = _PERCENTILES[name.rpartition("_")[2]]
    return [({}, [_point(start, span.count, span.percentile(share) * 1000) for start, span in spans])]


def _rates(spans: Spans, grain: int) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    keys = sorted({key for _, span in spans for key in span.statuses})
    found = []
    for status, model in keys:
        dimensions = {
            "statusCode": str(status),
            "statusCodeClass": f"{status // 100}xx",
            "modelStatusCode": str(model) if model else "",
        }
        points = []
        for start, span in spans:
            count = span.statuses.get((status, model), 0)
            if count:
                points.append(_point(start, count, count * MINUTE / grain, total=count))
        found.append((dimensions, points))
    return found


def _buckets(spans: Spans) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    found: dict[float, list[dict[str, Any]]] = {}
    for start, span in spans:
        for bound, count in span.cumulative():
            found.setdefault(bound, []).append(_point(start, 1, count, total=count))
    return [
        ({"le": "+Inf" if bound == float("inf") else f"{bound * 1000:g}"}, points) for bound, points in found.items()
    ]


def _latency(start: int, span: Minute) -> dict[str, Any]:
    point = _point(start, span.count, span.seconds / span.count * 1000, total=span.seconds * 1000)
    return {**point, "minimum": span.smallest * 1000, "maximum": span.largest * 1000}


def _point(start: int, count: int, average: float, total: float | None = None) -> dict[str, Any]:
    return {
        "time": start,
        "count": count,
        "total": average * count if total is None else total,
        "average": average,
        "minimum": average,
        "maximum": average,
    }
