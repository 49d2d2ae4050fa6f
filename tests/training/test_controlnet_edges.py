"""Edge drawings: where they lie, and how much of one lies on another."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_tasks.training.controlnet.edges import (
    Edges,
    Pixels,
    paint_edges,
    score_edges,
    to_grey,
    trace_edges,
)


def draw_step(*, left: int, right: int) -> Pixels:
    """Two flat halves of a picture of 16×16 pixels, the right one from column 8 on."""
    picture = np.full((16, 16), left, dtype=np.uint8)
    picture[:, 8:] = right
    return picture


def draw_line(*, column: int) -> Edges:
    edges = np.zeros((32, 32), dtype=bool)
    edges[:, column] = True
    return edges


def test_an_edge_is_one_pixel_wide_and_lies_at_the_step() -> None:
    edges = trace_edges(picture=draw_step(left=0, right=255), low=100, high=200)
    assert np.flatnonzero(edges.all(axis=0)).tolist() == [7]
    assert edges.sum() == 16


@pytest.mark.parametrize(("step", "found"), [(50, 0), (51, 16)])
def test_a_step_counts_above_the_upper_threshold(step: int, found: int) -> None:
    # Sobel weighs a step by 4.
    edges = trace_edges(picture=draw_step(left=0, right=step), low=100, high=200)
    assert edges.sum() == found


def test_a_weak_edge_counts_only_where_it_goes_on_from_a_strong_one() -> None:
    alone, together = draw_step(left=0, right=40), draw_step(left=0, right=40)
    together[8:, 8:] = 255

    assert trace_edges(picture=alone, low=100, high=200).sum() == 0
    assert trace_edges(picture=together, low=100, high=200)[:6, 7].all()


def test_colours_of_one_grey_have_an_edge_only_in_colour() -> None:
    picture = np.zeros((16, 16, 3), dtype=np.uint8)
    picture[:, :8] = (217, 40, 42)
    picture[:, 8:] = (38, 92, 212)

    assert trace_edges(picture=to_grey(picture=picture), low=100, high=200).sum() == 0
    assert trace_edges(picture=picture, low=100, high=200).sum() == 16


def test_the_outline_of_a_disc_is_thin_and_lies_on_it() -> None:
    y, x = np.mgrid[0:64, 0:64] + 0.5
    distance = np.hypot(x - 30, y - 33)
    disc = np.clip((20.5 - distance) * 255, 0, 255).astype(np.uint8)

    edges = trace_edges(picture=disc, low=100, high=200)

    assert np.abs(distance[edges] - 20).max() < 1.5
    assert 110 < edges.sum() < 150


def test_a_drawing_is_white_on_black() -> None:
    painted = paint_edges(edges=draw_line(column=3))
    assert painted.shape == (32, 32, 3)
    assert painted.dtype == np.uint8
    assert (painted[:, 3] == 255).all()
    assert painted.sum() == 32 * 3 * 255


@pytest.mark.parametrize(("column", "score"), [(10, 1.0), (12, 1.0), (13, 0.0), (25, 0.0)])
def test_edges_within_the_tolerance_count(column: int, score: float) -> None:
    drawn = draw_line(column=10)
    assert score_edges(found=draw_line(column=column), drawn=drawn, distance=2) == score


def test_edges_too_many_and_edges_missing_both_cost() -> None:
    both = draw_line(column=5) | draw_line(column=20)
    # Half of the one lies on all of the other: 2 · ½ · 1 / (½ + 1).
    assert score_edges(found=both, drawn=draw_line(column=5), distance=2) == pytest.approx(2 / 3)
    assert score_edges(found=draw_line(column=5), drawn=both, distance=2) == pytest.approx(2 / 3)


def test_nothing_found_scores_nothing() -> None:
    nothing = np.zeros((32, 32), dtype=bool)
    assert score_edges(found=nothing, drawn=draw_line(column=5), distance=2) == 0
    assert score_edges(found=nothing, drawn=nothing, distance=2) == 0
