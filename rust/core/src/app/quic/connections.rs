//! QUIC connections of a pass, found again by connection ids and by ends, as Wireshark finds them.

use super::crypto::Crypto;
use super::keys::InitialKeys;
use super::packet::{Cid, Kind, Long};
use crate::addr::IpAddr;
use crate::app::Context;
use hashbrown::HashMap;
use std::collections::VecDeque;

pub type End = (IpAddr, u16);
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Both ends, the same for both directions.
pub fn pair(ctx: &Context) -> (End, End) {
    let (a, b) = ((ctx.src, ctx.src_port), (ctx.dst, ctx.dst_port));
    if a <= b { (a, b) } else { (b, a) }
}

/// One connection as far as it can be seen.
pub struct Connection {
    pub number: u64,
    pub first: Context,
    pub last_frame: u64,
    pub last_time_ns: i64,
    pub client: End,
    pub server: End,
    pub version: u32,
    /// What a Version Negotiation packet offered.
    pub offered: Vec<u32>,
    /// Destination id of the client's first Initial packet: what the keys come from. None behind a Retry.
    initial_dcid: Option<Cid>,
    client_ids: Vec<Cid>,
    server_ids: Vec<Cid>,
    pub keys: Option<Box<InitialKeys>>,
    pub crypto: [Crypto; 2],
    pub packets: [u64; Kind::ALL.len()],
    pub datagrams: [u64; 2],
    pub bytes: [u64; 2],
    pub retry_frame: Option<u64>,
    pub negotiation_frame: Option<u64>,
    pub hello: Hello,
    pub undecrypted_initials: u64,
    /// Some frame of it passes the filter of the pass.
    pub counts: bool,
}

/// What the handshake in the clear says.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    pub client_frame: Option<u64>,
    pub client_time_ns: i64,
    pub server_frame: Option<u64>,
    pub server_time_ns: i64,
    pub server_name: Option<String>,
    pub alpn: Vec<String>,
    pub ja4: Option<String>,
    pub cipher: Option<u16>,
    pub group: Option<u16>,
    pub ech: bool,
}

impl Connection {
    fn new(number: u64, ctx: &Context, version: u32) -> Self {
        Self {
            number,
            first: *ctx,
            last_frame: ctx.frame,
            last_time_ns: ctx.time_ns,
            client: (ctx.src, ctx.src_port),
            server: (ctx.dst, ctx.dst_port),
            version,
            offered: Vec::new(),
            initial_dcid: None,
            client_ids: Vec::new(),
            server_ids: Vec::new(),
            keys: None,
            crypto: Default::default(),
            packets: [0; Kind::ALL.len()],
            datagrams: [0; 2],
            bytes: [0; 2],
            retry_frame: None,
            negotiation_frame: None,
            hello: Hello::default(),
            undecrypted_initials: 0,
            counts: false,
        }
    }

    /// Length of the ids that packets to that side carry.
    pub fn id_to(&self, from_server: bool) -> Option<&Cid> {
        if from_server { self.client_ids.first() } else { self.server_ids.first() }
    }

    /// Sent by the server, by its end.
    pub fn is_from_server(&self, ctx: &Context) -> bool {
        self.server == (ctx.src, ctx.src_port)
    }
}

/// Ids remembered of each side of a connection.
const MAX_IDS: usize = 8;

/// The connections, the oldest forgotten first.
pub struct Connections {
    table: Map<u64, Connection>,
    order: VecDeque<u64>,
    by_initial: Map<Cid, u64>,
    by_client_id: Map<Cid, u64>,
    by_server_id: Map<Cid, u64>,
    /// Ends that speak QUIC, and the connection made last between them.
    by_ends: Map<(End, End), Option<u64>>,
    /// Ends in the order they came, for the limit.
    ends_order: VecDeque<(End, End)>,
    made: u64,
    /// Connections that count.
    counted: u64,
    limit: usize,
}

impl Connections {
    pub fn new(limit: usize) -> Self {
        Self {
            table: Map::default(),
            order: VecDeque::new(),
            by_initial: Map::default(),
            by_client_id: Map::default(),
            by_server_id: Map::default(),
            by_ends: Map::default(),
            ends_order: VecDeque::new(),
            made: 0,
            counted: 0,
            limit: limit.max(1),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_ends.is_empty()
    }

    /// Connections there were in all that count.
    pub fn count(&self) -> u64 {
        self.counted
    }

    /// The connection, which counts from now on.
    pub fn counted(&mut self, number: u64) -> Option<&mut Connection> {
        let c = self.table.get_mut(&number)?;
        self.counted += !std::mem::replace(&mut c.counts, true) as u64;
        Some(c)
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut Connection> {
        self.table.get_mut(&number)
    }

    /// Those that count, in the order they began.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.order.iter().filter_map(|n| self.table.get(n)).filter(|c| c.counts)
    }

    /// Something of QUIC went between these ends before.
    pub fn knows_ends(&self, ctx: &Context) -> bool {
        self.by_ends.contains_key(&pair(ctx))
    }

    /// All datagrams between these ends are QUIC's from now on.
    pub fn remember_ends(&mut self, ctx: &Context) {
        let ends = pair(ctx);
        if self.by_ends.contains_key(&ends) {
            return;
        }
        self.by_ends.insert(ends, None);
        self.ends_order.push_back(ends);
        if self.ends_order.len() > self.limit
            && let Some(oldest) = self.ends_order.pop_front()
        {
            self.by_ends.remove(&oldest);
        }
    }

    /// By the id a packet is sent to: (connection, sent by the server). Ids chosen by the client come first.
    fn by_id(&self, id: &Cid, ctx: &Context) -> Option<(u64, bool)> {
        let by_client = self.by_client_id.get(id).map(|&n| (n, true));
        let by_server = self.by_server_id.get(id).map(|&n| (n, false));
        match (by_client, by_server) {
            // Both sides chose the same: the ends tell.
            (Some((n, _)), Some(_)) => Some((n, self.table.get(&n)?.is_from_server(ctx))),
            (found, other) => found.or(other),
        }
    }

    fn by_ends(&self, ctx: &Context) -> Option<(u64, bool)> {
        let number = (*self.by_ends.get(&pair(ctx))?)?;
        Some((number, self.table.get(&number)?.is_from_server(ctx)))
    }

    /// The connection of a packet with a long header, and whether the server sent it.
    pub fn of_long(&self, packet: &Long<'_>, ctx: &Context) -> Option<(u64, bool)> {
        if packet.kind == Kind::ZeroRtt && !packet.dcid.is_empty() {
            return self.by_initial.get(&packet.dcid).map(|&n| (n, false));
        }
        let found = if packet.dcid.is_empty() { self.by_ends(ctx) } else { self.by_id(&packet.dcid, ctx) };
        // A client's first Initial packet is sent to an id of its own making, which nobody knows yet.
        let found = found.or_else(|| {
            let &n = (packet.kind == Kind::Initial).then(|| self.by_initial.get(&packet.dcid)).flatten()?;
            Some((n, false))
        });
        let (number, from_server) = found?;
        let connection = self.table.get(&number)?;
        let fresh = packet.kind == Kind::Initial
            && !from_server
            && !packet.dcid.is_empty()
            && connection.initial_dcid.as_ref() != Some(&packet.dcid)
            && !connection.server_ids.iter().any(|id| packet.dcid.starts_with(id));
        (!fresh).then_some((number, from_server))
    }

    /// The connection of a packet with a short header: by its ends where the id fits, or else by an id of any length
    /// that was seen.
    pub fn of_short(&self, data: &[u8], ctx: &Context) -> Option<(u64, bool)> {
        let id = data.get(1..).unwrap_or_default();
        if let Some((number, from_server)) = self.by_ends(ctx)
            && let Some(connection) = self.table.get(&number)
        {
            let ids = if from_server { &connection.client_ids } else { &connection.server_ids };
            if ids.is_empty() || ids.iter().any(|known| id.starts_with(known)) {
                return Some((number, from_server));
            }
        }
        // Flags, id, number and a tag have to fit.
        let longest = id.len().saturating_sub(17).min(20);
        (1..=longest).rev().find_map(|len| self.by_id(&Cid::try_from(id.get(..len)?).ok()?, ctx))
    }

    /// What a packet with a long header says of connections: makes one for a client's first Initial packet, and takes
    /// over the ids both sides choose. Returns the connection, if there is one.
    pub fn update(&mut self, packet: &Long<'_>, found: Option<(u64, bool)>, ctx: &Context) -> Option<(u64, bool)> {
        match (packet.kind, found) {
            (Kind::Initial, None) => {
                let number = self.create(ctx, packet.version);
                self.begin(number, packet);
                Some((number, false))
            }
            (Kind::Initial, Some((number, false))) => {
                // Behind a Retry the keys come from the id the server asked for.
                if self.table.get(&number).is_some_and(|c| c.initial_dcid.is_none()) && !packet.dcid.is_empty() {
                    if let Some(id) = self.table.get_mut(&number).and_then(|c| c.server_ids.pop()) {
                        self.by_server_id.remove(&id);
                    }
                    self.begin(number, packet);
                }
                found
            }
            (Kind::Initial | Kind::Retry | Kind::Handshake, Some((number, true))) => {
                let connection = self.table.get_mut(&number)?;
                if packet.kind == Kind::Retry
                    && let Some(old) = connection.initial_dcid.take()
                {
                    self.by_initial.remove(&old);
                    connection.keys = None;
                }
                if connection.server_ids.is_empty() && !packet.scid.is_empty() {
                    connection.server_ids.push(packet.scid.clone());
                    self.by_server_id.insert(packet.scid.clone(), number);
                }
                found
            }
            _ => found,
        }
    }

    fn create(&mut self, ctx: &Context, version: u32) -> u64 {
        let number = self.made;
        self.made += 1;
        if self.table.len() >= self.limit
            && let Some(oldest) = self.order.pop_front()
            && let Some(c) = self.table.remove(&oldest)
        {
            let forget = |map: &mut Map<Cid, u64>, id: &Cid| {
                if map.get(id) == Some(&oldest) {
                    map.remove(id);
                }
            };
            c.initial_dcid.iter().for_each(|id| forget(&mut self.by_initial, id));
            c.client_ids.iter().for_each(|id| forget(&mut self.by_client_id, id));
            c.server_ids.iter().for_each(|id| forget(&mut self.by_server_id, id));
        }
        self.table.insert(number, Connection::new(number, ctx, version));
        self.order.push_back(number);
        self.remember_ends(ctx);
        self.by_ends.insert(pair(ctx), Some(number));
        number
    }

    /// A client's first Initial packet, or the first one behind a Retry.
    fn begin(&mut self, number: u64, packet: &Long<'_>) {
        let Some(c) = self.table.get_mut(&number) else { return };
        if !packet.scid.is_empty() && c.client_ids.len() < MAX_IDS {
            c.client_ids.insert(0, packet.scid.clone());
            self.by_client_id.insert(packet.scid.clone(), number);
        }
        if !packet.dcid.is_empty() {
            c.initial_dcid = Some(packet.dcid.clone());
            self.by_initial.insert(packet.dcid.clone(), number);
        }
        c.version = packet.version;
        c.keys = InitialKeys::new(packet.version, &packet.dcid).map(Box::new);
    }
}
