//! Fields of TLS and DTLS: records, handshake messages, alerts. Both have the same names but for the first part of them,
//! and so the same tables; what only one has stands behind what both have.

mod extensions;
mod messages;
mod walk;

use super::names;
use crate::fields;
use crate::filter::field::Names;
use crate::filter::registry::{Group, base};
use crate::filter::{FieldId, Sink};
pub(crate) use messages::Hellos;
pub(crate) use messages::message;
use walk::Walk;

/// A table for each of the two.
macro_rules! table {
    ($group:expr, $prefix:literal; $($more:tt)*) => {
        fields! {
            $group, $prefix, Some("tls");
            RECORD = label(concat!($prefix, ".record"), "Record");
            RECORD_CONTENT_TYPE = u8(concat!($prefix, ".record.content_type"), "Content type").table(&CONTENT_TYPES);
            RECORD_VERSION = u16(concat!($prefix, ".record.version"), "Version of the record").hex().table(&VERSIONS);
            RECORD_LENGTH = u16(concat!($prefix, ".record.length"), "Length of the record");
            CHANGE_CIPHER_SPEC = label(concat!($prefix, ".change_cipher_spec"), "Change of cipher");
            APP_DATA = bytes(concat!($prefix, ".app_data"), "Encrypted application data");
            ALERT = label(concat!($prefix, ".alert_message"), "Alert");
            ALERT_LEVEL = u8(concat!($prefix, ".alert_message.level"), "Alert: level").table(&LEVELS);
            ALERT_DESC = u8(concat!($prefix, ".alert_message.desc"), "Alert: description").table(&ALERTS);
            HANDSHAKE = label(concat!($prefix, ".handshake"), "Handshake message");
            TYPE = u8(concat!($prefix, ".handshake.type"), "Handshake message: type").table(&MESSAGES);
            LENGTH = u24(concat!($prefix, ".handshake.length"), "Handshake message: length");
            VERSION = u16(concat!($prefix, ".handshake.version"), "Version in a hello").hex().table(&VERSIONS);
            RANDOM = bytes(concat!($prefix, ".handshake.random"), "Random");
            RANDOM_TIME = time(concat!($prefix, ".handshake.random_time"), "Time in the random");
            RANDOM_BYTES = bytes(concat!($prefix, ".handshake.random_bytes"), "Random behind the time");
            SESSION_ID_LENGTH = u8(concat!($prefix, ".handshake.session_id_length"), "Session id: length");
            SESSION_ID = bytes(concat!($prefix, ".handshake.session_id"), "Session id");
            CIPHER_SUITES_LENGTH = u16(concat!($prefix, ".handshake.cipher_suites_length"), "Cipher suites: length");
            CIPHERSUITES = label(concat!($prefix, ".handshake.ciphersuites"), "Cipher suites");
            CIPHERSUITE = u16(concat!($prefix, ".handshake.ciphersuite"), "Cipher suite").hex().names(SUITES);
            COMP_METHODS_LENGTH = u8(concat!($prefix, ".handshake.comp_methods_length"), "Compression methods: length");
            COMP_METHODS = label(concat!($prefix, ".handshake.comp_methods"), "Compression methods");
            COMP_METHOD = u8(concat!($prefix, ".handshake.comp_method"), "Compression method");
            EXTENSIONS_LENGTH = u16(concat!($prefix, ".handshake.extensions_length"), "Extensions: length");
            EXTENSION_TYPE = u16(concat!($prefix, ".handshake.extension.type"), "Extension: type").names(EXTENSIONS);
            EXTENSION_LEN = u16(concat!($prefix, ".handshake.extension.len"), "Extension: length");
            EXTENSION_DATA = bytes(concat!($prefix, ".handshake.extension.data"), "Extension: data that are not decoded");
            JA3_FULL = string(concat!($prefix, ".handshake.ja3_full"), "JA3 before hashing");
            JA3 = string(concat!($prefix, ".handshake.ja3"), "JA3");
            JA3S_FULL = string(concat!($prefix, ".handshake.ja3s_full"), "JA3S before hashing");
            JA3S = string(concat!($prefix, ".handshake.ja3s"), "JA3S");
            SNI_LIST_LEN = u16(concat!($prefix, ".handshake.extensions_server_name_list_len"), "Server names: length");
            SNI_TYPE = u8(concat!($prefix, ".handshake.extensions_server_name_type"), "Server name: type");
            SNI_LEN = u16(concat!($prefix, ".handshake.extensions_server_name_len"), "Server name: length");
            SNI = string(concat!($prefix, ".handshake.extensions_server_name"), "Server name");
            MAX_FRAGMENT_LENGTH = u8(concat!($prefix, ".handshake.max_fragment_length"), "Maximum fragment length");
            STATUS_TYPE = u8(concat!($prefix, ".handshake.extensions_status_request_type"), "Certificate status: type");
            STATUS_RESPONDERS_LEN = u16(concat!($prefix, ".handshake.extensions_status_request_responder_ids_len"), "Certificate status: length of responder ids");
            STATUS_EXTS_LEN = u16(concat!($prefix, ".handshake.extensions_status_request_exts_len"), "Certificate status: length of extensions");
            GROUPS_LEN = u16(concat!($prefix, ".handshake.extensions_supported_groups_length"), "Groups: length");
            GROUPS = label(concat!($prefix, ".handshake.extensions_supported_groups"), "Groups");
            GROUP = u16(concat!($prefix, ".handshake.extensions_supported_group"), "Group").hex().names(NAMED_GROUPS);
            POINT_FORMATS_LEN = u8(concat!($prefix, ".handshake.extensions_ec_point_formats_length"), "Point formats: length");
            POINT_FORMATS = label(concat!($prefix, ".handshake.extensions_ec_point_formats"), "Point formats");
            POINT_FORMAT = u8(concat!($prefix, ".handshake.extensions_ec_point_format"), "Point format");
            HEARTBEAT_MODE = u8(concat!($prefix, ".handshake.extension.heartbeat.mode"), "Heartbeat: mode");
            SIG_ALGS_LEN = u16(concat!($prefix, ".handshake.sig_hash_alg_len"), "Signature algorithms: length");
            SIG_ALGS = label(concat!($prefix, ".handshake.sig_hash_algs"), "Signature algorithms");
            SIG_ALG = u16(concat!($prefix, ".handshake.sig_hash_alg"), "Signature algorithm").hex().names(SIGNATURES);
            SIG_HASH = u8(concat!($prefix, ".handshake.sig_hash_hash"), "Signature algorithm: hash");
            SIG_SIG = u8(concat!($prefix, ".handshake.sig_hash_sig"), "Signature algorithm: signature");
            ALPN_LEN = u16(concat!($prefix, ".handshake.extensions_alpn_len"), "Application protocols: length");
            ALPN_LIST = label(concat!($prefix, ".handshake.extensions_alpn_list"), "Application protocols");
            ALPN_STR_LEN = u8(concat!($prefix, ".handshake.extensions_alpn_str_len"), "Application protocol: length");
            ALPN_STR = string(concat!($prefix, ".handshake.extensions_alpn_str"), "Application protocol");
            PADDING_DATA = bytes(concat!($prefix, ".handshake.extensions_padding_data"), "Padding");
            TICKET_LIFETIME = u32(concat!($prefix, ".handshake.session_ticket_lifetime_hint"), "Session ticket: lifetime");
            TICKET_LENGTH = u16(concat!($prefix, ".handshake.session_ticket_length"), "Session ticket: length");
            TICKET = bytes(concat!($prefix, ".handshake.session_ticket"), "Session ticket");
            PSK_IDS_LEN = u16(concat!($prefix, ".handshake.extensions.psk.identities.length"), "Pre-shared keys: length of identities");
            PSK_ID_LEN = u16(concat!($prefix, ".handshake.extensions.psk.identity.identity_length"), "Pre-shared key: length of identity");
            PSK_ID = bytes(concat!($prefix, ".handshake.extensions.psk.identity.identity"), "Pre-shared key: identity");
            PSK_AGE = u32(concat!($prefix, ".handshake.extensions.psk.identity.obfuscated_ticket_age"), "Pre-shared key: obfuscated age");
            PSK_BINDERS_LEN = u16(concat!($prefix, ".handshake.extensions.psk.binders_len"), "Pre-shared keys: length of binders");
            PSK_BINDERS = label(concat!($prefix, ".handshake.extensions.psk.binders"), "Pre-shared keys: binders");
            PSK_SELECTED = u16(concat!($prefix, ".handshake.extensions.psk.identity.selected"), "Pre-shared key chosen");
            VERSIONS_LEN = u8(concat!($prefix, ".handshake.extensions.supported_versions_len"), "Versions: length");
            SUPPORTED_VERSION = u16(concat!($prefix, ".handshake.extensions.supported_version"), "Version offered or chosen").hex().table(&VERSIONS);
            COOKIE_LEN = u16(concat!($prefix, ".handshake.extensions.cookie_len"), "Cookie: length");
            COOKIE = bytes(concat!($prefix, ".handshake.extensions.cookie"), "Cookie");
            PSK_MODES_LEN = u8(concat!($prefix, ".extension.psk_ke_modes_length"), "Pre-shared key modes: length");
            PSK_MODE = u8(concat!($prefix, ".extension.psk_ke_mode"), "Pre-shared key mode");
            KEY_SHARE_LEN = u16(concat!($prefix, ".handshake.extensions_key_share_client_length"), "Key shares: length");
            KEY_SHARE_GROUP = u16(concat!($prefix, ".handshake.extensions_key_share_group"), "Key share: group").names(NAMED_GROUPS);
            KEY_SHARE_KEY_LEN = u16(concat!($prefix, ".handshake.extensions_key_share_key_exchange_length"), "Key share: length of key");
            KEY_SHARE_KEY = bytes(concat!($prefix, ".handshake.extensions_key_share_key_exchange"), "Key share: key");
            KEY_SHARE_SELECTED = u16(concat!($prefix, ".handshake.extensions_key_share_selected_group"), "Group asked for").names(NAMED_GROUPS);
            RENEG_LEN = u8(concat!($prefix, ".handshake.extensions_reneg_info_len"), "Renegotiation: length");
            RENEG = bytes(concat!($prefix, ".handshake.extensions_reneg_info"), "Renegotiation");
            NPN_LEN = u8(concat!($prefix, ".handshake.extensions_npn_str_len"), "Next protocol: length");
            NPN = string(concat!($prefix, ".handshake.extensions_npn"), "Next protocol");
            ALPS_LEN = u16(concat!($prefix, ".handshake.extensions_alps_len"), "Application settings: length");
            ALPS_LIST = label(concat!($prefix, ".handshake.extensions_alps_alpn_list"), "Application settings: protocols");
            ALPS_STR_LEN = u8(concat!($prefix, ".handshake.extensions_alps_alpn_str_len"), "Application settings: length of protocol");
            ALPS_STR = string(concat!($prefix, ".handshake.extensions_alps_alpn_str"), "Application settings: protocol");
            COMPRESS_LEN = u8(concat!($prefix, ".compress_certificate.algorithms_length"), "Certificate compression: length");
            COMPRESS = u16(concat!($prefix, ".compress_certificate.algorithm"), "Certificate compression");
            RECORD_SIZE_LIMIT = u16(concat!($prefix, ".record_size_limit"), "Record size limit");
            CERTIFICATES_LENGTH = u24(concat!($prefix, ".handshake.certificates_length"), "Certificates: length");
            CERTIFICATES = label(concat!($prefix, ".handshake.certificates"), "Certificates");
            CERTIFICATE_LENGTH = u24(concat!($prefix, ".handshake.certificate_length"), "Certificate: length");
            CERTIFICATE = bytes(concat!($prefix, ".handshake.certificate"), "Certificate");
            CURVE_TYPE = u8(concat!($prefix, ".handshake.server_curve_type"), "Curve: type").hex();
            NAMED_CURVE = u16(concat!($prefix, ".handshake.server_named_curve"), "Curve").hex().names(NAMED_GROUPS);
            SERVER_POINT_LEN = u8(concat!($prefix, ".handshake.server_point_len"), "Server's point: length");
            SERVER_POINT = bytes(concat!($prefix, ".handshake.server_point"), "Server's point");
            CLIENT_POINT_LEN = u8(concat!($prefix, ".handshake.client_point_len"), "Client's point: length");
            CLIENT_POINT = bytes(concat!($prefix, ".handshake.client_point"), "Client's point");
            P_LEN = u16(concat!($prefix, ".handshake.p_len"), "Diffie-Hellman: length of p");
            P = bytes(concat!($prefix, ".handshake.p"), "Diffie-Hellman: p");
            G_LEN = u16(concat!($prefix, ".handshake.g_len"), "Diffie-Hellman: length of g");
            G = bytes(concat!($prefix, ".handshake.g"), "Diffie-Hellman: g");
            YS_LEN = u16(concat!($prefix, ".handshake.ys_len"), "Diffie-Hellman: length of the server's key");
            YS = bytes(concat!($prefix, ".handshake.ys"), "Diffie-Hellman: the server's key");
            YC_LEN = u16(concat!($prefix, ".handshake.yc_len"), "Diffie-Hellman: length of the client's key");
            YC = bytes(concat!($prefix, ".handshake.yc"), "Diffie-Hellman: the client's key");
            SIG_LEN = u16(concat!($prefix, ".handshake.sig_len"), "Signature: length");
            SIG = bytes(concat!($prefix, ".handshake.sig"), "Signature");
            EPMS_LEN = u16(concat!($prefix, ".handshake.epms_len"), "Encrypted secret: length");
            EPMS = bytes(concat!($prefix, ".handshake.epms"), "Encrypted secret");
            CERT_TYPES_COUNT = u8(concat!($prefix, ".handshake.cert_types_count"), "Certificate types: count");
            CERT_TYPES = label(concat!($prefix, ".handshake.cert_types"), "Certificate types");
            CERT_TYPE = u8(concat!($prefix, ".handshake.cert_type"), "Certificate type");
            DNAMES_LEN = u16(concat!($prefix, ".handshake.dnames_len"), "Distinguished names: length");
            DNAMES = label(concat!($prefix, ".handshake.dnames"), "Distinguished names");
            DNAME_LEN = u16(concat!($prefix, ".handshake.dname_len"), "Distinguished name: length");
            VERIFY_SIG_LEN = u16(concat!($prefix, ".handshake.client_cert_vrfy.sig_len"), "Client's signature: length");
            VERIFY_SIG = bytes(concat!($prefix, ".handshake.client_cert_vrfy.sig"), "Client's signature");
            SCTS_LENGTH = u16(concat!($prefix, ".sct.scts_length"), "Signed certificate timestamps: length");
            $($more)*
        }
    };
}

/// Names of TLS.
pub mod tls {
    use super::*;
    table! {
        Group::Tls, "tls";
        OPAQUE_TYPE = u8("tls.record.opaque_type", "Content type that TLS 1.3 shows outside").table(&CONTENT_TYPES);
    }
}

/// Names of DTLS.
pub mod dtls {
    use super::*;
    table! {
        Group::Dtls, "dtls";
        EPOCH = u16("dtls.record.epoch", "Epoch");
        SEQUENCE_NUMBER = u48("dtls.record.sequence_number", "Number of the record");
        MESSAGE_SEQ = u16("dtls.handshake.message_seq", "Number of the message");
        FRAGMENT_OFFSET = u24("dtls.handshake.fragment_offset", "Fragment: offset");
        FRAGMENT_LENGTH = u24("dtls.handshake.fragment_length", "Fragment: length");
        HELLO_COOKIE_LENGTH = u8("dtls.handshake.cookie_length", "Cookie of the hello: length");
        HELLO_COOKIE = bytes("dtls.handshake.cookie", "Cookie of the hello");
    }
}

/// Wireshark's names of content types.
static CONTENT_TYPES: [(u64, &str); 5] =
    [(20, "Change Cipher Spec"), (21, "Alert"), (22, "Handshake"), (23, "Application Data"), (24, "Heartbeat")];
static VERSIONS: [(u64, &str); 9] = [
    (0x0002, "SSL 2.0"),
    (0x0300, "SSL 3.0"),
    (0x0301, "TLS 1.0"),
    (0x0302, "TLS 1.1"),
    (0x0303, "TLS 1.2"),
    (0x0304, "TLS 1.3"),
    (0xfeff, "DTLS 1.0"),
    (0xfefd, "DTLS 1.2"),
    (0xfefc, "DTLS 1.3"),
];
static LEVELS: [(u64, &str); 2] = [(1, "Warning"), (2, "Fatal")];
static MESSAGES: [(u64, &str); 22] = [
    (0, "Hello Request"),
    (1, "Client Hello"),
    (2, "Server Hello"),
    (3, "Hello Verify Request"),
    (4, "New Session Ticket"),
    (5, "End of Early Data"),
    (6, "Hello Retry Request"),
    (8, "Encrypted Extensions"),
    (9, "Request Connection ID"),
    (10, "New Connection ID"),
    (11, "Certificate"),
    (12, "Server Key Exchange"),
    (13, "Certificate Request"),
    (14, "Server Hello Done"),
    (15, "Certificate Verify"),
    (16, "Client Key Exchange"),
    (20, "Finished"),
    (21, "Client Certificate URL"),
    (22, "Certificate Status"),
    (23, "Supplemental Data"),
    (24, "Key Update"),
    (25, "Compressed Certificate"),
];
static ALERTS: [(u64, &str); 34] = [
    (0, "Close Notify"),
    (1, "End of Early Data"),
    (10, "Unexpected Message"),
    (20, "Bad Record MAC"),
    (21, "Decryption Failed"),
    (22, "Record Overflow"),
    (30, "Decompression Failure"),
    (40, "Handshake Failure"),
    (41, "No Certificate"),
    (42, "Bad Certificate"),
    (43, "Unsupported Certificate"),
    (44, "Certificate Revoked"),
    (45, "Certificate Expired"),
    (46, "Certificate Unknown"),
    (47, "Illegal Parameter"),
    (48, "Unknown CA"),
    (49, "Access Denied"),
    (50, "Decode Error"),
    (51, "Decrypt Error"),
    (60, "Export Restriction"),
    (70, "Protocol Version"),
    (71, "Insufficient Security"),
    (80, "Internal Error"),
    (86, "Inappropriate Fallback"),
    (90, "User Canceled"),
    (100, "No Renegotiation"),
    (109, "Missing Extension"),
    (110, "Unsupported Extension"),
    (111, "Certificate Unobtainable"),
    (112, "Unrecognized Name"),
    (113, "Bad Certificate Status Response"),
    (114, "Bad Certificate Hash Value"),
    (115, "Unknown PSK Identity"),
    (120, "No application Protocol"),
];

const SUITES: Names = Names::Of(|v| names::suite(v as u16), |n| find(n, names::suite));
const NAMED_GROUPS: Names = Names::Of(|v| names::group(v as u16), |n| find(n, names::group));
const SIGNATURES: Names = Names::Of(|v| names::signature(v as u16), |n| find(n, names::signature));
const EXTENSIONS: Names = Names::Of(|v| names::extension(v as u16), |n| find(n, names::extension));

/// The number of a name.
fn find(name: &str, of: fn(u16) -> Option<&'static str>) -> Option<u64> {
    (0..=u16::MAX).find(|&v| of(v).is_some_and(|n| n.eq_ignore_ascii_case(name))).map(u64::from)
}

/// Takes the fields of one of the two, by the names of TLS.
pub(crate) struct Put<'s> {
    sink: &'s mut Sink,
    /// From a field of TLS to that of DTLS.
    shift: u16,
    dtls: bool,
    /// Handshake messages have no time in their random: TLS 1.3 is known to be spoken.
    pub tls13: bool,
}

impl<'s> Put<'s> {
    pub fn new(sink: &'s mut Sink, dtls: bool, tls13: bool) -> Self {
        let shift = if dtls { base(Group::Dtls) - base(Group::Tls) } else { 0 };
        Self { sink, shift, dtls, tls13 }
    }

    pub fn id(&self, field: FieldId) -> FieldId {
        FieldId(field.0 + self.shift)
    }

    /// A record of TLS that Wireshark shows: its header and what of its contents is told by its type alone. `data` starts
    /// with it.
    pub fn record(&mut self, data: &[u8], version: u16, length: usize) {
        let &[kind, ..] = data else { return };
        self.sink.label(tls::RECORD, 0, 5 + length);
        let opaque = self.tls13 && kind == super::content::APPLICATION_DATA;
        let field = if opaque { tls::OPAQUE_TYPE } else { tls::RECORD_CONTENT_TYPE };
        self.sink.uint(field, kind as u64, 0, 1);
        self.sink.uint(tls::RECORD_VERSION, version as u64, 1, 2);
        self.sink.uint(tls::RECORD_LENGTH, length as u64, 3, 2);
        self.contents(kind, data, 5, length, false);
    }

    /// The same of a record that was opened: `kind` is the type of what is inside, which TLS 1.3 hides.
    pub fn opened_record(&mut self, data: &[u8], version: u16, length: usize, kind: u8) {
        self.sink.label(tls::RECORD, 0, 5 + length);
        if self.tls13 {
            self.sink.uint(tls::OPAQUE_TYPE, super::content::APPLICATION_DATA as u64, 0, 1);
        }
        self.sink.uint(tls::RECORD_CONTENT_TYPE, kind as u64, 0, 1);
        self.sink.uint(tls::RECORD_VERSION, version as u64, 1, 2);
        self.sink.uint(tls::RECORD_LENGTH, length as u64, 3, 2);
        if kind != super::content::ALERT {
            self.contents(kind, data, 5, length, false);
        }
    }

    /// Contents other than handshake messages. Application data that were passed over have no bytes.
    pub fn contents(&mut self, kind: u8, data: &[u8], at: usize, length: usize, encrypted: bool) {
        let body = data.get(at..).unwrap_or_default();
        let body = body.get(..length).unwrap_or(body);
        match kind {
            super::content::CHANGE_CIPHER_SPEC => self.sink.label(self.id(tls::CHANGE_CIPHER_SPEC), at, length),
            super::content::APPLICATION_DATA => self.sink.bytes(self.id(tls::APP_DATA), body, at),
            super::content::ALERT => {
                self.sink.label(self.id(tls::ALERT), at, length);
                if let (&[level, description], false) = (body, encrypted) {
                    self.sink.uint(self.id(tls::ALERT_LEVEL), level as u64, at, 1);
                    self.sink.uint(self.id(tls::ALERT_DESC), description as u64, at + 1, 1);
                }
            }
            _ => {}
        }
    }

    /// A record of SSL 2.0, with its type and body where it is a message that is read.
    pub fn ssl2_record(&mut self, message: Option<(u8, &[u8])>, length: usize, header: usize) {
        self.sink.label(tls::RECORD, 0, header + length);
        self.sink.uint(tls::RECORD_VERSION, 2, 0, header);
        self.sink.uint(tls::RECORD_LENGTH, length as u64, 0, header);
        let Some((kind, body)) = message else { return };
        self.sink.uint(tls::TYPE, kind as u64, header, 1);
        // Behind the type; in a server hello behind two bytes more.
        let at = if kind == 4 { 2 } else { 0 };
        if let (1 | 4, Some(v)) = (kind, body.get(at..at + 2)) {
            self.sink.uint(tls::VERSION, u16::from_be_bytes([v[0], v[1]]) as u64, header + 1 + at, 2);
        }
    }

    /// A record of handshake messages that cannot be read.
    pub fn encrypted_handshake(&mut self, at: usize, length: usize) {
        self.sink.label(self.id(tls::HANDSHAKE), at, length);
    }

    /// Header of a DTLS record.
    pub fn dtls_record(&mut self, data: &[u8], at: usize, length: usize) {
        let Some(h) = data.get(at..at + 13) else { return };
        let number = |from: usize, n: usize| h[from..from + n].iter().fold(0u64, |v, &b| v << 8 | b as u64);
        self.sink.label(dtls::RECORD, at, 13 + length);
        self.sink.uint(dtls::RECORD_CONTENT_TYPE, h[0] as u64, at, 1);
        self.sink.uint(dtls::RECORD_VERSION, number(1, 2), at + 1, 2);
        self.sink.uint(dtls::EPOCH, number(3, 2), at + 3, 2);
        self.sink.uint(dtls::SEQUENCE_NUMBER, number(5, 6), at + 5, 6);
        self.sink.uint(dtls::RECORD_LENGTH, number(11, 2), at + 11, 2);
    }

    /// What stands in a DTLS fragment in front of its bytes.
    pub fn dtls_fragment(&mut self, head: &[u8; 12], at: usize) {
        let number = |from: usize, n: usize| head[from..from + n].iter().fold(0u64, |v, &b| v << 8 | b as u64);
        let bytes = number(9, 3) as usize;
        self.sink.label(dtls::HANDSHAKE, at, 12 + bytes);
        self.sink.uint(dtls::TYPE, head[0] as u64, at, 1);
        self.sink.uint(dtls::LENGTH, number(1, 3), at + 1, 3);
        self.sink.uint(dtls::MESSAGE_SEQ, number(4, 2), at + 4, 2);
        self.sink.uint(dtls::FRAGMENT_OFFSET, number(6, 3), at + 6, 3);
        self.sink.uint(dtls::FRAGMENT_LENGTH, number(9, 3), at + 9, 3);
    }

    fn walk<'p, 'a>(&'p mut self, data: &'a [u8], at: usize) -> Walk<'p, 's, 'a> {
        Walk::new(self, data, at)
    }
}
