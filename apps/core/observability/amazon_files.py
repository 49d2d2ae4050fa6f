"""The alarms and the dashboard of CloudWatch, as the Terraform module `monitoring` reads them."""

from dataclasses import asdict
from typing import Any

from apps.core.observability.alarms import THRESHOLDS, Alarm, Composite, burn_alarms
from apps.core.observability.panels import PANELS, SECTIONS, Line, Panel

WIDTH, HEIGHT, A_ROW = 6, 6, 4
SECONDS_A_POINT = 60


def alarms() -> dict[str, Any]:
    """Return all alarms, and those that are made of others."""
    burning = list(burn_alarms())
    halves = [half for _objective, _window, _composite, pair in burning for half in pair]
    return {
        "alarms": [_alarm(alarm) for alarm in (*THRESHOLDS, *halves)],
        "composites": [_composite(composite) for _o, _w, composite, _h in burning],
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "name": alarm.name,
        "severity": alarm.severity.value,
        "title": alarm.title,
        "runbook": alarm.runbook,
        "scope": alarm.scope.value,
        "queries": [
            {**asdict(query), "dimensions": dict(query.dimensions)} for query in alarm.queries
        ],
        "expression": alarm.expression,
        "comparison": alarm.comparison,
        "threshold": alarm.threshold,
        "period": alarm.period,
        "evaluation_periods": alarm.evaluation_periods,
        "missing": alarm.missing.value,
        "notifies": alarm.notifies,
    }


def _composite(composite: Composite) -> dict[str, Any]:
    return {
        "id": composite.id,
        "name": composite.name,
        "severity": composite.severity.value,
        "title": composite.title,
        "runbook": composite.runbook,
        "scope": composite.scope.value,
        "all": list(composite.all),
    }


def dashboard() -> dict[str, Any]:
    """Return the widgets by section, with `${…}` for what Terraform knows."""
    widgets: list[dict[str, Any]] = []
    top = 0
    for section in SECTIONS:
        widgets.append(
            {
                "type": "text",
                "x": 0,
                "y": top,
                "width": WIDTH * A_ROW,
                "height": 1,
                "properties": {"markdown": f"# {section}"},
            }
        )
        top += 1
        panels = [panel for panel in PANELS if panel.section == section and panel.cloudwatch]
        for number, panel in enumerate(panels):
            widgets.append(
                _widget(panel, x=number % A_ROW * WIDTH, y=top + number // A_ROW * HEIGHT)
            )
        top += (len(panels) + A_ROW - 1) // A_ROW * HEIGHT
    return {"widgets": widgets}


def _widget(panel: Panel, *, x: int, y: int) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": x,
        "y": y,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": panel.title,
            "region": "${region}",
            "view": "timeSeries",
            "period": SECONDS_A_POINT,
            "metrics": [_metric(line) for line in panel.cloudwatch],
        },
    }


def _metric(line: Line) -> list[Any]:
    if line.search:
        expression = f"SEARCH('{line.search}', '{line.stat}', {SECONDS_A_POINT})"
        return [{"expression": expression, "label": line.label}]
    pairs = [part for pair in line.dimensions.items() for part in pair]
    return [line.namespace, line.name, *pairs, {"stat": line.stat, "label": line.label}]
