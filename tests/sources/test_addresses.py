"""Which addresses are public. The expected answers are those of the IANA special-purpose registries and the RFCs named
in the table, not of any library."""

from __future__ import annotations

import socket

import pytest

from pcapstream.sources.http_address import is_own, is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:829::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]

NOT_PUBLIC = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "this network"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier-grade NAT"),
    ("100.100.100.200", "cloud metadata"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud service of the machine's own host"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "cloud metadata"),
    ("169.254.170.2", "container credentials"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "cloud metadata"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.1", "private"),
    ("198.18.0.1", "benchmark"),
    ("198.19.255.255", "benchmark"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible loopback"),
    ("::8.8.8.8", "IPv4-compatible, withdrawn"),
    ("::ffff:127.0.0.1", "mapped loopback"),
    ("::ffff:10.0.0.1", "mapped private"),
    ("::ffff:169.254.169.254", "mapped metadata"),
    ("::ffff:0:127.0.0.1", "translated loopback"),
    ("64:ff9b::10.0.0.1", "NAT64 of private"),
    ("64:ff9b::169.254.169.254", "NAT64 of metadata"),
    ("64:ff9b:1::1", "NAT64 of local use"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:0:7f00:1::", "Teredo"),
    ("2001:10::1", "ORCHID"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::1", "6to4 of loopback"),
    ("2002:a9fe:a9fe::1", "6to4 of metadata"),
    ("2002:c0a8:1::1", "6to4 of private"),
    ("2a00:1450::5efe:10.0.0.1", "ISATAP of private"),
    ("2a00:1450::200:5efe:192.168.1.1", "ISATAP of private"),
    ("3fff::1", "documentation"),
    ("4000::1", "unassigned"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "cloud metadata"),
    ("fd20:ce::254", "cloud metadata"),
    ("fe80::1", "link-local"),
    ("fe80::1%1", "link-local with a zone"),
    ("2a00:1450:4001:829::200e%eth0", "with a zone"),
    ("fec0::1", "site-local, withdrawn"),
    ("ff02::1", "multicast"),
    ("", "nothing"),
    ("localhost", "no number"),
    ("127.1", "no plain number"),
    ("0177.0.0.1", "no plain number"),
    ("2130706433", "no plain number"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("address", "why"), NOT_PUBLIC, ids=[f"{a or 'empty'} {w}" for a, w in NOT_PUBLIC])
def test_address_of_an_inside_is_not_public(address: str, why: str) -> None:
    assert not is_public(address), why


def test_an_address_of_this_machine_is_its_own() -> None:
    assert is_own(socket.AF_INET, "127.0.0.1")
    # TEST-NET-1 is nobody's, so not ours either.
    assert not is_own(socket.AF_INET, "192.0.2.77")


def test_an_address_without_a_route_is_not_its_own() -> None:
    assert not is_own(socket.AF_INET, "255.255.255.255")
