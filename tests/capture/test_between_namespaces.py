"""Real protocols between two network namespaces, recorded by a server in one of them, with tshark as the referee."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pcapstream.capture.programs import Kind
from tests.support.live import Cable, cable, children, kind, needs_capture
from tests.support.stdio import StdioServer, stdio_server
from tests.support.wireshark import capinfos, fields, frames, needs_tshark

pytestmark = [pytest.mark.anyio, pytest.mark.tshark, needs_tshark(), needs_capture()]

__all__ = ["kind"]

WEB = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"x" * int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("10.77.0.2", 8000), Handler)
print("ready", flush=True)
server.serve_forever()
"""

FETCH = """
import http.client
connection = http.client.HTTPConnection("10.77.0.2", 8000, timeout=20)
for size in ({sizes}):
    connection.request("GET", f"/{{size}}")
    assert len(connection.getresponse().read()) == size
connection.close()
"""

PING = """
import os, socket, struct
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
    raw.settimeout(10)
    for number in range(1, 6):
        head = struct.pack("!BBHHH", 8, 0, 0, 77, number) + b"pcapstream test!"
        raw.sendto(head[:2] + struct.pack("!H", checksum(head)) + head[4:], ("10.77.0.2", 0))
        while raw.recv(2048)[20] != 0:
            pass
"""

ASK = """
import socket, struct
def query(number, name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack("!2H", 1, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(10)
    for number, name in enumerate(["shop.example", "api.shop.example", "missing.example"], 1):
        udp.sendto(query(number, name), ("10.77.0.2", 53))
        assert struct.unpack("!H", udp.recv(512)[:2]) == (number,)
"""


@contextmanager
def running(ends: Cable, side: str, *command: str, ready: str = "") -> Iterator[None]:
    with subprocess.Popen(
        ends.command(side, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if ready in line:
                    break
            else:
                raise AssertionError(f"{command[0]} ended before it was ready")
            yield
        finally:
            process.kill()


def python(ends: Cable, program: str) -> None:
    ends.run(ends.near, sys.executable, "-c", textwrap.dedent(program))


async def ask(server: StdioServer, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await server.answer(server.call(tool, arguments))
    assert not answer["result"].get("isError"), answer["result"]["content"]
    found: dict[str, Any] = answer["result"]["structuredContent"]
    return found


async def recorded(ends: Cable, folder: Path, program: str, kind: Kind, **more: Any) -> dict[str, Any]:
    """Records while `program` runs on the client's side; gives answers about it, live ones of the end."""
    name = "recorded.pcap"
    flags = ("--allow-capture", "--capture-dir", str(folder), "--capture-tool", kind)
    async with stdio_server(*flags, inside=ends.command(ends.near)) as server:
        interfaces = await ask(server, "list_network_interfaces")
        started = await ask(
            server, "start_packet_capture", interface=ends.interface, output_file=name, duration=60, **more
        )
        python(ends, program)
        stopped = await ask(server, "stop_packet_capture", capture_id=started["capture_id"])
        live = started["pcap_file"]
        return {
            "interfaces": interfaces,
            "stopped": stopped,
            "capinfos": await ask(server, "analyze_capinfos", pcap_file=live),
            "tcp": await ask(server, "analyze_tcp_connections", pcap_file=live),
            "dns": await ask(server, "analyze_dns_packets", pcap_file=live),
            "triage": await ask(server, "analyze_pcap_file", pcap_file=live, analysis_type="protocols"),
            "path": folder / name,
        }


def same_as_file(found: dict[str, Any]) -> None:
    """The totals told live are those of the saved file."""
    file = capinfos(found["path"])
    assert int(file["Number of packets"]) == found["stopped"]["packets"] == found["capinfos"]["packet_count"]
    assert int(file["Data size (bytes)"]) == found["stopped"]["bytes"] == found["capinfos"]["data_size_bytes"]
    assert found["stopped"]["dropped"] == 0
    assert found["capinfos"]["coverage"]["complete"] is True


async def test_http(tmp_path: Path, kind: Kind) -> None:
    with cable() as ends, running(ends, ends.far, sys.executable, "-c", WEB, ready="ready"):
        found = await recorded(ends, tmp_path, FETCH.format(sizes="10, 1000, 300_000"), kind)

    same_as_file(found)
    assert {one["name"]: one["addresses"][:1] for one in found["interfaces"]["interfaces"]} == {
        "lo": ["127.0.0.1"],
        "veth0": ["10.77.0.1"],
    }
    assert len(frames(found["path"], "http.request")) == 3
    tcp = found["tcp"]
    assert tcp["tcp_packets_found"] == len(frames(found["path"], "tcp"))
    [streams] = {tuple(row) for row in fields(found["path"], ["tcp.stream"], "tcp.flags.syn==1 && tcp.flags.ack==0")}
    assert streams == ("0",)
    assert tcp["summary"]["total_connections"] == tcp["summary"]["successful_handshakes"] == 1


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="dnsmasq is not installed")
async def test_dns(tmp_path: Path, kind: Kind) -> None:
    server = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]
    server += ["--listen-address=10.77.0.2", "--bind-interfaces", "--pid-file=", "--log-queries"]
    server += ["--address=/shop.example/192.0.2.7", "--local=/missing.example/"]
    with cable() as ends, running(ends, ends.far, *server, ready="started"):
        found = await recorded(ends, tmp_path, ASK, kind, capture_filter="udp port 53")

    same_as_file(found)
    path = found["path"]
    assert found["stopped"]["packets"] == len(frames(path, "dns")) == 6
    statistics = found["dns"]["statistics"]
    assert statistics["queries"] == len(frames(path, "dns.flags.response == 0")) == 3
    assert statistics["responses"] == len(frames(path, "dns.flags.response == 1")) == 3
    assert len(frames(path, "dns.flags.rcode == 3")) == 1
    assert {one["code"] for one in found["dns"]["findings"]} == {"nxdomain"}
    assert sorted(statistics["unique_domains"]) == ["api.shop.example", "missing.example", "shop.example"]


async def test_icmp(tmp_path: Path, kind: Kind) -> None:
    with cable() as ends:
        found = await recorded(ends, tmp_path, PING, kind, capture_filter="icmp")

    same_as_file(found)
    assert len(frames(found["path"], "icmp.type == 8")) == len(frames(found["path"], "icmp.type == 0")) == 5
    protocols = {row[0]: row[1] for row in found["triage"]["protocols"]["rows"]}
    assert found["stopped"]["packets"] == 10
    assert any(name.split(":")[-1] == "icmp" and frames == 10 for name, frames in protocols.items())


def losing(ends: Cable, share: str) -> str | None:
    """Has the server's side lose packets; why not, where the kernel cannot."""
    command = ["tc", "qdisc", "add", "dev", ends.interface, "root", "netem", "loss", share]
    done = subprocess.run(ends.command(ends.far, *command), capture_output=True, text=True, timeout=30, check=False)
    return done.stderr.strip() if done.returncode else None


async def test_losses_of_a_bad_line_are_those_tshark_finds(tmp_path: Path) -> None:
    with cable() as ends:
        if (reason := losing(ends, "8%")) is not None:
            pytest.skip(f"the kernel has no netem: {reason}")
        with running(ends, ends.far, sys.executable, "-c", WEB, ready="ready"):
            found = await recorded(ends, tmp_path, FETCH.format(sizes="1_000_000,"), "dumpcap")

    same_as_file(found)
    table = found["tcp"]["connections"]
    [row] = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert row["retransmissions"] == len(frames(found["path"], "tcp.analysis.retransmission"))
    assert row["retransmissions"] > 0


async def test_what_the_kernel_drops_is_told(tmp_path: Path, kind: Kind) -> None:
    """The capture program is held while more comes than the kernel can keep: what is recorded and what is dropped is
    what was sent."""
    flood = """
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for _ in range(40_000):
            udp.sendto(bytes(1400), ("10.77.0.2", 9))
    """
    flags = ("--allow-capture", "--capture-dir", str(tmp_path), "--capture-tool", kind)
    with cable() as ends:
        async with stdio_server(*flags, inside=ends.command(ends.near)) as server:
            started = await ask(
                server, "start_packet_capture", interface=ends.interface, capture_filter="udp port 9", duration=60
            )
            [holder] = [pid for pid in children(server.process.pid) if children(pid)]
            [program] = children(holder)
            os.kill(program, signal.SIGSTOP)
            python(ends, flood)
            os.kill(program, signal.SIGCONT)
            # Until what the kernel kept has been read: nothing more has come for a second.
            packets, since = -1, time.monotonic()
            while time.monotonic() - since < 1 or packets == 0:
                [one] = (await ask(server, "get_capture_status"))["captures"]
                assert one["state"] == "running", one
                if one["packets"] != packets:
                    packets, since = one["packets"], time.monotonic()
            stopped = await ask(server, "stop_packet_capture", capture_id=started["capture_id"])
            shown = await ask(server, "analyze_pcap_file", pcap_file=started["pcap_file"])

    assert 0 < stopped["packets"] < 40_000
    assert stopped["dropped"] == 40_000 - stopped["packets"]
    assert f"{stopped['dropped']:,} dropped by the kernel" in stopped["summary"]
    if kind == "dumpcap":
        assert "capture_drops" in {one["code"] for one in shown["findings"]}


async def test_an_interface_that_goes_away_ends_its_capture(tmp_path: Path, kind: Kind) -> None:
    flags = ("--allow-capture", "--capture-dir", str(tmp_path), "--capture-tool", kind)
    with cable() as ends:
        async with stdio_server(*flags, inside=ends.command(ends.near)) as server:
            started = await ask(server, "start_packet_capture", interface=ends.interface, capture_filter="icmp")
            python(ends, PING)
            status = await ask(server, "get_capture_status")
            while (one := status["captures"][0])["packets"] < 10:
                assert one["state"] == "running", one
                status = await ask(server, "get_capture_status")
            ends.run(ends.near, "ip", "link", "del", ends.interface)
            status = await ask(server, "get_capture_status")
            while status["active_captures"]:
                status = await ask(server, "get_capture_status")
            shown = await ask(server, "analyze_capinfos", pcap_file=started["pcap_file"])

    [one] = status["captures"]
    assert one["state"] == "failed"
    assert one["packets"] == shown["packet_count"] == 10


async def test_vlan_tags_are_recorded(tmp_path: Path, kind: Kind) -> None:
    """The kernel keeps them beside the packet: who captures has to put them back."""
    program = """
    import socket
    frame = bytes.fromhex("ffffffffffff020000000001" "8100" "0065" "88b5") + b"tagged frame of the test" * 3
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("veth0", 0))
        for _ in range(4):
            raw.send(frame)
    """
    with cable() as ends:
        found = await recorded(ends, tmp_path, program, kind, capture_filter="vlan 101")

    same_as_file(found)
    assert fields(found["path"], ["vlan.id", "frame.len"]) == [["101", "90"]] * 4
