"""Sequences after a restore: what counts is that no row meets its own number again."""

from config.backup.verification import unusable_sequences


def test_a_sequence_may_stand_anywhere_above_its_rows() -> None:
    assert unusable_sequences({"a": 8, "b": None}, {"a": 6, "b": None}, {"a": 6, "b": 0}) == []


def test_a_sequence_that_is_missing_or_behind_is_told_of() -> None:
    found = unusable_sequences({"a": 8, "b": 3}, {"a": 5}, {"a": 6})

    assert found == ["sequence b: not here", "sequence a: at 5, and a row has 6"]
