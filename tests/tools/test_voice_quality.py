"""The E-model, against values of ITU-T G.107 and G.113."""

from __future__ import annotations

import pytest

from pcapstream.tools.voice_quality import BASE_R, burst_ratio, estimate


def test_no_impairment_at_all_is_the_r_of_the_recommendation() -> None:
    found = estimate("PCMU", loss_share=0, packet_ms=0)
    assert found is not None
    # G.107 Annex B: R 93.2 is MOS 4.41.
    assert (found.r_factor, found.mos, found.network_known) == (BASE_R, 4.41, False)


@pytest.mark.parametrize(
    ("r", "mos"),
    # Table B.1 of G.107: R 90, 80, 70, 60 and 50 are MOS 4.34, 4.03, 3.60, 3.10 and 2.58.
    [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)],
)
def test_mos_of_r(r: float, mos: float) -> None:
    # Loss of G.711 that brings R from 93.2 down to r: Ie_eff = 95 P / (P + 25.1) = 93.2 - r.
    equipment = BASE_R - r
    share = 25.1 * equipment / (95 - equipment) / 100
    found = estimate("pcma", loss_share=share, packet_ms=0)
    assert found is not None
    assert found.r_factor == pytest.approx(r, abs=0.05)
    assert found.mos == pytest.approx(mos, abs=0.011)


def test_delay_beyond_177_ms_weighs_more() -> None:
    near, far = (estimate("PCMU", loss_share=0, packet_ms=20, round_trip_ms=trip) for trip in (200, 600))
    assert near is not None
    assert far is not None
    assert near.r_factor == pytest.approx(93.2 - 0.024 * 120, abs=0.05)
    assert far.r_factor == pytest.approx(93.2 - 0.024 * 320 - 0.11 * (320 - 177.3), abs=0.05)
    assert (far.delay_ms, far.network_known) == (320, True)


def test_other_codecs_have_their_own_impairment_or_no_estimate() -> None:
    g729 = estimate("G729", loss_share=0, packet_ms=0)
    assert g729 is not None
    assert g729.r_factor == pytest.approx(93.2 - 11 - 0.024 * 5, abs=0.05)
    assert estimate("opus", loss_share=0) is None


def test_loss_in_bursts_is_worse_than_random_loss() -> None:
    assert burst_ratio(10, 10, 0.1) == 1.0
    assert burst_ratio(30, 10, 0.1) == pytest.approx(2.7)
    single = estimate("PCMU", loss_share=0.1)
    burst = estimate("PCMU", loss_share=0.1, burst_ratio=2.7)
    assert single is not None
    assert burst is not None
    assert burst.r_factor < single.r_factor


def test_everything_lost_is_the_worst_there_is() -> None:
    found = estimate("PCMU", loss_share=1.0, jitter_ms=1e6, round_trip_ms=60_000)
    assert found is not None
    assert (found.r_factor, found.mos) == (0.0, 1.0)
