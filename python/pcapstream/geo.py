"""What addresses are, and where they belong by databases on this machine. Nothing is ever asked over the network.

Databases are files in MaxMind's format (GeoLite2, GeoIP2, DB-IP, IPinfo and others) that the user names; reading them
takes the package maxminddb, which is imported when a database is opened.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pcapstream.errors import QueryError, shown

MAX_TEXT = 200


class Place(NamedTuple):
    """What databases say of an address; None: nothing."""

    asn: int | None = None
    organization: str | None = None
    country: str | None = None
    city: str | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """One open file."""

    name: str
    """Of the file, without its folder."""
    kind: str
    """What it calls itself, for instance GeoLite2-ASN."""
    built_s: int
    """Seconds since 1970."""
    reader: Any

    def get(self, address: str) -> Mapping[str, Any]:
        """Its record; empty for none and for an address of a kind it does not hold."""
        import maxminddb

        try:
            found = self.reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return {}
        return found if isinstance(found, Mapping) else {}


def databases(paths: Sequence[str]) -> tuple[Database, ...]:
    """Opened, in that order; the same files are opened once. Raises QueryError."""
    return tuple(_open(path, _stamp(path)) for path in paths)


def _stamp(path: str) -> tuple[int, int]:
    try:
        state = Path(path).stat()
    except OSError:
        return 0, 0
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=16)
def _open(path: str, stamp: tuple[int, int]) -> Database:
    try:
        import maxminddb
    except ImportError:
        raise QueryError(
            "bad_parameter",
            "a geographic database is named, and the package that reads it is not installed",
            "Install it with: pip install 'pcapstream[geoip]'",
        ) from None
    name = Path(path).name
    try:
        reader = maxminddb.open_database(path)
        about = reader.metadata()
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):
        raise QueryError(
            "bad_parameter",
            f"{shown(name)} is no database in MaxMind's format that can be read",
            "Give --geoip-db the path of an .mmdb file",
        ) from None
    return Database(name, str(about.database_type)[:MAX_TEXT], int(about.build_epoch), reader)


def place(address: str, opened: Sequence[Database]) -> Place:
    """What the databases say together; the first that knows something of a kind counts."""
    found: dict[str, Any] = {}
    for database in opened:
        for key, value in _facts(database.get(address)).items():
            if value is not None:
                found.setdefault(key, value)
    return Place(**found)


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """From the records of MaxMind and DB-IP (nested) and of IPinfo (flat)."""
    number = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(number, str) and number.upper().startswith("AS"):
        number = number[2:]
    country = record.get("country", record.get("registered_country"))
    if isinstance(country, Mapping):
        country = country.get("iso_code")
    return {
        "asn": int(number) if isinstance(number, int) or (isinstance(number, str) and number.isdecimal()) else None,
        "organization": _text(
            record.get("autonomous_system_organization") or record.get("as_name") or record.get("name")
        ),
        "country": _text(record.get("country_code") or country),
        "city": _text(_name(record.get("city"))),
    }


def _name(value: object) -> object:
    """A name, or names by language."""
    if isinstance(value, Mapping):
        names = value.get("names")
        return names.get("en") if isinstance(names, Mapping) else None
    return value


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


_SHARED = ipaddress.ip_network("100.64.0.0/10")
_DOCUMENTATION = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")
_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_BROADCAST = ipaddress.ip_address("255.255.255.255")


_SOON = {
    "10.": "private", "192.168.": "private", "192.0.2.": "documentation", "198.51.100.": "documentation",
    "203.0.113.": "documentation", "2001:db8:": "documentation",
}  # fmt: skip
"""Classes that the beginning of an address tells."""
_SPECIAL = frozenset({0, 10, 100, 127, 169, 172, 192, 198, 203})
"""First octets below 224 under which not every address is public."""


@lru_cache(maxsize=65_536)
def address_class(text: str) -> str:
    """public, private, shared (carrier NAT), link_local, loopback, multicast, broadcast, documentation, unspecified or
    reserved, by the registries of special addresses (RFC 6890)."""
    return _class_soon(text) or class_by_registry(text)


def _class_soon(text: str) -> str | None:
    """Of addresses as the core writes them, most classes: the registries take several times as long to ask."""
    for length in (3, 8, 9, 10, 11):
        if (found := _SOON.get(text[:length])) is not None:
            return found
    octet, dot, _ = text.partition(".")
    return "public" if dot and octet.isdigit() and 0 < int(octet) < 224 and int(octet) not in _SPECIAL else None


def class_by_registry(text: str) -> str:
    """The same, slowly."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "reserved"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    tests = (
        ("broadcast", address == _BROADCAST),
        ("multicast", address.is_multicast),
        ("unspecified", address.is_unspecified),
        ("loopback", address.is_loopback),
        ("link_local", address.is_link_local),
        ("shared", address in _SHARED),
        ("documentation", any(address in net for net in _DOCUMENTATION)),
        ("private", address in _UNIQUE_LOCAL or any(address in net for net in _PRIVATE)),
        ("public", address.is_global),
    )
    return next((name for name, holds in tests if holds), "reserved")
