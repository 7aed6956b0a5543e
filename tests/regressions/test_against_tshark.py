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

    counted = {where: len(wireshark.frames(path, where)) for where in made.counts}
    streams = {row[0] for row in wireshark.fields(path, ["tcp.stream"], "tcp.stream")}

    assert counted == made.counts
    assert len(streams) == made.streams
