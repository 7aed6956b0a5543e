"""The analysis prompts: plain data here, MCP in `register`, which a caller imports by itself.

`render` needs neither MCP nor a capture; it only needs to know which tools there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from pcapstream.prompts import dhcp, dns, icmp, sip, tcp, triage
from pcapstream.prompts.spec import MAX_ARGUMENT_CHARS, PCAP_FILE, Argument, PromptSpec, Step, quoted

__all__ = [
    "MAX_ARGUMENT_CHARS",
    "PCAP_FILE",
    "PROMPTS",
    "Argument",
    "PromptSpec",
    "Step",
    "of_modules",
    "quoted",
]

PROMPTS: dict[str, PromptSpec] = {
    prompt.name: prompt
    for prompt in (*triage.PROMPTS, *dns.PROMPTS, *dhcp.PROMPTS, *icmp.PROMPTS, *tcp.PROMPTS, *sip.PROMPTS)
}
"""All prompts by name, in the order they are listed to people."""


def of_modules(modules: Iterable[str]) -> tuple[PromptSpec, ...]:
    """The prompts that are loaded with these modules; names without prompts are no error."""
    wanted = set(modules)
    return tuple(prompt for prompt in PROMPTS.values() if prompt.module in wanted)
