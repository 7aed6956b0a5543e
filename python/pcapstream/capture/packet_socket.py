"""Records packets through a packet socket of Linux and writes them as pcap to standard output: what captures where
neither dumpcap nor tcpdump is installed. A script of its own process, nothing but the standard library.

    python -I -S packet_socket.py INTERFACE BUFFER_BYTES [FILTER]

Ethernet and loopback are recorded with their link header, everything else, and "any", cooked (LINKTYPE_LINUX_SLL).
Filters are compiled by libpcap, found as a shared library; without it only an empty filter is taken. Times are the
kernel's, in nanoseconds. VLAN tags that the network card took off are put back.

SIGTERM ends it; SIGUSR1 has it say its counts on standard error, in tcpdump's words, as it does at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys

_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_SO_TIMESTAMPNS = 35
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927
_IFF_UP = 1
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_DLT_EN10MB, _DLT_LINUX_SLL = 1, 113
_TP_STATUS_VLAN_VALID, _TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
_PACKET_OUTGOING = 4
_MOST = 262_144
"""Bytes of one packet, as the other capture programs take them."""
_BATCH = 256
"""Packets between two writes, when there are many."""


class _Instructions(ctypes.Structure):
    """struct bpf_program of libpcap; struct sock_fprog of Linux has the same shape."""

    _fields_ = [("count", ctypes.c_uint), ("first", ctypes.c_void_p)]


class _PacketHeader(ctypes.Structure):
    """struct pcap_pkthdr."""

    _fields_ = [
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("captured", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
    ]


class _Filter:
    """A filter of libpcap's language, over packets as they are written. Raises OSError, ValueError."""

    def __init__(self, text: str, link_type: int) -> None:
        self._library = _libpcap()
        self.program = _Instructions()
        handle = self._library.pcap_open_dead(link_type, _MOST)
        # 0xffffffff: the netmask is not known, which matters to "ip broadcast" only.
        if self._library.pcap_compile(handle, ctypes.byref(self.program), text.encode(), 1, 0xFFFFFFFF) != 0:
            raise ValueError(self._library.pcap_geterr(handle).decode("utf-8", "replace"))

    def matches(self, packet: bytes, length: int) -> bool:
        header = _PacketHeader(0, 0, len(packet), length)
        return bool(self._library.pcap_offline_filter(ctypes.byref(self.program), ctypes.byref(header), packet))


def _libpcap() -> ctypes.CDLL:
    for name in ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_compile.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint32,
        ]
        library.pcap_geterr.argtypes = [ctypes.c_void_p]
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_offline_filter.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p]
        return library
    raise OSError("no libpcap")


class _Recorder:
    """One interface."""

    def __init__(self, interface: str, buffer_bytes: int, text: str) -> None:
        hardware = None if interface == "any" else _request(interface, _SIOCGIFHWADDR)
        self.cooked = hardware not in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK)
        self.link_type = _DLT_LINUX_SLL if self.cooked else _DLT_EN10MB
        self.filter = _Filter(text, self.link_type) if text else None
        kind = socket.SOCK_DGRAM if self.cooked else socket.SOCK_RAW
        # Protocol 0: nothing is received until it is bound, with the filter in place. "any" is bound by its protocol.
        self.socket = socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL) if interface == "any" else 0)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
        except OSError:  # without CAP_NET_ADMIN: as much as every process may have
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self.in_kernel = self._attach(text)
        if interface != "any":
            if not _request(interface, _SIOCGIFFLAGS) & _IFF_UP:
                raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
            self.socket.bind((interface, _ETH_P_ALL))
            with contextlib.suppress(OSError):
                request = struct.pack("iHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
                self.socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
        self.socket.setblocking(False)
        self.received = self.dropped = self.written = 0

    def _attach(self, text: str) -> bool:
        """Have the kernel filter, where the packet it sees is the one that is written: not for cooked ones, and not
        for VLAN tags, which the kernel keeps beside the packet."""
        if self.filter is None or self.cooked or "vlan" in text.lower():
            return False
        program = struct.pack("HxxxxxxP", self.filter.program.count, self.filter.program.first)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        except OSError:
            return False
        return True

    def header(self) -> bytes:
        """File header of pcap, times in nanoseconds."""
        return struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _MOST, self.link_type)

    def packet(self) -> bytes | None:
        """The next record; b"" for one that is not wanted, None when there is none yet."""
        try:
            data, beside, _, address = self.socket.recvmsg(_MOST, 256, socket.MSG_TRUNC)
        except BlockingIOError:
            return None
        # On loopback every packet comes by twice, once in each direction.
        if address[3] == _ARPHRD_LOOPBACK and address[2] == _PACKET_OUTGOING:
            return b""
        length, tag = len(data), None
        nanoseconds = seconds = 0
        for level, kind, value in beside:
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                status, length, _, _, _, tci, tpid = struct.unpack_from("=IIIHHHH", value)
                if status & _TP_STATUS_VLAN_VALID:
                    tag = struct.pack("!HH", tpid if status & _TP_STATUS_VLAN_TPID_VALID else 0x8100, tci)
            elif level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value)
        if self.cooked:
            _, protocol, kind, hardware, sender = address
            start = struct.pack("!HHH8sH", kind, hardware, len(sender), sender[:8], protocol & 0xFFFF)
            data, length = start + data, length + len(start)
        elif tag is not None:
            data, length = data[:12] + tag + data[12:], length + len(tag)
        if self.filter is not None and not self.in_kernel and not self.filter.matches(data, length):
            return b""
        self.written += 1
        return struct.pack("=IIII", seconds & 0xFFFFFFFF, nanoseconds, len(data), length) + data

    def say_counts(self) -> None:
        """In tcpdump's words. Reading the kernel's counters sets them back."""
        received, dropped = struct.unpack("II", self.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.received, self.dropped = self.received + received, self.dropped + dropped
        os.write(
            2,
            f"{self.written} packets captured\n{self.received} packets received by filter\n"
            f"{self.dropped} packets dropped by kernel\n".encode(),
        )


def _request(interface: str, number: int) -> int:
    """The 16 bits behind the name in struct ifreq."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, number, struct.pack("16s24x", interface.encode()[:15]))
    return int(struct.unpack_from("H", answer, 16)[0])


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main(arguments: list[str]) -> int:
    """Records until SIGTERM; gives the exit code."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    interface, buffer_bytes, text = arguments[0], int(arguments[1]), " ".join(arguments[2:]).strip()
    try:
        recorder = _Recorder(interface, buffer_bytes, text)
    except ValueError as error:
        os.write(2, f"can't parse filter expression: {error}\n".encode("utf-8", "replace"))
        return 1
    except OSError as error:
        os.write(2, f"{error.strerror or error}\n".encode("utf-8", "replace"))
        return 1
    _write(recorder.header())
    ready = select.poll()
    ready.register(wake_read, select.POLLIN)
    ready.register(recorder.socket, select.POLLIN)
    while True:
        for descriptor, _ in ready.poll():
            if descriptor != wake_read:
                continue
            told = os.read(wake_read, 64)
            recorder.say_counts()
            if signal.SIGTERM in told or signal.SIGINT in told:
                return 0
        records = []
        for _ in range(_BATCH):
            try:
                record = recorder.packet()
            except OSError as error:
                os.write(2, f"{error.strerror}\n".encode())
                recorder.say_counts()
                return 1
            if record is None:
                break
            records.append(record)
        if records:
            _write(b"".join(records))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
