//! One handshake as it goes: who offered what, what was chosen, how far it came and how it ended.

use super::fingerprint::Ja4;
use super::machine::Machine;
use crate::addr::IpAddr;
use crate::app::{Close, Context, DetectedBy};
use std::sync::Arc;

/// Steps of a handshake that have a time, in the order of a full one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Step {
    ClientHello,
    HelloRetryRequest,
    SecondClientHello,
    ServerHello,
    Certificate,
    ServerHelloDone,
    ClientKeyExchange,
    ClientFinished,
    ServerFinished,
    ClientData,
    ServerData,
}

impl Step {
    pub const NAMES: [&str; 11] = [
        "client_hello",
        "hello_retry_request",
        "second_client_hello",
        "server_hello",
        "certificate",
        "server_hello_done",
        "client_key_exchange",
        "client_finished",
        "server_finished",
        "client_data",
        "server_data",
    ];
}

/// What a client offers, without what differs from one connection to the next: shared by all that offer the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    pub legacy_version: u16,
    pub versions: Vec<u16>,
    pub ciphers: Vec<u16>,
    pub groups: Vec<u16>,
    pub key_shares: Vec<u16>,
    pub signatures: Vec<u16>,
    pub alpn: Vec<Box<[u8]>>,
    pub ja4: Ja4,
    pub flags: u16,
}

/// Bits of [`Offer::flags`].
pub mod offers {
    pub const GREASE: u16 = 1;
    pub const ECH: u16 = 1 << 1;
    pub const ENCRYPTED_SERVER_NAME: u16 = 1 << 2;
    pub const TICKET: u16 = 1 << 3;
    pub const PRE_SHARED_KEY: u16 = 1 << 4;
    pub const EARLY_DATA: u16 = 1 << 5;
    pub const EXTENDED_MASTER_SECRET: u16 = 1 << 6;
    pub const STATUS_REQUEST: u16 = 1 << 7;
    pub const SSL2_HELLO: u16 = 1 << 8;
    pub const SESSION_ID: u16 = 1 << 9;
    pub const POST_QUANTUM: u16 = 1 << 10;
    pub const POST_QUANTUM_KEY: u16 = 1 << 11;
}

/// An alert in the clear, or (without numbers) an encrypted one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    pub frame: u64,
    pub time_ns: i64,
    pub from_server: bool,
    /// (level, description).
    pub code: Option<(u8, u8)>,
}

/// Certificate and server name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameMatch {
    /// No server name asked for, or no certificate to be seen.
    #[default]
    Unknown,
    Match,
    Mismatch,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Completed,
    /// A fatal alert, or an encrypted one where the handshake should have gone on.
    Alert,
    Reset,
    /// Closed in order before it was complete.
    Closed,
    /// Neither went on nor ended in this capture.
    Stalled,
    /// The capture lacks its beginning: not judged.
    Partial,
}

impl Outcome {
    pub const ALL: [Outcome; 6] =
        [Outcome::Completed, Outcome::Alert, Outcome::Reset, Outcome::Closed, Outcome::Stalled, Outcome::Partial];

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Alert => "alert",
            Outcome::Reset => "reset",
            Outcome::Closed => "closed",
            Outcome::Stalled => "stalled",
            Outcome::Partial => "partial",
        }
    }
}

/// How a session is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    SessionId,
    Ticket,
    PreSharedKey,
}

impl Resumption {
    pub fn name(self) -> &'static str {
        match self {
            Resumption::SessionId => "session_id",
            Resumption::Ticket => "ticket",
            Resumption::PreSharedKey => "pre_shared_key",
        }
    }
}

/// One handshake.
#[derive(Clone, Debug)]
pub struct Handshake {
    pub dtls: bool,
    pub stream: Option<u32>,
    pub frame: u64,
    pub last_frame: u64,
    pub time_ns: i64,
    pub client: (IpAddr, u16),
    pub server: (IpAddr, u16),
    pub detected_by: DetectedBy,
    pub offer: Option<Arc<Offer>>,
    pub sni: Option<Box<[u8]>>,
    pub ja3: [u8; 16],
    pub version: Option<u16>,
    pub cipher: Option<u16>,
    pub group: Option<u16>,
    pub alpn: Option<Box<[u8]>>,
    pub ja3s: Option<[u8; 16]>,
    pub resumption: Option<Resumption>,
    /// The server repeated the client's session id.
    pub id_repeated: bool,
    pub certificate_requested: bool,
    pub client_certificate: bool,
    pub new_ticket: bool,
    pub stapled: bool,
    /// Certificates of the server, numbers in the table.
    pub chain: Vec<u32>,
    pub name_match: NameMatch,
    pub expired: bool,
    pub not_yet_valid: bool,
    pub self_issued: bool,
    pub chain_broken: bool,
    /// Times by [`Step`], ns since 1970; `NEVER` where it did not come.
    pub steps: [i64; Step::NAMES.len()],
    pub alerts: Vec<Alert>,
    pub end: Option<(Close, bool, u64)>,
    pub ccs: [bool; 2],
    pub complete: bool,
    pub failed: bool,
    /// Its first hello passes the filter of the pass.
    pub counts: bool,
}

pub const NEVER: i64 = i64::MIN;

/// Alerts listed with a handshake.
const MAX_ALERTS: usize = 8;

impl Handshake {
    /// One that begins with this message of the client.
    pub fn begin(c: &Context, client: (IpAddr, u16), server: (IpAddr, u16), dtls: bool) -> Self {
        Self {
            dtls,
            stream: c.stream,
            frame: c.frame,
            last_frame: c.frame,
            time_ns: c.time_ns,
            client,
            server,
            detected_by: c.detected_by,
            offer: None,
            sni: None,
            ja3: [0; 16],
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            ja3s: None,
            resumption: None,
            id_repeated: false,
            certificate_requested: false,
            client_certificate: false,
            new_ticket: false,
            stapled: false,
            chain: Vec::new(),
            name_match: NameMatch::Unknown,
            expired: false,
            not_yet_valid: false,
            self_issued: false,
            chain_broken: false,
            steps: [NEVER; Step::NAMES.len()],
            alerts: Vec::new(),
            end: None,
            ccs: [false; 2],
            complete: false,
            failed: false,
            counts: true,
        }
    }

    pub fn has(&self, step: Step) -> bool {
        self.steps[step as usize] != NEVER
    }

    /// The first time of a step.
    pub fn step(&mut self, c: &Context, step: Step) {
        let at = &mut self.steps[step as usize];
        if *at == NEVER {
            *at = c.time_ns;
            self.last_frame = c.frame;
        }
    }

    pub fn offers(&self, flag: u16) -> bool {
        self.offer.as_ref().is_some_and(|o| o.flags & flag != 0)
    }

    pub fn is_tls13(&self) -> bool {
        matches!(self.version, Some(0x0304 | 0x7f00..=0x7fff | 0xfb00..=0xfbff | 0xfefc))
    }

    /// Neither complete nor failed: alerts, ends and further messages still belong to it.
    pub fn is_open(&self) -> bool {
        !self.complete && !self.failed && self.end.is_none()
    }

    /// Complete, and both sides have sent data: neither more of them nor the end of the connection change anything.
    pub fn is_quiet(&self) -> bool {
        let finished = self.has(Step::ClientFinished) && self.has(Step::ServerFinished);
        let data = self.has(Step::ClientData) && self.has(Step::ServerData);
        self.complete && data && (finished || !self.is_tls13())
    }

    /// A change of cipher: the sender's Finished follows (TLS 1.2 and before; RFC 5246 7.4.9).
    pub fn change_cipher(&mut self, c: &Context, from_server: bool) {
        if self.is_tls13() || self.version.is_none() {
            return;
        }
        self.ccs[from_server as usize] = true;
        if from_server
            && !self.has(Step::Certificate)
            && !self.has(Step::ClientKeyExchange)
            && self.resumption.is_none()
        {
            // Straight to the end: the session of before (RFC 5246 7.3, RFC 5077 3.4).
            self.resumption = match () {
                () if self.offers(offers::TICKET) => Some(Resumption::Ticket),
                () if self.id_repeated => Some(Resumption::SessionId),
                () => None,
            };
        }
        self.last_frame = c.frame;
    }

    /// An encrypted handshake record: in TLS 1.2 and before the Finished behind the change of cipher.
    pub fn encrypted_handshake(&mut self, c: &Context, from_server: bool) {
        if self.is_open() && self.ccs[from_server as usize] {
            self.finished(c, from_server);
        }
    }

    /// A Finished of TLS 1.3 that was decrypted.
    pub fn opened_finished(&mut self, c: &Context, from_server: bool) {
        if self.is_open() {
            self.finished(c, from_server);
        }
    }

    /// A Certificate message of TLS 1.3 that was decrypted, in the form of TLS 1.2.
    pub fn opened_certificate(&mut self, c: &Context, machine: &mut Machine, body: &[u8], from_server: bool) {
        machine.certificates(c, self, body, from_server);
        if from_server {
            self.step(c, Step::Certificate);
        }
    }

    /// Application data that were decrypted: nothing hides behind them.
    pub fn opened_data(&mut self, c: &Context, from_server: bool) {
        self.complete |= self.ccs == [true; 2];
        if self.complete || !self.is_tls13() {
            self.step(c, if from_server { Step::ServerData } else { Step::ClientData });
        }
    }

    fn finished(&mut self, c: &Context, from_server: bool) {
        self.step(c, if from_server { Step::ServerFinished } else { Step::ClientFinished });
        self.complete |= self.has(Step::ServerFinished) && self.has(Step::ClientFinished);
    }

    /// A record of application data, which in TLS 1.3 hides the rest of the handshake (RFC 8446 5.2).
    pub fn data(&mut self, c: &Context, from_server: bool, record_bytes: usize) {
        let data = if from_server { Step::ServerData } else { Step::ClientData };
        if !self.is_tls13() {
            if self.version.is_some() || self.offer.is_none() {
                self.step(c, data);
                self.complete |= self.ccs == [true; 2];
            }
            return;
        }
        if !self.has(Step::ServerHello) {
            return; // Early data.
        }
        let finished = if from_server { Step::ServerFinished } else { Step::ClientFinished };
        if self.has(finished) {
            if self.complete {
                self.step(c, data);
            }
            return;
        }
        if record_bytes <= ENCRYPTED_ALERT_BYTES && self.is_open() {
            self.alert(Alert { frame: c.frame, time_ns: c.time_ns, from_server, code: None });
            return;
        }
        // The server's first record holds the start of its flight, which the Finished ends; nobody can tell which one.
        self.step(c, finished);
        self.complete |= !from_server && self.has(Step::ServerFinished);
    }

    pub fn alert(&mut self, alert: Alert) {
        let fatal = match alert.code {
            Some((level, _)) => level == 2,
            None => true,
        };
        if self.is_open() && fatal {
            self.failed = true;
            self.last_frame = alert.frame;
        }
        if self.alerts.len() < MAX_ALERTS {
            self.alerts.push(alert);
        }
    }

    pub fn closed(&mut self, c: &Context, how: Close, from_server: bool) {
        if self.is_open() {
            self.end = Some((how, from_server, c.frame));
            self.last_frame = c.frame;
        }
    }

    pub fn outcome(&self) -> Outcome {
        match self.end {
            _ if self.complete => Outcome::Completed,
            _ if self.offer.is_none() => Outcome::Partial,
            _ if self.failed => Outcome::Alert,
            Some((Close::Rst, ..)) => Outcome::Reset,
            Some((Close::Fin, ..)) => Outcome::Closed,
            None => Outcome::Stalled,
        }
    }

    /// The last step seen.
    pub fn last_step(&self) -> &'static str {
        let last = (0..Step::NAMES.len()).filter(|&i| self.steps[i] != NEVER).max_by_key(|&i| (self.steps[i], i));
        last.map_or("nothing", |i| self.step_name(i))
    }

    /// TLS 1.3 hides what follows its hellos: told is the first encrypted record of each side (RFC 8446 2).
    pub fn step_name(&self, step: usize) -> &'static str {
        match step {
            s if s == Step::ClientFinished as usize && self.is_tls13() => "client_encrypted",
            s if s == Step::ServerFinished as usize && self.is_tls13() => "server_encrypted",
            s => Step::NAMES.get(s).copied().unwrap_or_default(),
        }
    }

    /// From the client's first hello to the client's Finished (or the server's, of a session taken up again), ns.
    pub fn duration_ns(&self) -> Option<i64> {
        if !self.complete || !self.has(Step::ClientHello) {
            return None;
        }
        let ends = [self.steps[Step::ClientFinished as usize], self.steps[Step::ServerFinished as usize]];
        let end = ends.into_iter().filter(|&t| t != NEVER).max()?;
        Some(end.saturating_sub(self.steps[Step::ClientHello as usize]))
    }

    /// From the client's hello to the server's answer, ns.
    pub fn hello_ns(&self) -> Option<i64> {
        let from = if self.has(Step::SecondClientHello) { Step::SecondClientHello } else { Step::ClientHello };
        let (from, to) = (self.steps[from as usize], self.steps[Step::ServerHello as usize]);
        (from != NEVER && to != NEVER).then(|| to.saturating_sub(from))
    }
}

/// A TLS 1.3 record of an alert: two bytes, the inner type and the tag of the usual suites (RFC 8446 5.2). The shortest
/// handshake message in one's place, EncryptedExtensions, takes 23.
const ENCRYPTED_ALERT_BYTES: usize = 19;
