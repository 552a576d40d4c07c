# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
import pytest

import maths


def test_median_of_what_there_is():
    assert maths.median([3, 1, 2]) == 2
    assert maths.median([4, None, 1]) == 2.5
    assert maths.median([]) is None
    assert maths.median([None]) is None


def test_ratios_stay_within_a_repetition():
    above = {1: 10.0, 2: 30.0, 3: 8.0}
    assert maths.ratios(above, {1: 5.0, 2: 10.0, 3: 2.0}) == {1: 2.0, 2: 3.0, 3: 4.0}
    # one that the other does not have, and one that came to nothing, make none
    assert maths.ratios(above, {2: 10.0, 3: 0.0, 4: 1.0}) == {2: 3.0}
    assert not maths.ratios(above, {1: None})


def test_ratio_of_medians_is_not_median_of_ratios():
    above, below = {1: 100.0, 2: 50.0, 3: 60.0}, {1: 50.0, 2: 25.0, 3: 10.0}
    assert maths.median(maths.ratios(above, below).values()) == 2.0
    assert maths.median(above.values()) / maths.median(below.values()) == 2.4


@pytest.mark.parametrize("taken,void", [(0.0, False), (0.05, False), (0.0501, True), (1.0, True),
                                        (None, False)])
def test_void_is_more_than_a_twentieth(taken, void):
    assert maths.is_void(taken) is void


def test_void_share_can_be_chosen():
    assert maths.is_void(0.02, 0.01)
    assert not maths.is_void(0.9, 1)


def test_reached():
    assert maths.reached(5, 5, "higher") is True
    assert maths.reached(4.9, 5, "higher") is False
    assert maths.reached(5, 5, "lower") is True
    assert maths.reached(5.1, 5, "lower") is False
    assert maths.reached(None, 5, "lower") is None
    assert maths.reached(5, None, "lower") is None


def test_spread():
    assert maths.spread([90, 100, 110]) == pytest.approx(0.2)
    assert maths.spread([1]) is None
