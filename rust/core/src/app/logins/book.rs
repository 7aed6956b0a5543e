//! The logins seen: exact totals, rows up to a limit, what was tried again and again.

use crate::addr::IpAddr;
use crate::app::message::{Fields, Value};
use crate::app::{Context, Report};
use crate::layers::Proto;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::End;

/// Frames listed of one guessing client.
const MAX_FRAMES: usize = 20;
/// Refused logins are looked at over spans of that length.
const SPAN_NS: i64 = 60_000_000_000;

macro_rules! protocols {
    ($($name:ident = $shown:literal,)*) => {
        /// Protocols by Wireshark's filter names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Protocol { $($name,)* }
        impl Protocol {
            const ALL: &[Self] = &[$(Self::$name,)*];
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $shown,)* }
            }
        }
    };
}
protocols! {
    Ftp = "ftp",
    Smtp = "smtp",
    Pop = "pop",
    Imap = "imap",
    Telnet = "telnet",
    Ldap = "ldap",
    Snmp = "snmp",
    Kerberos = "kerberos",
    Ntlm = "ntlmssp",
}

/// What somebody who reads along has afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// The secret itself.
    Secret,
    /// What a guess of the secret can be tried against.
    Hash,
    /// The name of the user at most.
    Name,
}

impl Exposed {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Hash => "hash",
            Self::Name => "name",
        }
    }
}

/// One login tried.
#[derive(Clone, Debug)]
struct Row {
    frame: u64,
    first_frame: u64,
    time_ns: i64,
    last_frame: u64,
    count: u64,
    protocol: Protocol,
    method: &'static str,
    exposed: Exposed,
    user: Option<Box<str>>,
    client: End,
    server: End,
    transport: Proto,
    stream: Option<u32>,
    accepted: Option<bool>,
    outcome_frame: Option<u64>,
}

impl Row {
    fn outcome(&self) -> &'static str {
        match self.accepted {
            Some(true) => "accepted",
            Some(false) => "refused",
            None => "unknown",
        }
    }

    fn value(&self) -> Value {
        vec![
            ("frame", self.frame.into()),
            ("time_ns", Value::Int(self.time_ns)),
            ("protocol", self.protocol.name().into()),
            ("method", self.method.into()),
            ("exposed", self.exposed.name().into()),
            ("user", self.user.as_deref().map(str::to_owned).into()),
            ("outcome", self.outcome().into()),
            ("client", self.client.0.into()),
            ("client_port", self.client.1.into()),
            ("server", self.server.0.into()),
            ("port", self.server.1.into()),
            ("transport", self.transport.name().into()),
            ("stream", self.stream.into()),
            ("first_frame", self.first_frame.into()),
            ("outcome_frame", self.outcome_frame.into()),
            ("attempts", self.count.into()),
            ("last_frame", self.last_frame.into()),
        ]
        .into()
    }
}

/// Where a login stands until its answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    protocol: Protocol,
    row: Option<u32>,
    counted: bool,
}

impl Ticket {
    /// Of a login that does not count.
    pub fn none(protocol: Protocol) -> Self {
        Self { protocol, row: None, counted: false }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    attempts: u64,
    accepted: u64,
    refused: u64,
    secret: u64,
    hash: u64,
}

/// What is the same in all packets of one manager with one agent: client, server, its port, method, user.
type Managed = (IpAddr, IpAddr, u16, &'static str, Option<Box<str>>);

/// All logins of a pass.
#[derive(Clone, Debug)]
pub struct Book {
    rows: Vec<Row>,
    /// Those whose every packet carries the secret: one row for all of them.
    managed: HashMap<Managed, Row, RandomState>,
    /// Tickets asked for without a proof of who asks, which the server wanted: client, server, user.
    challenged: HashMap<(IpAddr, IpAddr, Box<str>), Row, RandomState>,
    totals: BTreeMap<Protocol, Total>,
    telnet_sessions: u64,
    dropped: u64,
    max_rows: usize,
    max_keys: usize,
}

impl Book {
    pub fn new(limits: &Limits) -> Self {
        Self {
            rows: Vec::new(),
            managed: HashMap::default(),
            challenged: HashMap::default(),
            totals: BTreeMap::new(),
            telnet_sessions: 0,
            dropped: 0,
            max_rows: limits.max_logins.min(u32::MAX as usize),
            max_keys: limits.max_app_keys.min(limits.max_logins),
        }
    }

    /// A connection of a protocol for logins.
    pub fn session(&mut self, port: u16, counts: bool) {
        self.telnet_sessions += (counts && matches!(port, 23 | 2323)) as u64;
    }

    pub fn attempt(
        &mut self,
        ctx: &Context,
        client: End,
        server: End,
        (protocol, method, exposed): (Protocol, &'static str, Exposed),
        user: Option<&str>,
        first_frame: u64,
    ) -> Ticket {
        self.count(protocol, exposed);
        let mut ticket = Ticket { protocol, row: None, counted: true };
        if self.rows.len() >= self.max_rows {
            self.dropped += 1;
            return ticket;
        }
        ticket.row = Some(self.rows.len() as u32);
        self.rows.push(new_row(ctx, client, server, (protocol, method, exposed), user, first_frame));
        ticket
    }

    fn count(&mut self, protocol: Protocol, exposed: Exposed) {
        let total = self.totals.entry(protocol).or_default();
        total.attempts += 1;
        total.secret += (exposed == Exposed::Secret) as u64;
        total.hash += (exposed == Exposed::Hash) as u64;
    }

    /// The server's answer. Each login has one.
    pub fn settle(&mut self, ticket: Ticket, accepted: bool, frame: u64) {
        if !ticket.counted {
            return;
        }
        if let Some(row) = ticket.row.and_then(|n| self.rows.get_mut(n as usize)) {
            if row.accepted.is_some() {
                return;
            }
            (row.accepted, row.outcome_frame) = (Some(accepted), Some(frame));
        }
        let total = self.totals.entry(ticket.protocol).or_default();
        total.accepted += accepted as u64;
        total.refused += !accepted as u64;
    }

    /// A packet of a manager or its agent. `answer`: the agent took it.
    pub fn managed(
        &mut self,
        ctx: &Context,
        client: End,
        server: End,
        kind: (&'static str, Exposed),
        user: Option<&str>,
        answer: bool,
    ) {
        let (method, exposed) = kind;
        let key: Managed = (client.0, server.0, server.1, method, user.map(Into::into));
        let known = self.managed.contains_key(&key);
        // An answer shows the secret too, where its question is not in the capture.
        let first = !answer || !known;
        if first {
            self.count(Protocol::Snmp, exposed);
        }
        self.totals.entry(Protocol::Snmp).or_default().accepted += answer as u64;
        if !known && self.managed.len() >= self.max_keys {
            self.dropped += first as u64;
            return;
        }
        let new =
            || Row { count: 0, ..new_row(ctx, client, server, (Protocol::Snmp, method, exposed), user, ctx.frame) };
        let row = self.managed.entry(key).or_insert_with(new);
        row.count += first as u64;
        row.last_frame = ctx.frame;
        if answer && row.accepted.is_none() {
            (row.accepted, row.outcome_frame) = (Some(true), Some(ctx.frame));
        }
    }

    /// A ticket was asked for without a proof of who asks.
    pub fn challenged(&mut self, ctx: &Context, client: End, server: End, user: &str) {
        if self.challenged.len() < self.max_keys {
            let kind = (Protocol::Kerberos, "as-req", Exposed::Name);
            let row = new_row(ctx, client, server, kind, Some(user), ctx.frame);
            self.challenged.entry((client.0, server.0, user.into())).or_insert(row);
        } else {
            self.dropped += 1;
        }
    }

    /// It went on: the frame where it began.
    pub fn goes_on(&mut self, client: IpAddr, server: IpAddr, user: &str) -> Option<u64> {
        self.challenged.remove(&(client, server, user.into())).map(|row| row.first_frame)
    }

    /// All rows in the order of their frames.
    fn sorted(&self) -> Vec<&Row> {
        let mut all: Vec<&Row> =
            self.rows.iter().chain(self.managed.values()).chain(self.challenged.values()).collect();
        all.sort_by(|a, b| (a.frame, a.client, a.server, a.method).cmp(&(b.frame, b.client, b.server, b.method)));
        all
    }

    fn totals(&self) -> Value {
        let mut totals = self.totals.clone();
        if !self.challenged.is_empty() {
            totals.entry(Protocol::Kerberos).or_default().attempts += self.challenged.len() as u64;
        }
        let one = |t: &Total| -> Value {
            vec![
                ("attempts", t.attempts.into()),
                ("accepted", t.accepted.into()),
                ("refused", t.refused.into()),
                ("secret", t.secret.into()),
                ("hash", t.hash.into()),
            ]
            .into()
        };
        let fields: Fields = Protocol::ALL.iter().filter_map(|p| Some((p.name(), one(totals.get(p)?)))).collect();
        fields.into()
    }

    /// Clients whose logins were refused, by server: the most refused first.
    fn groups(&self, limit: usize) -> Vec<Value> {
        let mut groups: HashMap<(Protocol, IpAddr, End), Vec<&Row>, RandomState> = HashMap::default();
        for row in &self.rows {
            groups.entry((row.protocol, row.client.0, row.server)).or_default().push(row);
        }
        let refused = |rows: &[&Row]| rows.iter().filter(|r| r.accepted == Some(false)).count();
        let mut found: Vec<_> =
            groups.into_iter().map(|(k, rows)| (refused(&rows), k, rows)).filter(|g| g.0 > 0).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(limit);
        found.into_iter().map(|(refused, key, rows)| group(refused, key, rows)).collect()
    }
}

/// One client that was refused.
fn group(refused: usize, (protocol, client, server): (Protocol, IpAddr, End), mut rows: Vec<&Row>) -> Value {
    rows.sort_by_key(|r| (r.time_ns, r.frame));
    let (mut best, mut at, mut start) = (0, 0, 0);
    let times: Vec<&&Row> = rows.iter().filter(|r| r.accepted == Some(false)).collect();
    for (end, row) in times.iter().enumerate() {
        while row.time_ns.saturating_sub(times[start].time_ns) > SPAN_NS {
            start += 1;
        }
        if end - start + 1 > best {
            (best, at) = (end - start + 1, start);
        }
    }
    let frames: Vec<Value> = times.iter().skip(at).take(best.min(MAX_FRAMES)).map(|r| r.frame.into()).collect();
    let users: HashSet<Option<&str>, RandomState> = rows.iter().map(|r| r.user.as_deref()).collect();
    let first_refused = times.first().map_or(i64::MAX, |r| r.time_ns);
    let accepted: Vec<&&Row> = rows.iter().filter(|r| r.accepted == Some(true)).collect();
    vec![
        ("protocol", protocol.name().into()),
        ("client", client.into()),
        ("server", server.0.into()),
        ("port", server.1.into()),
        ("attempts", rows.len().into()),
        ("refused", refused.into()),
        ("accepted", accepted.len().into()),
        ("users", users.len().into()),
        ("most_in_60_s", best.into()),
        ("frames", frames.into()),
        (
            "accepted_after",
            accepted.iter().find(|r| r.time_ns >= first_refused).map(|r| r.outcome_frame.unwrap_or(r.frame)).into(),
        ),
    ]
    .into()
}

fn new_row(
    ctx: &Context,
    client: End,
    server: End,
    (protocol, method, exposed): (Protocol, &'static str, Exposed),
    user: Option<&str>,
    first_frame: u64,
) -> Row {
    Row {
        frame: ctx.frame,
        first_frame,
        time_ns: ctx.time_ns,
        last_frame: ctx.frame,
        count: 1,
        protocol,
        method,
        exposed,
        user: user.filter(|u| !u.is_empty()).map(Into::into),
        client,
        server,
        transport: ctx.transport,
        stream: ctx.stream,
        accepted: None,
        outcome_frame: None,
    }
}

/// Two rows of packets that are told together.
fn join(mine: &mut Row, other: &Row) {
    let count = mine.count + other.count;
    let last_frame = mine.last_frame.max(other.last_frame);
    let outcome = match (mine.outcome_frame, other.outcome_frame) {
        (Some(a), Some(b)) => (Some(true), Some(a.min(b))),
        (a, b) => (mine.accepted.or(other.accepted), a.or(b)),
    };
    if (other.frame, other.time_ns) < (mine.frame, mine.time_ns) {
        *mine = other.clone();
    }
    (mine.count, mine.last_frame) = (count, last_frame);
    (mine.accepted, mine.outcome_frame) = outcome;
}

impl Report for Book {
    fn value(self: Arc<Self>) -> Value {
        let listed = self.rows.len() + self.managed.len() + self.challenged.len();
        let fields: Fields = vec![
            ("totals", self.totals()),
            ("rows", listed.into()),
            ("dropped", self.dropped.into()),
            ("telnet_sessions", self.telnet_sessions.into()),
        ];
        fields.into()
    }

    fn page(&self, table: &str, offset: usize, limit: usize) -> Vec<Value> {
        match table {
            "logins" => self.sorted().into_iter().skip(offset).take(limit).map(Row::value).collect(),
            "refused" => self.groups(limit.saturating_add(offset)).into_iter().skip(offset).collect(),
            _ => Vec::new(),
        }
    }

    fn merge(&self, other: &dyn Report) -> Option<Arc<dyn Report>> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let mut sum = self.clone();
        sum.dropped += other.dropped;
        sum.telnet_sessions += other.telnet_sessions;
        for (protocol, theirs) in &other.totals {
            let mine = sum.totals.entry(*protocol).or_default();
            mine.attempts += theirs.attempts;
            mine.accepted += theirs.accepted;
            mine.refused += theirs.refused;
            mine.secret += theirs.secret;
            mine.hash += theirs.hash;
        }
        let room = sum.max_rows.saturating_sub(sum.rows.len());
        sum.rows.extend(other.rows.iter().take(room).cloned());
        sum.dropped += other.rows.len().saturating_sub(room) as u64;
        for (mine, theirs) in [(&mut sum.managed, &other.managed)] {
            for (key, row) in theirs {
                if let Some(known) = mine.get_mut(key) {
                    join(known, row);
                } else if mine.len() < sum.max_keys {
                    mine.insert(key.clone(), row.clone());
                } else {
                    sum.dropped += row.count;
                }
            }
        }
        for (key, row) in &other.challenged {
            if let Some(known) = sum.challenged.get_mut(key) {
                if (row.frame, row.time_ns) < (known.frame, known.time_ns) {
                    *known = row.clone();
                }
            } else if sum.challenged.len() < sum.max_keys {
                sum.challenged.insert(key.clone(), row.clone());
            } else {
                sum.dropped += 1;
            }
        }
        Some(Arc::new(sum))
    }
}
