"""TLS questions that other tools answered wrongly; what Wireshark counts is in tls_captures.py."""

from __future__ import annotations

from pathlib import Path

from tests.regressions import tls_captures as captures
from tests.support.ask import ask, rows
from tests.support.talk import write


def test_post_quantum_groups_are_seen_by_the_numbers_they_have(tmp_path: Path) -> None:
    """Group 4588 is X25519MLKEM768; another tool compared 17800 with hexadecimal text."""
    path = captures.post_quantum(tmp_path / "capture.pcap")
    handshakes = ask("analyze_tls_handshakes", path)
    ciphers = ask("extract_tls_cipher_analysis", path)

    assert handshakes["pqc_detected"] is True
    assert [row["pqc_key_exchange"] for row in rows(handshakes["handshake_data"])] == [True, False, False]
    assert ciphers["pqc_negotiated_connections"] == 1
    assert ciphers["pqc_offered_connections"] == 2
    assert ciphers["negotiated_groups"] == {"x25519": 2, "X25519MLKEM768": 1}
    assert [row["pqc_algorithm"] for row in rows(ciphers["cipher_data"])] == ["X25519MLKEM768", None, None]
    assert [row["pqc_offered"] for row in rows(ciphers["cipher_data"])] == [True, True, False]


def test_what_was_offered_and_what_was_chosen_are_apart(tmp_path: Path) -> None:
    """And IPv6 addresses are there; the hello came in two records and three segments."""
    path = captures.ciphers(tmp_path / "capture.pcap")
    (row,) = rows(ask("extract_tls_cipher_analysis", path)["cipher_data"])

    assert (row["src"], row["dst"], row["sni"]) == ("2001:db8::1", "2001:db8::2", "v6.example")
    assert row["cipher_suite"] == [
        "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
    ]
    assert row["negotiated_cipher"] == "TLS_RSA_WITH_AES_128_CBC_SHA"
    assert row["forward_secrecy"] is False

    (handshake,) = rows(ask("analyze_tls_handshakes", path)["handshake_data"])
    assert (handshake["outcome"], handshake["last_step"]) == ("reset", "server_hello_done")
    assert handshake["ended_by"] == "client"


def test_alerts_are_those_in_the_clear_with_names_and_sender(tmp_path: Path) -> None:
    result = ask("analyze_tls_alerts", captures.alerts(tmp_path / "capture.pcap"))
    listed = [(row["from"], row["level"], row["description"], row["sni"]) for row in rows(result["alert_data"])]

    # The connections go on side by side: the server's comes first.
    assert listed == [
        ("server", "warning", "unrecognized_name", "nobody.example"),
        ("client", "fatal", "unknown_ca", "shop.example"),
    ]
    assert [row["from"] for row in rows(result["encrypted_alerts"])] == ["client", "server"]
    assert result["statistics"]["fatal"] == 1
    (found,) = result["findings"]
    assert found["code"] == "fatal_alerts"

    outcomes = ask("analyze_tls_handshakes", tmp_path / "capture.pcap")["statistics"]["outcomes"]
    assert (outcomes["alert"], outcomes["completed"]) == (1, 1)


def test_certificates_have_their_fields(tmp_path: Path) -> None:
    path = captures.certificates(tmp_path / "capture.pcap")
    result = ask("extract_certificate_details", path)
    shop, authority, expired = rows(result["certificate_data"])

    assert shop["subject"] == "CN=shop.example"
    assert shop["issuer"] == authority["subject"] == "CN=Example CA"
    assert shop["serial"] == "2a"
    assert (shop["not_before"], shop["not_after"]) == ("2023-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z")
    assert shop["valid_at_capture"] == "valid"
    assert shop["dns_names"] == ["*.shop.example", "shop.example"]
    assert shop["ip_addresses"] == ["192.0.2.7"]
    assert shop["sha256"] == "5a16a3620ecbc7eb4c3001055327bbc603ad0b03b1122ea44a00637d73f48ad7"
    assert (shop["key"], shop["signature"]) == ("Ed25519", "Ed25519")
    assert (shop["count"], shop["self_signed"], authority["self_signed"]) == (3, False, True)
    assert (authority["place_in_chain"], authority["count"]) == (1, 2)
    assert (expired["valid_at_capture"], expired["self_signed"]) == ("expired", True)
    assert {found["code"]: found["count"] for found in result["findings"]} == {
        "expired_certificate": 1,
        "name_mismatch": 1,
        "self_signed_certificate": 1,
    }


def test_server_names_are_compared_with_certificates(tmp_path: Path) -> None:
    path = captures.certificates(tmp_path / "capture.pcap")
    result = ask("analyze_sni_mismatches", path)
    (row,) = rows(result["sni_data"])

    assert row["sni"] == "a.b.shop.example"
    assert row["certificate_names"] == ["*.shop.example", "shop.example", "192.0.2.7"]
    assert result["statistics"]["name_mismatches"] == 1
    assert result["findings"][0]["frames"] == [row["frame"]]


def test_a_truncated_capture_is_read_to_its_end(tmp_path: Path) -> None:
    whole = captures.certificates(tmp_path / "whole.pcap").read_bytes()
    path = tmp_path / "cut.pcap"
    path.write_bytes(whole[: len(whole) - 40])

    assert ask("extract_certificate_details", path)["statistics"]["distinct_certificates"] == 3


def test_handshake_times_stand_beside_those_of_tcp(tmp_path: Path) -> None:
    """A packet every 10 ms: hello to the server's Finished is 30 ms. By server, those begun and those completed."""
    talks = [captures.connection(40_000 + i) for i in range(2)] + [captures.connection(40_002, server="203.0.113.9")]
    for talk in talks:
        captures.tls12(talk, "shop.example", captures.SHOP)
    stalled = captures.connection(40_003, server="203.0.113.9")
    stalled.client(captures.record(captures.HANDSHAKE, captures.client_hello("shop.example")), flags="PA")
    path = write(tmp_path / "capture.pcap", *talks, stalled)

    latency = ask("analyze_network_latency", path)
    lifecycle = ask("analyze_connection_lifecycle", path)

    expected = {"samples": 3, "min": 30.0, "mean": 30.0, "median": 30.0, "p95": 30.0, "max": 30.0, "max_frame": 13}
    assert latency["summary"]["tls_handshake_ms"] == expected
    assert lifecycle["summary"]["tls_handshake_ms"]["handshake"] == expected
    assert lifecycle["summary"]["tls_handshake_ms"]["hello_to_hello"]["median"] == 10.0
    found = [
        (row["server"].rpartition(":")[0], row["requests"], row["responses"], row["median_ms"])
        for row in rows(latency["by_protocol"])
        if row["protocol"] == "tls"
    ]
    assert sorted(found) == sorted([(talks[0].ends[1][0], 2, 2, 30.0), ("203.0.113.9", 2, 1, 30.0)])
