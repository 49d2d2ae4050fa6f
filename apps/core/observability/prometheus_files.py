"""Rules for Prometheus and a dashboard for Grafana."""

from typing import Any

from apps.core.observability.alarms import THRESHOLDS, burn_alarms, ratio_name
from apps.core.observability.panels import PANELS, SECTIONS, Panel
from apps.core.observability.slos import OBJECTIVES, WINDOWS, window_name

WIDTH, HEIGHT, A_ROW = 6, 8, 4


def rules() -> dict[str, Any]:
    """Return the recorded shares of bad events, and the alerts."""
    return {
        "groups": [
            {"name": "easel-objectives", "interval": "1m", "rules": list(_recorded())},
            {"name": "easel-burn-rates", "rules": [_burn(*each) for each in burn_alarms()]},
            {
                "name": "easel-thresholds",
                "rules": [
                    _alert(
                        alarm,
                        alarm.name,
                        alarm.promql,
                        seconds=alarm.period * alarm.evaluation_periods,
                    )
                    for alarm in THRESHOLDS
                    if alarm.promql is not None
                ],
            },
        ]
    }


def _recorded() -> Any:
    windows = sorted({w.long_seconds for w in WINDOWS} | {w.short_seconds for w in WINDOWS})
    for objective in OBJECTIVES:
        for seconds in windows:
            window = window_name(seconds)
            bad, total = (
                text.replace("{window}", window) for text in (objective.bad, objective.total)
            )
            yield {
                "record": ratio_name(objective, window),
                # Of nothing at all there is no share.
                "expr": f"({bad}) / (({total}) > 0)",
            }


def _burn(_objective: Any, _window: Any, composite: Any, _halves: Any) -> dict[str, Any]:
    return _alert(composite, composite.name, composite.promql, seconds=0)


def _alert(alarm: Any, name: str, expression: str, *, seconds: int) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "alert": "".join(word.capitalize() for word in name.split("-")),
        "expr": expression,
        "labels": {"severity": alarm.severity.value, "id": alarm.id},
        "annotations": {"summary": alarm.title, "runbook": alarm.runbook},
    }
    if seconds:
        rule["for"] = window_name(seconds)
    return rule


def scrape_settings() -> dict[str, Any]:
    """Return how Prometheus finds our processes and the rules."""
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "30s"},
        "rule_files": ["prometheus-rules.yaml"],
        "scrape_configs": [
            {
                "job_name": f"easel-{role}",
                "metrics_path": "/metrics",
                "authorization": {"credentials_file": "/run/secrets/metrics-token"},
                # Every task of a service, by the name that its service discovery has.
                "dns_sd_configs": [{"names": [role], "type": "A", "port": 8080}],
            }
            for role in ("web", "admin")
        ],
    }


def grafana() -> dict[str, Any]:
    """Return the dashboard in Grafana's form, on whichever data source is called Prometheus."""
    panels: list[dict[str, Any]] = []
    top = 0
    for section in SECTIONS:
        drawn = [panel for panel in PANELS if panel.section == section and panel.prometheus]
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": section,
                "collapsed": False,
                "gridPos": {"x": 0, "y": top, "w": WIDTH * A_ROW, "h": 1},
                "panels": [],
            }
        )
        top += 1
        for number, panel in enumerate(drawn):
            place = {
                "x": number % A_ROW * WIDTH,
                "y": top + number // A_ROW * HEIGHT,
                "w": WIDTH,
                "h": HEIGHT,
            }
            panels.append(_graph(panel, number=len(panels) + 1, place=place))
        top += (len(drawn) + A_ROW - 1) // A_ROW * HEIGHT
    return {
        "uid": "easel",
        "title": "Easel",
        "tags": ["easel"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
            ]
        },
        "panels": panels,
    }


def _graph(panel: Panel, *, number: int, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": source,
                "expr": expr,
                "legendFormat": legend,
            }
            for place, (expr, legend) in enumerate(panel.prometheus)
        ],
    }
