"""Module security: analyze_geo_asn_mapping, whose the public addresses are, by databases on this machine only."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pcapstream.geo import Database, address_class, databases, place
from pcapstream.protocols.triage import TriageSummary
from pcapstream.tools.ranked import Ranked
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import clean, count, utc

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

MOST_LOOKED_AT = 1_000
"""Addresses of each IP version, those with most bytes."""
_MAPPINGS = (
    "ip", "packets", "bytes_sent", "bytes_received", "asn", "organization", "country", "city",
)  # fmt: skip
_S = 1_000_000_000


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    opened = databases(ask.geoip_db)
    ranked = Ranked(report, report.summary(TriageSummary).tally)
    endpoints = sorted(
        (row for kind in ("ip", "ipv6") for row in ranked.endpoints(kind, 0, MOST_LOOKED_AT)),
        key=lambda row: (-(row[2] + row[4]), row[0]),
    )
    total = sum(ranked.endpoint_count(kind)[0] for kind in ("ip", "ipv6"))
    classes: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for ip, sent, bytes_sent, received, bytes_received in endpoints:
        one = classes[address_class(ip)]
        one[0] += 1
        one[1] += sent + received
        one[2] += bytes_sent + bytes_received
    public = [row for row in endpoints if address_class(row[0]) == "public"]
    mapped = [_mapped(row, opened) for row in public]
    organizations = _organizations(mapped)
    known = sum(1 for row in mapped if row[4] is not None or row[5] is not None or row[6] is not None)
    notes = ["Nothing was asked over the network."]
    if not opened:
        notes.append(
            "No database is named, so addresses have a class only: start pcapstream with --geoip-db FILE.mmdb (or set "
            "PCAPSTREAM_GEOIP_DB) for organizations and countries."
        )
    if total > len(endpoints):
        notes.append(f"Of {count(total, 'address', 'addresses')} the {len(endpoints):,} with most bytes are looked at.")
    return {
        "summary": {
            "text": f"{count(len(public), 'public address', 'public addresses')}"
            + (f", {known:,} of them known to the databases, {count(len(organizations), 'organization')}." if opened
               else "; no database is named."),
            "public_ips_analyzed": len(public),
            "unique_organizations": len(organizations),
        },
        "analysis_type": "geo_asn_mapping",
        "databases": [
            {"file": clean(one.name), "type": clean(one.kind), "built": utc(one.built_s * _S)} for one in opened
        ],
        "address_classes": {
            name: dict(zip(("addresses", "packets", "bytes"), numbers, strict=True))
            for name, numbers in sorted(classes.items(), key=lambda item: -item[1][2])
        },
        "ip_mappings": ask.rows("ip_mappings", _MAPPINGS, mapped, limit=ask["top_n"]),
        "traffic_by_organization": ask.rows(
            "traffic_by_organization", ("organization", "asn", "total_packets", "total_bytes", "ip_count"),
            organizations, limit=ask["top_n"],
        ),
        "notes": notes,
    }  # fmt: skip


def _mapped(row: tuple[str, int, int, int, int], opened: tuple[Database, ...]) -> list[Any]:
    ip, sent, bytes_sent, received, bytes_received = row
    found = place(ip, opened)
    texts = [None if text is None else clean(text) for text in (found.organization, found.country, found.city)]
    return [ip, sent + received, bytes_sent, bytes_received, found.asn, *texts]


def _organizations(mapped: list[list[Any]]) -> list[list[Any]]:
    """Most bytes first. What no database knows is left out."""
    sums: defaultdict[tuple[str | None, int | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    for _, packets, sent, received, asn, organization, *_ in mapped:
        if organization is not None or asn is not None:
            one = sums[organization, asn]
            one[0] += packets
            one[1] += sent + received
            one[2] += 1
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], str(item[0])))
    return [[organization, asn, *numbers] for (organization, asn), numbers in ranked]


GEO = ToolSpec(
    name="analyze_geo_asn_mapping",
    module="security",
    title="Whose the addresses are",
    description="Use to see whose the public addresses are: organization, AS number, country from databases on this "
    "machine (--geoip-db), traffic by organization, and what kinds of addresses occur. Asks nobody over the network.",
    view=_view,
    needs=("triage",),
    parameters=(Parameter("top_n", "integer", "Rows of each table", 20, minimum=1, maximum=1000),),
    keys=(
        Key("summary", "object", "text, public_ips_analyzed, unique_organizations", required=True),
        Key("analysis_type", "string"),
        Key("databases", "array", "file, type, built"),
        Key("address_classes", "object", "public, private, multicast ...: addresses, packets, bytes"),
        Key("ip_mappings", "object", "table: a public address, most bytes first"),
        Key("traffic_by_organization", "object", "table"),
    ),
)
