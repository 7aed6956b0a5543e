//! Tunnels: what carries packets inside packets.
