//! The named limits: what bounds the memory of a pass, whatever the capture holds.

/// Table sizes and buffer caps of one pass. Totals stay exact beyond them; lists and distinct counts become
/// lower bounds and say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest captured length believed of a packet (Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD).
    pub max_packet_bytes: usize,
    /// Largest pcapng block believed (options, name resolution, secrets).
    pub max_block_bytes: usize,
    /// Interfaces and sections kept of a pcapng file.
    pub max_interfaces: usize,
    /// Names (name resolution blocks, seen in traffic) kept, each kind.
    pub max_names: usize,
    /// Text of comments, names and descriptions kept, bytes each.
    pub max_text_bytes: usize,
    /// Damaged places listed (all are counted).
    pub max_damage_listed: usize,
    /// Decompressed bytes per compressed byte, over any 64 MiB of output, before the input counts as a bomb.
    pub max_compression_ratio: u64,
    /// Decompressed bytes in total.
    pub max_decompressed_bytes: u64,
    /// IP datagrams in reassembly at a time, and bytes held by them.
    pub max_fragment_sets: usize,
    pub max_fragment_bytes: usize,
    /// TCP connections kept in the table; beyond it the ones longest unused are dropped from the list.
    pub max_tcp_connections: usize,
    /// Unacknowledged segments remembered, over all connections.
    pub max_tcp_segments: usize,
    /// Conversations kept of each kind (eth, ip, ipv6, udp).
    pub max_conversations: usize,
    /// Frame numbers kept as evidence for each kind of event.
    pub max_evidence_frames: usize,
    /// Time buckets before their width is doubled.
    pub max_buckets: usize,
    /// Distinct protocol paths counted apart.
    pub max_protocol_paths: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_packet_bytes: 262_144,
            max_block_bytes: 16 << 20,
            max_interfaces: 65_536,
            max_names: 20_000,
            max_text_bytes: 1_024,
            max_damage_listed: 100,
            max_compression_ratio: 1_200,
            max_decompressed_bytes: 1 << 44,
            max_fragment_sets: 10_000,
            max_fragment_bytes: 64 << 20,
            max_tcp_connections: 500_000,
            max_tcp_segments: 2_000_000,
            max_conversations: 500_000,
            max_evidence_frames: 100,
            max_buckets: 7_200,
            max_protocol_paths: 4_096,
        }
    }
}
