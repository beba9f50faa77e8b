"""What was counted while serving, in the form that Prometheus asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from assetpipe import __version__
from assetpipe.errors import need
from assetpipe.serve.counts import (
    BYTES,
    LOAD_FAILURES,
    LOADS,
    MISSING_HASHED,
    SORTS,
    URL_FOUND,
    URL_UNKNOWN,
    Counts,
    Load,
)

if TYPE_CHECKING:
    from prometheus_client import Metric

_Labels = tuple[str, ...]
_Samples = Iterable[tuple[_Labels, float]]


class AssetCollector:
    """Tells a registry of prometheus_client all that was counted.

    ``registry.register(AssetCollector(counts))`` is all that is needed; ``docs/metrics.md`` lists
    the metrics. Each is a sum over all processes, whichever of them is asked.

    Args:
        counts: of this process.

    Raises:
        MissingExtraError: prometheus_client is not installed.
    """

    def __init__(self, counts: Counts) -> None:
        need("prometheus_client", feature="AssetCollector", extra="metrics")
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        totals = self._counts.totals()
        yield from _answers(totals.values)
        yield from _look_ups(totals.values)
        yield from _releases(totals.values, totals.loads)


def _answers(values: Sequence[int]) -> Iterator[Metric]:
    answers, sent = Counter[_Labels](), Counter[_Labels]()
    # What an alert waits for is told when it is zero, too: rate() does not see a counter rise
    # that appears with its first event.
    fixed = Counter[_Labels]({("200",): 0, ("304",): 0, ("404",): values[MISSING_HASHED]})
    compressible = Counter[_Labels]({("identity",): 0})
    for (status, coding, is_fixed, has_siblings), place in SORTS.items():
        number = values[place]
        if not number:
            continue
        code = str(status or "other")
        answers[code, coding] += number
        sent[code, coding] += values[place + BYTES]
        if is_fixed:
            fixed[code,] += number
        if has_siblings and status == 200:
            compressible[coding,] += number
    yield _counter(
        "assetpipe_responses",
        "Answers, by status code and content coding.",
        ("code", "encoding"),
        answers.items(),
    )
    yield _counter(
        "assetpipe_response_bytes",
        "Bytes of content in answers, without header fields.",
        ("code", "encoding"),
        sent.items(),
    )
    yield _counter(
        "assetpipe_fingerprinted_responses",
        "Answers about names that change with their bytes, or look so.",
        ("code",),
        fixed.items(),
    )
    yield _counter(
        "assetpipe_compressible_responses",
        "Answers 200 about assets that have compressed siblings, by the coding that was sent.",
        ("encoding",),
        compressible.items(),
    )


def _look_ups(values: Sequence[int]) -> Iterator[Metric]:
    yield _counter(
        "assetpipe_url_lookups",
        "Look-ups of an asset's URL.",
        ("result",),
        [(("found",), values[URL_FOUND]), (("unknown",), values[URL_UNKNOWN])],
    )


def _releases(values: Sequence[int], loads: Sequence[Load]) -> Iterator[Metric]:
    yield _counter(
        "assetpipe_manifest_loads",
        "Manifests read.",
        ("result",),
        [(("success",), values[LOADS]), (("failure",), values[LOAD_FAILURES])],
    )
    latest = loads[:1]
    yield _gauge(
        "assetpipe_manifest_assets",
        "Entries of the manifest that was read last.",
        (),
        [((), load.assets) for load in latest],
    )
    yield _gauge(
        "assetpipe_manifest_load_seconds",
        "Time that reading the manifest took, the last time.",
        (),
        [((), load.seconds) for load in latest],
    )
    yield _gauge(
        "assetpipe_build_info",
        "Each release that a process serves, and the version of assetpipe.",
        ("version", "release"),
        {(__version__, load.release): 1 for load in loads}.items(),
    )


def _counter(name: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
