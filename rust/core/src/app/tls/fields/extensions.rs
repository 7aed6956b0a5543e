//! Extensions of the hellos, by their number.

use super::messages::{signature_algorithm, signature_algorithms};
use super::tls;
use super::walk::Walk;
use crate::filter::FieldId;

/// Whose extensions these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    Client,
    Server,
    /// A ServerHello that asks for another ClientHello.
    Retry,
}

/// All extensions of a hello; none where nothing stands behind it.
pub(super) fn extensions(w: &mut Walk<'_, '_, '_>, hello: Hello) {
    if w.left() < 2 {
        return;
    }
    let Some(n) = w.number(tls::EXTENSIONS_LENGTH, 2) else { return };
    w.within(n, |w| {
        w.each(|w| {
            let Some(kind) = w.number(tls::EXTENSION_TYPE, 2) else { return };
            let Some(n) = w.number(tls::EXTENSION_LEN, 2) else { return };
            w.within(n, |w| extension(w, kind, hello));
        });
    });
}

fn extension(w: &mut Walk<'_, '_, '_>, kind: usize, hello: Hello) {
    let client = hello == Hello::Client;
    match kind {
        0 => server_names(w),
        1 => _ = w.number(tls::MAX_FRAGMENT_LENGTH, 1),
        5 if client => {
            w.number(tls::STATUS_TYPE, 1);
            if let Some(n) = w.number(tls::STATUS_RESPONDERS_LEN, 2) {
                w.skip(n);
            }
            w.number(tls::STATUS_EXTS_LEN, 2);
        }
        5 => {}
        10 => {
            if let Some(n) = w.number(tls::GROUPS_LEN, 2) {
                w.label(tls::GROUPS, n);
                w.within(n, |w| w.each(|w| _ = w.number(tls::GROUP, 2)));
            }
        }
        11 => {
            if let Some(n) = w.number(tls::POINT_FORMATS_LEN, 1) {
                w.label(tls::POINT_FORMATS, n);
                w.within(n, |w| w.each(|w| _ = w.number(tls::POINT_FORMAT, 1)));
            }
        }
        13 | 34 | 50 => signature_algorithms(w),
        15 => _ = w.number(tls::HEARTBEAT_MODE, 1),
        16 => strings(w, [tls::ALPN_LEN, tls::ALPN_LIST, tls::ALPN_STR_LEN, tls::ALPN_STR]),
        17513 => strings(w, [tls::ALPS_LEN, tls::ALPS_LIST, tls::ALPS_STR_LEN, tls::ALPS_STR]),
        18 if w.left() > 0 => timestamps(w),
        21 => w.all(tls::PADDING_DATA),
        27 => {
            if let Some(n) = w.number(tls::COMPRESS_LEN, 1) {
                w.within(n, |w| w.each(|w| _ = w.number(tls::COMPRESS, 2)));
            }
        }
        28 => _ = w.number(tls::RECORD_SIZE_LIMIT, 2),
        41 if client => pre_shared_keys(w),
        41 => _ = w.number(tls::PSK_SELECTED, 2),
        43 if client => {
            if let Some(n) = w.number(tls::VERSIONS_LEN, 1) {
                w.within(n, |w| w.each(|w| _ = w.number(tls::SUPPORTED_VERSION, 2)));
            }
        }
        43 => _ = w.number(tls::SUPPORTED_VERSION, 2),
        44 => {
            if let Some(n) = w.number(tls::COOKIE_LEN, 2) {
                w.bytes(tls::COOKIE, n);
            }
        }
        45 => {
            if let Some(n) = w.number(tls::PSK_MODES_LEN, 1) {
                w.within(n, |w| w.each(|w| _ = w.number(tls::PSK_MODE, 1)));
            }
        }
        51 => match hello {
            Hello::Client => {
                if let Some(n) = w.number(tls::KEY_SHARE_LEN, 2) {
                    w.within(n, |w| w.each(key_share));
                }
            }
            Hello::Server => key_share(w),
            Hello::Retry => _ = w.number(tls::KEY_SHARE_SELECTED, 2),
        },
        13172 => w.each(|w| {
            if let Some(n) = w.number(tls::NPN_LEN, 1) {
                w.text(tls::NPN, n);
            }
        }),
        65281 => {
            if let Some(n) = w.number(tls::RENEG_LEN, 1) {
                w.bytes(tls::RENEG, n);
            }
        }
        // Transport parameters of QUIC have names of their own, which are not decoded.
        57 | 0xffa5 => {}
        // No data of their own.
        18 | 22 | 23 | 42 | 49 => {}
        _ => w.all(tls::EXTENSION_DATA),
    }
}

/// RFC 6066 3.
fn server_names(w: &mut Walk<'_, '_, '_>) {
    if w.left() == 0 {
        return;
    }
    let Some(n) = w.number(tls::SNI_LIST_LEN, 2) else { return };
    w.within(n, |w| {
        w.each(|w| {
            w.number(tls::SNI_TYPE, 1);
            if let Some(n) = w.number(tls::SNI_LEN, 2) {
                w.text(tls::SNI, n);
            }
        });
    });
}

/// A list of names, each behind its length (RFC 7301 3.1).
fn strings(w: &mut Walk<'_, '_, '_>, [length, list, one_length, one]: [FieldId; 4]) {
    let Some(n) = w.number(length, 2) else { return };
    w.label(list, n);
    w.within(n, |w| {
        w.each(|w| {
            if let Some(n) = w.number(one_length, 1) {
                w.text(one, n);
            }
        });
    });
}

fn key_share(w: &mut Walk<'_, '_, '_>) {
    w.number(tls::KEY_SHARE_GROUP, 2);
    if let Some(n) = w.number(tls::KEY_SHARE_KEY_LEN, 2) {
        w.bytes(tls::KEY_SHARE_KEY, n);
    }
}

/// RFC 8446 4.2.11.
fn pre_shared_keys(w: &mut Walk<'_, '_, '_>) {
    let Some(n) = w.number(tls::PSK_IDS_LEN, 2) else { return };
    w.within(n, |w| {
        w.each(|w| {
            if let Some(n) = w.number(tls::PSK_ID_LEN, 2) {
                w.bytes(tls::PSK_ID, n);
                w.number(tls::PSK_AGE, 4);
            }
        });
    });
    if let Some(n) = w.number(tls::PSK_BINDERS_LEN, 2) {
        w.label(tls::PSK_BINDERS, n);
    }
}

/// RFC 6962 3.3: of each timestamp only the algorithm of its signature has a field here.
pub(super) fn timestamps(w: &mut Walk<'_, '_, '_>) {
    let Some(n) = w.number(tls::SCTS_LENGTH, 2) else { return };
    w.within(n, |w| {
        w.each(|w| {
            let &[hi, lo, ..] = w.peek() else { return };
            w.skip(2);
            w.within(u16::from_be_bytes([hi, lo]) as usize, |w| {
                // Version, log, time; then extensions behind their length.
                w.skip(1 + 32 + 8);
                if let &[hi, lo, ..] = w.peek() {
                    w.skip(2 + u16::from_be_bytes([hi, lo]) as usize);
                    signature_algorithm(w);
                }
            });
        });
    });
}
