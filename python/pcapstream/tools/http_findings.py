"""Findings about HTTP: errors, slow responses, passwords in the clear, broken messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcapstream.tools.finding import Severity, by_weight, finding
from pcapstream.tools.text import count, percent, ratio

SERVER_ERROR_SHARE = 0.05
"""Of the responses; from there on 5xx are severe."""
CLIENT_ERROR_SHARE = 0.2
"""Of the responses; less is ordinary for the web."""
LEAST_RESPONSES = 20
"""Shares of fewer responses say little."""


def findings(counts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of HTTP/1 and HTTP/2, the heaviest first. Empty where nothing was counted."""
    found: list[dict[str, Any]] = []
    if "http" in counts:
        found += _http1(counts["http"])
    if "http2" in counts:
        found += _http2(counts["http2"])
    return by_weight(found)


def _http1(http: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    responses = http["responses"]

    def add(evidence: Mapping[str, Any], code: str, severity: Severity, text: str, where: str) -> None:
        if evidence["count"]:
            found.append(
                finding(code, severity, text, count=evidence["count"], frames=evidence["frames"], filter=where)
            )

    def of_all(key: str) -> str:
        number = http[key]["count"]
        return f"{count(number, 'response')} of {responses:,} ({percent(ratio(number, responses))})"

    failed, refused = http["server_errors"], http["client_errors"]
    many = responses >= LEAST_RESPONSES and failed["count"] > SERVER_ERROR_SHARE * responses
    add(
        failed, "server_errors", "severe" if many else "warning",
        f"{of_all('server_errors')} said that the server failed (status 5xx).", "http.response.code >= 500",
    )  # fmt: skip
    many = responses >= LEAST_RESPONSES and refused["count"] > CLIENT_ERROR_SHARE * responses
    add(
        refused, "client_errors", "warning" if many else "info",
        f"{of_all('client_errors')} said that the request was wrong (status 4xx).",
        "http.response.code >= 400 && http.response.code < 500",
    )  # fmt: skip
    add(
        http["slow"], "slow_responses", "warning",
        f"{count(http['slow']['count'], 'response')} began more than 1 s after the end of the request.",
        "http.time > 1",
    )  # fmt: skip
    unanswered = {"count": http["unanswered"], "frames": http["unanswered_frames"]}
    add(
        unanswered, "unanswered_requests", "warning",
        f"{count(unanswered['count'], 'request')} got no response in this capture.",
        "http.request && !http.response_in",
    )  # fmt: skip
    plain = http["plain_logins"]
    add(
        plain, "passwords_in_the_clear", "severe",
        f"{count(plain['count'], 'request')} carried a password in the clear (Basic authentication or a form). The "
        "passwords are not kept.",
        'http.authorization matches "(?i)^basic" || (http.request.method == "POST" && urlencoded-form)',
    )  # fmt: skip
    add(
        http["bad_chunks"], "bad_chunks", "warning",
        f"{count(http['bad_chunks']['count'], 'chunked body', 'chunked bodies')} with a chunk size that is no number.",
        'http.transfer_encoding contains "chunked"',
    )  # fmt: skip
    add(
        http["tunnels"], "proxy_tunnels", "info",
        f"{count(http['tunnels']['count'], 'request')} asked a proxy for a tunnel (CONNECT).",
        'http.request.method == "CONNECT"',
    )  # fmt: skip
    return found


def _http2(http2: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for key, code, severity, text, where in (
        ("server_errors", "http2_server_errors", "warning", "HTTP/2 responses with status 5xx",
         "http2.headers.status >= 500"),
        ("client_errors", "http2_client_errors", "info", "HTTP/2 responses with status 4xx",
         "http2.headers.status >= 400 && http2.headers.status < 500"),
        ("reset_streams", "http2_reset_streams", "info", "HTTP/2 streams reset", "http2.type == 3"),
        ("goaway", "http2_goaway", "info", "HTTP/2 connections given up (GOAWAY)", "http2.type == 7"),
    ):  # fmt: skip
        evidence = http2[key]
        if evidence["count"]:
            weight: Severity = "warning" if severity == "warning" else "info"
            found.append(
                finding(
                    code,
                    weight,
                    f"{text}: {evidence['count']:,}.",
                    count=evidence["count"],
                    frames=evidence["frames"],
                    filter=where,
                )
            )
    return found
