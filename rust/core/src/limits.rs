//! The named limits: what bounds the memory of a pass, whatever the capture holds.

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr,)*) => {
        /// Table sizes and buffer caps of one pass. Totals stay exact beyond them; lists and distinct counts become
        /// lower bounds and say so.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: $type,)* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// (name, value) of each.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name as u64),)*]
            }

            /// Sets the limit of that name; false when there is none, or the value does not fit.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => <$type>::try_from(value).map(|v| self.$name = v).is_ok(),)*
                    _ => false,
                }
            }
        }
    };
}

limits! {
    /// Largest captured length believed of a packet (Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD).
    max_packet_bytes: usize = 262_144,
    /// Largest pcapng block believed (options, name resolution, secrets).
    max_block_bytes: usize = 16 << 20,
    /// Interfaces and sections kept of a pcapng file.
    max_interfaces: usize = 65_536,
    /// Names (name resolution blocks, seen in traffic) kept, each kind.
    max_names: usize = 20_000,
    /// Text of comments, names and descriptions kept, bytes each.
    max_text_bytes: usize = 1_024,
    /// Damaged places listed (all are counted).
    max_damage_listed: usize = 100,
    /// Decompressed bytes per compressed byte, over any 64 MiB of output, before the input counts as a bomb.
    max_compression_ratio: u64 = 1_200,
    /// Decompressed bytes in total.
    max_decompressed_bytes: u64 = 1 << 44,
    /// IP datagrams in reassembly at a time.
    max_fragment_sets: usize = 10_000,
    /// Bytes held by IP datagrams in reassembly.
    max_fragment_bytes: usize = 64 << 20,
    /// TCP connections kept in the table; beyond it the ones longest unused are dropped from the list.
    max_tcp_connections: usize = 500_000,
    /// Unacknowledged segments remembered, over all connections.
    max_tcp_segments: usize = 2_000_000,
    /// UDP streams that get a number, in a pass that asks for it.
    max_udp_streams: usize = 1_000_000,
    /// Conversations kept of each kind (eth, ip, ipv6, udp).
    max_conversations: usize = 500_000,
    /// Frame numbers kept as evidence for each kind of event.
    max_evidence_frames: usize = 100,
    /// Time buckets before their width is doubled.
    max_buckets: usize = 7_200,
    /// TCP directions read by application protocols at a time.
    max_app_streams: usize = 50_000,
    /// Bytes of a message, or waiting for a gap to close, of one direction.
    max_app_stream_bytes: usize = 1 << 20,
    /// Bytes held of all TCP directions that application protocols read: unfinished messages and segments ahead of gaps.
    max_app_buffer_bytes: usize = 64 << 20,
    /// Messages kept for the detail rows, each protocol family.
    max_kept_messages: usize = 20_000,
    /// Bytes of the messages kept for the detail rows, each protocol family.
    max_kept_message_bytes: usize = 8 << 20,
    /// Logins listed one by one.
    max_logins: usize = 20_000,
    /// DNS queries remembered while their answer is waited for.
    max_dns_pending: usize = 900_000,
    /// TLS handshakes kept for the rows.
    max_tls_handshakes: usize = 20_000,
    /// TLS sessions whose secrets are known (key logs in the capture or given with it).
    max_tls_sessions: usize = 50_000,
    /// Bytes of key logs read.
    max_key_log_bytes: usize = 32 << 20,
    /// Distinct certificates kept.
    max_certificates: usize = 5_000,
    /// ICMP echo requests remembered while their reply is waited for, each IP version.
    max_icmp_pending: usize = 400_000,
    /// Clients, servers or other keys of a protocol's tables.
    max_app_keys: usize = 20_000,
    /// Media announcements (SDP, RTSP) in force.
    max_media_announcements: usize = 20_000,
    /// RTP streams, and sources of RTCP reports, listed; packets of further ones are in the totals.
    max_rtp_streams: usize = 20_000,
    /// Times (response times ...) kept one by one for exact medians, each protocol.
    max_app_times: usize = 2_000_000,
    /// QUIC connections kept in the table.
    max_quic_connections: usize = 50_000,
    /// Distinct protocol paths counted apart.
    max_protocol_paths: usize = 4_096,
}
