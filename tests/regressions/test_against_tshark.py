"""The constants of the regression captures are tshark's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.regressions.captures import MADE, Made
from tests.regressions.dhcp_captures import DHCP_MADE
from tests.regressions.diagnosis_captures import DIAGNOSIS_MADE
from tests.regressions.dns_captures import DNS_MADE
from tests.regressions.http_captures import HTTP_MADE
from tests.regressions.icmp_captures import ICMP_MADE
from tests.regressions.sip_captures import SIP_MADE
from tests.regressions.tls_captures import TLS_MADE
from tests.support import wireshark

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]


ALL = [*MADE, *DNS_MADE, *SIP_MADE, *DHCP_MADE, *ICMP_MADE, *HTTP_MADE, *DIAGNOSIS_MADE, *TLS_MADE]


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.make.__name__)
def test_tshark_counts_what_the_regression_tests_expect(made: Made, tmp_path: Path) -> None:
    path = made.make(tmp_path / "capture.pcap")

    streams = [f"tcp.stream == {number}" for number in range(made.streams)]
    beyond = f"tcp.stream >= {made.streams}"
    found = wireshark.frames_of(path, [*made.counts, *streams, beyond])

    assert {where: len(found[where]) for where in made.counts} == made.counts
    assert all(found[where] for where in streams)
    assert found[beyond] == []
