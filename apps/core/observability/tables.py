"""The tables of the documents that follow from the lists, between markers in their text."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from apps.core.observability.alarms import THRESHOLDS, burn_alarms
from apps.core.observability.catalog import METRICS
from apps.core.observability.metric import Kind, Metric
from apps.core.observability.slos import DAYS, OBJECTIVES, WINDOWS, window_name
from apps.core.observability.spans import SPANS

_MARKED: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_SECONDS_A_MONTH: Final = DAYS * 24 * 3600


class UnknownTableError(Exception):
    """A document asks for a table that there is not."""


def fill_in(text: str) -> str:
    """Return a document with its tables as the lists are now.

    Raises:
        UnknownTableError: it has a marker of a table that there is not.
    """

    def table(found: re.Match[str]) -> str:
        if found[2] not in _TABLES:
            raise UnknownTableError(found[2])
        return f"{found[1]}\n{_TABLES[found[2]]()}\n\n{found[3]}"

    return _MARKED.sub(table, text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _code(text: str | None) -> str:
    return f"`{text}`" if text else "–"


def _metrics() -> str:
    head = ("Prometheus", "labels", "CloudWatch", "dimensions", "kind", "unit", "from", "what")
    return _table(head, (_metric(metric) for metric in METRICS.values()))


def _metric(metric: Metric) -> Sequence[str]:
    name = metric.series[0] if metric.kind is Kind.COUNTER else metric.name
    return (
        _code(name if metric.is_in_prometheus else None),
        ", ".join(metric.labels) or "–",
        _code(metric.cloudwatch),
        ", ".join(metric.dimensions) or "–",
        metric.kind.value,
        metric.unit.value,
        metric.source.value,
        metric.help,
    )


def _alarms() -> str:
    rows = [
        (
            f"[`{alarm.id}`](../{alarm.runbook})",
            alarm.severity.value,
            alarm.title,
            "CloudWatch, Prometheus" if alarm.promql else "CloudWatch",
        )
        for alarm in THRESHOLDS
    ]
    rows += [
        (f"[`{one.id}`](../{one.runbook})", one.severity.value, one.title, "CloudWatch, Prometheus")
        for _objective, _window, one, _halves in burn_alarms()
    ]
    return _table(("id", "severity", "when", "where"), rows)


def _spans() -> str:
    rows = (
        (_code(name), span.parent or "–", ", ".join(sorted(span.attributes)) or "–", span.help)
        for name, span in SPANS.items()
    )
    return _table(("span", "below", "attributes", "what"), rows)


def _objectives() -> str:
    rows = (
        (
            objective.title,
            objective.good,
            f"{100 * objective.target:g} %",
            f"{100 * objective.budget:g} %",
            _in_minutes(objective.budget) if objective.id == "availability" else "–",
            "–" if objective.promised is None else f"{100 * objective.promised:g} %",
        )
        for objective in OBJECTIVES
    )
    head = ("objective", "good is", "target", "budget", "as time in 30 days", "promised (SLA)")
    return _table(head, rows)


def _in_minutes(share: float) -> str:
    return f"{share * _SECONDS_A_MONTH / 60:.0f} min"


def _windows() -> str:
    rows = (
        (
            window_name(window.long_seconds),
            window_name(window.short_seconds),
            f"{window.burn:g}",
            f"{100 * window.burn * window.long_seconds / _SECONDS_A_MONTH:.0f} %",
            window.severity.value,
        )
        for window in WINDOWS
    )
    return _table(("long", "short", "burn rate", "of the month's budget", "severity"), rows)


_TABLES: Final = {
    "metrics": _metrics,
    "alarms": _alarms,
    "spans": _spans,
    "objectives": _objectives,
    "windows": _windows,
}
