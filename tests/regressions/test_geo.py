"""analyze_geo_asn_mapping: classes of addresses, and what databases written for the test say of them."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("maxminddb")

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pcapstream import geo
from pcapstream.cli import main
from pcapstream.errors import QueryError
from pcapstream.geo import address_class, class_by_registry
from tests.support.ask import ask, rows
from tests.support.pcap import Frame, pcap, udp

CAPTURE = [
    *[("10.0.0.1", "8.8.4.4")] * 3, *[("10.0.0.1", "9.9.9.9")] * 2, ("2620:fe::fe", "2001:db8::1"),
    ("10.0.0.1", "224.0.0.251"), ("172.32.0.1", "10.0.0.1"), ("172.16.0.1", "100.64.0.1"), ("169.254.1.1", "10.0.0.1"),
]  # fmt: skip


def written(path: Path, kind: str, records: dict[str, dict[str, Any]]) -> str:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind, description="made for a test")
    for net, record in records.items():
        writer.insert_network(IPSet([net]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.fixture
def asn(tmp_path: Path) -> str:
    return written(
        tmp_path / "asn.mmdb",
        "Test-ASN",
        {
            "8.8.4.0/24": {"autonomous_system_number": 64_500, "autonomous_system_organization": "First \x1b[31mOrg"},
            "9.9.9.0/24": {"asn": "AS64501", "as_name": "Second Org", "country_code": "CH"},
            "2620:fe::/48": {"autonomous_system_number": 64_501, "autonomous_system_organization": "Second Org"},
            "10.0.0.0/8": {"autonomous_system_number": 1, "autonomous_system_organization": "Nobody"},
        },
    )


@pytest.fixture
def city(tmp_path: Path) -> str:
    record = {"country": {"iso_code": "US"}, "city": {"names": {"en": "Springfield", "de": "Springfeld"}}}
    return written(tmp_path / "city.mmdb", "Test-City", {"8.8.4.4/32": record})


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap([Frame(n, udp(a, 1000, b, 53, b"x" * 10)) for n, (a, b) in enumerate(CAPTURE)]))
    return path


def test_databases_tell_whose_addresses_are(capture: Path, asn: str, city: str) -> None:
    result = ask("analyze_geo_asn_mapping", capture, geoip_db=(asn, city))

    found = {row["ip"]: row for row in rows(result["ip_mappings"])}
    # 172.32.0.1 is public, though 172.16.0.0/12 is not; groups, carrier NAT and link-local addresses are no one's.
    assert set(found) == {"8.8.4.4", "9.9.9.9", "2620:fe::fe", "172.32.0.1"}
    first = found["8.8.4.4"]
    assert (first["asn"], first["organization"], first["country"], first["city"]) == (
        64_500,
        "First \\x1b[31mOrg",
        "US",
        "Springfield",
    )
    assert (first["packets"], first["bytes_received"], first["bytes_sent"]) == (3, 3 * 52, 0)
    assert (found["9.9.9.9"]["asn"], found["9.9.9.9"]["country"]) == (64_501, "CH")
    assert found["172.32.0.1"]["organization"] is None
    assert result["traffic_by_organization"]["rows"] == [
        ["Second Org", 64_501, 3, 2 * 52 + 72, 2],
        ["First \\x1b[31mOrg", 64_500, 3, 3 * 52, 1],
    ]
    assert result["summary"]["public_ips_analyzed"] == 4
    assert result["summary"]["unique_organizations"] == 2
    assert [one["type"] for one in result["databases"]] == ["Test-ASN", "Test-City"]
    assert "No database" not in " ".join(result["notes"])


def test_without_a_database_there_are_classes_and_a_hint(capture: Path) -> None:
    result = ask("analyze_geo_asn_mapping", capture)

    assert {name: one["addresses"] for name, one in result["address_classes"].items()} == {
        "private": 2, "public": 4, "multicast": 1, "shared": 1, "link_local": 1, "documentation": 1,
    }  # fmt: skip
    assert any("--geoip-db" in note for note in result["notes"])
    assert result["summary"]["text"] == "4 public addresses; no database is named."


def test_top_n_limits_the_rows(capture: Path) -> None:
    result = ask("analyze_geo_asn_mapping", capture, top_n=1)

    assert (len(result["ip_mappings"]["rows"]), result["ip_mappings"]["total"]) == (1, 4)
    assert result["ip_mappings"]["next_cursor"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("172.15.255.255", "public"), ("172.16.0.0", "private"), ("172.31.255.255", "private"),
        ("100.64.0.1", "shared"), ("100.128.0.1", "public"), ("169.254.0.1", "link_local"), ("fe80::1", "link_local"),
        ("224.0.0.251", "multicast"), ("ff02::1", "multicast"), ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"), ("0.0.0.0", "unspecified"), ("127.0.0.9", "loopback"), ("::1", "loopback"),
        ("198.51.100.7", "documentation"), ("2001:db8::1", "documentation"), ("fd00::1", "private"),
        ("2606:4700::1111", "public"), ("::ffff:10.0.0.1", "private"), ("", "reserved"),
    ],
)  # fmt: skip
def test_classes_of_addresses(address: str, expected: str) -> None:
    assert address_class(address) == expected


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, capture: Path) -> None:
    bad = tmp_path / "bad.mmdb"
    bad.write_bytes(b"nothing of the kind" * 100)

    for path in (bad, tmp_path / "missing.mmdb"):
        with pytest.raises(QueryError, match="no database in MaxMind's format"):
            geo.databases([str(path)])


def test_without_the_package_the_message_says_what_to_install(asn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    geo._open.cache_clear()
    monkeypatch.setitem(sys.modules, "maxminddb", None)

    with pytest.raises(QueryError) as caught:
        geo.databases([asn])

    assert "pcapstream[geoip]" in str(caught.value.next_step)
    geo._open.cache_clear()


def test_flag_and_variable_name_databases(
    capture: Path, asn: str, city: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "analyze_geo_asn_mapping", str(capture), "--geoip-db", asn]) == 0
    assert '"Test-ASN"' in capsys.readouterr().out
    monkeypatch.setenv("PCAPSTREAM_GEOIP_DB", city)
    assert main(["call", "analyze_geo_asn_mapping", str(capture)]) == 0
    assert '"Test-City"' in capsys.readouterr().out


def test_classes_told_by_the_beginning_are_those_of_the_registries() -> None:
    seed = random.Random(1)
    addresses = [f"{first}.{seed.randrange(256)}.{seed.randrange(256)}.{seed.randrange(256)}" for first in range(256)]
    addresses += [f"{front}{seed.randrange(256)}" for front in ("192.168.0.", "192.0.2.", "198.51.100.", "203.0.113.")]
    addresses += ["10.0.0.0", "10.255.255.255", "2001:db8::1", "2001:db8:ffff::", "2001:db80::1", "2606:4700::1", "1::"]
    for address in addresses:
        assert address_class(address) == class_by_registry(address), address
