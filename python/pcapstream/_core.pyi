"""The Rust core: one pass over one capture. Bytes in, batches and snapshots out. No I/O here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self, final, overload

from typing_extensions import Buffer

from pcapstream.model import CaptureFacts

__version__: str

class FormatError(Exception):
    """The bytes are no capture. args: (code, message); code is "unknown_format", "unsupported_version",
    "compression_bomb", "corrupt_compression" or "unsupported_link_type_field"."""

class FilterError(Exception):
    """A display filter or field name that is refused. args: (code, position, message, hint or None); position is a byte
    offset; code is "syntax", "unknown_field", "not_decoded", "look_ahead", "type", "value" or "too_complex"."""

def check_filter(text: str) -> list[str]:
    """The fields a display filter looks at. Raises FilterError."""

def find_bytes(pattern: str, data: bytes) -> tuple[int, int] | None:
    """(start, end) of the first match of a regular expression, read as `matches` reads it; None without one."""

def check_fields(names: Sequence[str]) -> None:
    """Raises FilterError for a name that is no field, or one that looks ahead."""

def list_fields(prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(name, label, type, mark) of the fields whose names begin with prefix, by name. mark: "", "stateful" (needs the
    frames before its own), "look_ahead" (needs later frames: refused in filters and columns)."""

@final
class Decoder:
    """One pass. Not thread-safe: one thread at a time. `feed` and `finish` release the GIL.

    capinfos is always on. tcp: connection table and TCP analysis. tally: protocol hierarchy, conversations,
    endpoints, time buckets, names. packets/connections: put header structs of every packet / every connection that
    ended into the batches (costs about 1 us of Python each). max_packets: stop after that many. resync: look for
    further records behind damage. limits: named limits (see `default_limits`). apps: application protocols to decode,
    by Wireshark's filter name; app_ports: further ports for them, (protocol, port).

    display_filter, frames: the frames the pass is about, by a filter (FilterError) and by numbers, as ranges with both
    ends in. Everything counted is counted of these; stream numbers, TCP analysis and reassembly follow all frames.
    rows: a Row of each of them in the batches, with the fields named in columns, a summary, the frame's bytes; the
    first skip_matches are left out, and the pass is done after max_matches.
    search: (regular expression, bytes of a match in front of the segment that completes it, at most 1,024): rows are
    matches in TCP streams, of the frame that completes each; display_filter does not count.
    key_log: secrets of TLS sessions (NSS format) beside those that the capture brings.
    """

    def __new__(
        cls,
        *,
        tcp: bool = True,
        tally: bool = True,
        packets: bool = False,
        connections: bool = False,
        max_packets: int | None = None,
        resync: bool = True,
        limits: dict[str, int] | None = None,
        apps: Sequence[str] = ...,
        app_ports: Sequence[tuple[str, int]] = ...,
        display_filter: str = "",
        frames: Sequence[tuple[int, int]] | None = None,
        rows: bool = False,
        columns: Sequence[str] = ...,
        summaries: bool = False,
        row_bytes: bool = False,
        skip_matches: int = 0,
        max_matches: int | None = None,
        search: tuple[str, int] | None = None,
        key_log: bytes | None = None,
    ) -> Self: ...
    def feed(self, data: Buffer) -> Batch:
        """Any chunk of the file, in order; also empty. Raises FormatError when the first bytes are no capture."""
    def finish(self) -> Batch:
        """End of input. Raises FormatError for an input too short to be a capture."""
    @property
    def done(self) -> bool:
        """True once max_packets are read or max_matches frames have passed: further input is ignored."""
    @property
    def packets(self) -> int: ...
    @property
    def wire_bytes(self) -> int:
        """Bytes of all packets so far, as they were on the wire."""
    @property
    def bytes_in(self) -> int:
        """Bytes fed so far (compressed ones where the capture is compressed)."""
    def snapshot(self) -> Snapshot:
        """What is known now; costs a copy of the tables, except after `finish` where it moves them out (once)."""

@final
class Batch:
    """What one feed returned."""

    @property
    def frames(self) -> int:
        """Frames in this batch."""
    @property
    def last_ns(self) -> int | None:
        """Largest packet time so far, ns since 1970."""
    @property
    def packets(self) -> list[Packet]: ...
    @property
    def connections(self) -> list[Connection]: ...
    @property
    def rows(self) -> list[Row]:
        """Frames that passed, with rows=True."""
    @property
    def messages(self) -> list[Message]:
        """Messages of the application protocols asked for, in frame order."""
    @property
    def interfaces(self) -> list[tuple[int, int, str | None, str | None]]:
        """(link type, snapshot length, name, description) of the interfaces of the file that were not known before,
        with row_bytes=True. Text of the capture."""

@final
class Row:
    """A frame that passed the filter (frozen)."""

    number: int
    is_packet: bool
    """False: a block of the file that is no packet, but that tshark numbers as a frame."""
    time_ns: int | None
    offset: int
    """Of its record in the decompressed capture, bytes."""
    captured_bytes: int
    wire_bytes: int
    link_type: int
    interface: int | None
    summary: Packet | None
    data: bytes | None
    """The captured bytes."""
    front: bytes
    """With data: what the capture program made up in front of it; mostly empty. The record of the file is both."""
    stream_match: tuple[int, bool, int, int, int, bytes, bytes, bytes] | None
    """Of a search: (tcp.stream, sent by the server, offset in the direction, length, frame with the first byte, bytes
    in front, first bytes of the match, bytes behind as far as they have come)."""
    def cells(self) -> list[tuple[int, Any, int, Literal["frame", "datagram", "message"], int, int]]:
        """(column, value, layer, buffer, offset, length) of each value, in the order they stand in the frame. column:
        index in the columns of the pass. value: int, float, bool, str, bytes; times in ns; None for a field that is
        just there. layer: how many layers of its protocol up to it. buffer: what the offset counts in: the frame, the
        IP datagram put together, the message put together from TCP segments."""
    def texts(self) -> list[tuple[int, str]]:
        """(column, text) of each value, as `tshark -T fields` prints it, absolute times as seconds since 1970. Text of
        the capture: not escaped."""

@final
class Message:
    """One message of an application protocol (frozen). Text in `fields` comes from the capture, escaped and capped."""

    protocol: str
    frame: int
    """The frame that completes the message."""
    time_ns: int
    src: str
    dst: str
    src_port: int
    dst_port: int
    transport: Literal["udp", "tcp", "icmp", "icmpv6"]
    ttl: int
    frame_bytes: int
    stream: int | None
    detected_by: Literal["port", "content", "heuristic"]
    only_in_order: bool
    """Found only because segments were put in order, which Wireshark does not do by default."""
    recovered: bool
    fields: dict[str, Any]

@final
class Rows(Sequence[Any]):
    """A list of a report whose items are made when they are asked for, new ones each time. Immutable."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int, /) -> Any: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...

@final
class Suffixes:
    """The rules of the public suffix list (publicsuffix.org/list), from the bytes of the list."""

    def __new__(cls, list: bytes) -> Self: ...
    def registered(self, name: str) -> str | None:
        """The part of a name that somebody registered, in lower case; None of a public suffix and of no name."""
    def domains(self, report: Report, /) -> Rows | None:
        """Registered domains of the names asked for, of a report of DNS: [domain, queries, different names], most
        queries first. None: there is no DNS."""
    def tunnelling(
        self,
        report: Report,
        parts: Sequence[Snapshot],
        /,
        *,
        long_query: int,
        least_names: int,
        high_volume: int,
    ) -> dict[str, Any]:
        """Names and the first 20,000 kept messages of DNS by the registered domain, or by the last two labels:
        `domains` (all, most names first), `candidates` (those of at least `least_names` names, as objects), `busy`
        ([domain, queries, names] of more than `high_volume` queries), `long_queries` ([frame, source, name, length] of
        names of more than `long_query` characters), `queries_for_long_names`, `looked_at`. None: there is no DNS."""

@final
class Report:
    """What an application protocol counted in the core. Immutable."""

    @staticmethod
    def empty(protocol: str) -> Report: ...
    def merge(self, other: Report) -> Report:
        """Those of both; associative below the limits. Raises ValueError for another protocol's."""
    def value(self) -> dict[str, Any]:
        """The counts, a new object each time."""
    def outline(self) -> dict[str, Any]:
        """The same with `Rows` in place of long lists: made in a fraction of the time."""
    def page(self, table: str, *, offset: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Rows of one of its tables, new objects each time; none of a table it does not have."""

@final
class Packet:
    """Headers of one packet (frozen). None: no such layer."""

    number: int
    time_ns: int
    wire_bytes: int
    captured_bytes: int
    protocols: tuple[str, ...]
    eth_src: str | None
    eth_dst: str | None
    ip_src: str | None
    ip_dst: str | None
    ttl: int | None
    transport: str | None
    src_port: int | None
    dst_port: int | None
    payload_bytes: int | None
    tcp_seq: int | None
    tcp_ack: int | None
    tcp_flags: int | None
    tcp_window: int | None
    tcp_stream: int | None
    tcp_events: tuple[str, ...]
    """tcp.analysis names, for instance ("retransmission", "fast_retransmission")."""
    interface: int | None
    recovered: bool

@final
class Direction:
    """One direction of a connection (frozen)."""

    packets: int
    data_packets: int
    bytes: int
    payload_bytes: int
    syn: int
    syn_ack: int
    ack: int
    fin: int
    rst: int
    mss: int | None
    window_scale: int | None
    sack_permitted: bool
    max_window: int
    min_window: int
    rtt_count: int
    rtt_mean_ns: int | None
    rtt_min_ns: int | None
    rtt_max_ns: int | None
    events: dict[str, int]
    """tcp.analysis name -> occurrences, zeros left out."""

@final
class Connection:
    """One TCP connection (frozen)."""

    stream: int
    client_ip: str
    client_port: int
    server_ip: str
    server_port: int
    client_first: bool
    """The sender of the first frame was the client."""
    client_known_by: Literal["syn", "syn_ack", "port", "first_packet"]
    handshake: Literal["mid_stream", "syn_only", "refused", "half_open", "complete"]
    close: Literal["open", "fin", "half_closed", "reset", "idle"]
    closed_by: Literal["client", "server"] | None
    first_ns: int
    last_ns: int
    first_frame: int
    last_frame: int
    syn_frame: int | None
    syn_ack_frame: int | None
    fin_frame: int | None
    rst_frame: int | None
    initial_rtt_ns: int | None
    response_count: int
    """Exchanges: data of the client followed by data of the server. Times from the client's last segment with data to
    the server's first one; network_ns: the network's part of them (the shortest round trip to the server)."""
    response_mean_ns: int | None
    response_min_ns: int | None
    response_max_ns: int | None
    response_max_frame: int | None
    network_ns: int | None
    reset_after: Literal["syn", "own_syn", "syn_ack", "handshake", "data", "fin", "unseen"] | None
    """What the first RST came after; the sender's other TTL, its sequence number less the one expected."""
    reset_ttl: int | None
    reset_usual_ttl: int | None
    reset_seq_gap: int | None
    reset_elsewhere: bool
    """Its TTL differs by 5 or more from that of its sender's handshake."""
    to_server: Direction
    to_client: Direction
    event_frames: dict[str, int]
    """tcp.analysis name -> first frame with it."""

@final
class Snapshot:
    """The state of a pass. Immutable; its parts are shared, not copied."""

    @property
    def capture(self) -> CaptureFacts:
        """Facts of the file."""
    def messages(
        self, family: str, /, *, protocol: str | None = None, offset: int = 0, limit: int = 50
    ) -> list[Message]:
        """A page of the kept messages of a protocol family, in frame order; `protocol` narrows to one of its own."""
    def message_count(self, family: str, /) -> tuple[int, int]:
        """(messages kept, messages that found no room)."""
    @property
    def reports(self) -> dict[str, Report]:
        """Application protocol -> what it counted in the core."""
    @property
    def tcp(self) -> TcpTable | None: ...
    @property
    def tally(self) -> Tally | None: ...
    @property
    def matched(self) -> int | None:
        """Frames that passed the filter; None: the pass had none."""
    @property
    def unnumbered_datagrams(self) -> int:
        """Datagrams whose UDP stream got no number, for there were more than max_udp_streams; 0 where nobody asked."""
    @property
    def searches_let_go(self) -> int:
        """Connections whose search began anew, for want of room."""
    @property
    def stopped_by_matches(self) -> bool:
        """The pass ended because max_matches frames had passed, or no further frame was asked for."""

ConnectionOrder = Literal[
    "stream",
    "packets",
    "bytes",
    "retransmission_rate",
    "retransmissions",
    "duration",
    "initial_rtt",
    "wait",
    "zero_window",
    "window_full",
    "duplicate_ack",
    "out_of_order",
    "keep_alive",
    "lost_segment",
]

@final
class TcpTable:
    """All TCP connections of a pass (up to the limit `max_tcp_connections`)."""

    @staticmethod
    def empty() -> TcpTable: ...
    def merge(self, other: TcpTable) -> TcpTable:
        """Connections of both; stream numbers are those of each part."""
    def __len__(self) -> int:
        """Connections in the table."""
    @property
    def evicted(self) -> int:
        """Connections dropped at the limit; their packets stay in `totals(None, None)`."""
    def totals(self, address: str | None = None, port: int | None = None, /) -> dict[str, int]:
        """Sums over the connections that have `address` (any of the two ends) and `port` as SERVER's address or port,
        or, where neither end is known as that server by the handshake, as either end's. Keys: connections, packets,
        packets_to_server, packets_to_client, bytes, bytes_to_server, bytes_to_client, payload_to_server,
        payload_to_client, data_to_server, data_to_client, syn, syn_ack, fin_to_server, fin_to_client, rst_to_server,
        rst_to_client, ack, mid_stream, syn_only, refused, half_open, complete, open, fin, half_closed, reset, idle,
        reset_by_client, reset_by_server, syn_again, connections_with_syn_again, unscaled, reset_elsewhere,
        reset_after_WHAT (see Connection.reset_after), and for each tcp.analysis name NAME: `NAME_to_server`,
        `NAME_to_client`, and `connections_with_NAME`."""
    def connections(
        self,
        address: str | None = None,
        port: int | None = None,
        /,
        *,
        order: ConnectionOrder = "stream",
        having: str | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> list[Connection]:
        """The chosen connections, largest first except by "stream"; ties by stream. having: an analysis name, or
        one of "reset", "syn_only", "refused", "half_open", "mid_stream", "complete", "open", "fin", "half_closed",
        "idle", "syn_again", "unscaled", "answered", "reset_elsewhere", "reset_after_WHAT". order also takes any
        analysis name: most of them first."""
    def count(self, address: str | None = None, port: int | None = None, /, *, having: str | None = None) -> int: ...
    def servers(
        self,
        *,
        having: str | None = None,
        ports: Sequence[int] = ...,
        order: Literal["connections", "bytes", "turns", "wait", "initial_rtt"] = "connections",
        limit: int = 50,
    ) -> tuple[int, Rows]:
        """(number of servers, the first of them): connections summed by server address and port."""
    def suspects(
        self,
        *,
        looked_at: int,
        least: Mapping[str, int],
        login_ports: Sequence[int],
        guess_bytes: int,
        cleartext_ports: Sequence[int],
        flood_ns: int,
        guessing_ns: int,
    ) -> dict[str, list[list[Any]]]:
        """The first `looked_at` connections in groups as rules about attacks look at them, the largest ten of each
        rule: vertical_scan [client, server, ports, frames], horizontal_scan [client, port, hosts, frames], syn_flood
        [server, port, all, most within flood_ns, clients of these, frames], brute_force [client, server, port, all,
        most within guessing_ns, frames], beaconing [client, server, port, connections, mean gap in ns, deviation by
        mean, median payload, frames], exfiltration [client, server, payload sent, received, frames], and by port
        cleartext_protocol [port, connections, frames]. least: smallest groups by the names of the tool's thresholds
        scan_ports, scan_hosts, syn_flood_count, brute_force_count, beacon_count, exfil_bytes."""
    def rtts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Times from data to its ACK, sent to servers and to clients: count, and where there are any min_ns, mean_ns,
        max_ns."""
    def turns(self, ports: Sequence[int] = ..., /) -> tuple[int, int, int, int, int, int]:
        """Exchanges of all connections to these server ports: (number, sum ns, min ns, max ns, frame of the longest,
        connections with any)."""
    def frames(self, name: str, /) -> list[int]:
        """First frames (up to `max_evidence_frames`) with that tcp.analysis event, or with "syn", "syn_ack", "fin",
        "rst"."""
    def initial_rtts(self, address: str | None = None, port: int | None = None, /) -> list[int]:
        """ns, sorted."""

ConversationKind = Literal["eth", "ip", "ipv6", "tcp", "udp"]

@final
class Tally:
    """Per-packet counters of a pass."""

    @staticmethod
    def empty() -> Tally: ...
    def merge(self, other: Tally) -> Tally: ...
    def hierarchy(self) -> list[tuple[str, int, int]]:
        """(path such as "eth:ip:tcp", frames ending there, wire bytes), sorted by path."""
    def protocols(self) -> dict[str, int]:
        """Frames in which the protocol occurs, by Wireshark's filter name."""
    def conversations(
        self,
        kind: ConversationKind,
        /,
        *,
        order: Literal["bytes", "frames"] = "bytes",
        offset: int = 0,
        limit: int | None = None,
    ) -> list[tuple[str, str, int, int, int, int, int, int]]:
        """(a, b, frames a to b, bytes a to b, frames b to a, bytes b to a, first_ns, last_ns); a sent the first frame.
        Ends are "address", or "address:port" for tcp and udp."""
    def conversation_count(self, kind: ConversationKind, /) -> tuple[int, bool]:
        """(number, True when the limit was passed and there are at least that many)."""
    def conversation_totals(self, kind: ConversationKind, /) -> tuple[int, int]:
        """(frames, bytes) over all conversations of that kind, exact beyond the limit."""
    def endpoints(
        self,
        kind: ConversationKind,
        /,
        *,
        order: Literal["bytes", "frames"] = "bytes",
        offset: int = 0,
        limit: int | None = None,
    ) -> list[tuple[str, int, int, int, int]]:
        """(end, frames sent, bytes sent, frames received, bytes received)."""
    def endpoint_count(self, kind: ConversationKind, /) -> tuple[int, bool]: ...
    def ip_addresses(self) -> tuple[int, bool]: ...
    def buckets(self) -> tuple[int, int, list[tuple[int, int]]]:
        """(width ns, start of the first bucket ns, [(frames, wire bytes)])."""
    def names(
        self, kind: Literal["dns", "tls_sni", "http_host", "dhcp_hostname"], /, limit: int = 50
    ) -> list[tuple[str, int]]:
        """Names seen in traffic, most frequent first, escaped text of the capture."""
    def network(self) -> dict[str, Any]:
        """fragments {rows: [[source, destination, fragments, bytes, largest, first frame, its ns]], missed},
        fragment_frames, dont_fragment (frames), largest_dont_fragment (bytes), largest_dont_fragment_frame, ecn_capable
        (frames), ecn_congested, ecn_echo, window_reduced; evidence is {count, frames}."""
    def facts(self) -> dict[str, Any]:
        """frames_truncated, ip_fragments, ipv6_fragments, short, vlan_ids {id: frames}, interfaces {id: frames}."""

def default_limits() -> dict[str, int]: ...
def cipher_suite_faults(name: str) -> tuple[bool, bool]:
    """(weak, without forward secrecy) of a TLS cipher suite by IANA's name: what the findings of module tls count."""

def app_names() -> list[str]:
    """Application protocols of this build: what `Decoder(apps=...)` takes."""
