"""Estimated quality of a voice stream: the E-model of ITU-T G.107, simplified to what a capture tells.

    R = 93.2 - Id - Ie_eff                                   93.2: G.107's defaults for everything else (noise, levels)
    Id = 0.024 Ta + 0.11 (Ta - 177.3) for Ta > 177.3 ms      the usual fit of G.107's delay impairment (echo-free)
    Ie_eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl)       G.107 (7-29); Ie and Bpl from G.113 Appendix I
    MOS = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6            G.107 Annex B, R clipped to 0..100

Assumptions, none of which a capture can prove: the receiver conceals lost packets; it buffers twice the mean jitter;
echo is cancelled; the network delay is half the round trip that RTCP shows, and 0 where it shows none, so that without
RTCP the estimate is an upper bound. Only codecs with published Ie and Bpl get an estimate; the narrowband model does
not hold for wideband codecs.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMULA = "ITU-T G.107 E-model, simplified"

BASE_R = 93.2


@dataclass(frozen=True, slots=True)
class Codec:
    """Equipment impairment and robustness against loss (ITU-T G.113 Appendix I), look-ahead of the encoder."""

    impairment: float
    robustness: float
    lookahead_ms: float = 0.0


CODECS = {
    "PCMU": Codec(0.0, 25.1),
    "PCMA": Codec(0.0, 25.1),
    "G729": Codec(11.0, 19.0, 5.0),
    "G723": Codec(15.0, 16.1, 7.5),
    "GSM-EFR": Codec(5.0, 10.0),
    "AMR": Codec(5.0, 10.0, 5.0),
}
"""By RFC 3551's encoding name. AMR at 12.2 kbit/s, its usual rate, is GSM-EFR; G.711 with concealment (Appendix I)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    r_factor: float
    mos: float
    delay_ms: float
    """One-way delay assumed: packet, look-ahead, jitter buffer, network where RTCP shows it."""
    network_known: bool


def estimate(
    codec: str,
    *,
    loss_share: float,
    burst_ratio: float = 1.0,
    jitter_ms: float = 0.0,
    packet_ms: float = 20.0,
    round_trip_ms: float | None = None,
) -> Estimate | None:
    """None for a codec without published factors.

    loss_share: 0 to 1. burst_ratio: mean length of the losses over that of random losses at the same rate (G.107),
    at least 1.
    """
    known = CODECS.get(codec.upper())
    if known is None:
        return None
    delay = packet_ms + known.lookahead_ms + 2 * jitter_ms + (round_trip_ms or 0.0) / 2
    loss = 100 * min(max(loss_share, 0.0), 1.0)
    equipment = known.impairment + (95 - known.impairment) * loss / (loss / max(burst_ratio, 1.0) + known.robustness)
    impaired = 0.024 * delay + (0.11 * (delay - 177.3) if delay > 177.3 else 0.0)
    r = min(max(BASE_R - impaired - equipment, 0.0), 100.0)
    mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
    return Estimate(round(r, 1), round(min(max(mos, 1.0), 4.5), 2), round(delay, 1), round_trip_ms is not None)


def burst_ratio(lost: int, gaps: int, loss_share: float) -> float:
    """Mean length of the gaps, over the 1 / (1 - loss) of random loss; at least 1."""
    if lost <= 0 or gaps <= 0:
        return 1.0
    return max(1.0, lost / gaps * (1 - loss_share))
