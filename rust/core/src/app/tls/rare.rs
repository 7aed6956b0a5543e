//! What few connections have: messages that go on in a later record, records that are passed over, secrets.

use super::HEADER;
use super::connection::{Connection, MAX_MESSAGE};
use super::machine::Machine;
use super::secrets::Session;

#[derive(Debug, Default)]
pub struct Rare {
    /// By end, bytes of a handshake message that goes on in the next record.
    partial: [Vec<u8>; 2],
    /// By end, the header of a record of application data whose bytes are passed over.
    coming: [Option<[u8; HEADER]>; 2],
    /// Where its secrets are known, or may come.
    session: Option<Box<Session>>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.partial.iter().all(Vec::is_empty) && self.coming == [None; 2] && self.session.is_none()
    }
}

impl Connection {
    /// Gives back the room when nothing is in it.
    fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|r| r.is_empty()) {
            self.rare = None;
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn partial_len(&self, side: usize) -> usize {
        self.rare.as_ref().map_or(0, |r| r.partial[side].len())
    }

    /// Keeps the start of a message, if there is room.
    pub(super) fn keep_partial(&mut self, machine: &mut Machine, side: usize, bytes: Vec<u8>) {
        self.take_partial(machine, side);
        if bytes.len() <= MAX_MESSAGE + 4 && machine.partial_bytes + bytes.len() <= machine.limits.partial_bytes {
            machine.partial_bytes += bytes.len();
            self.rare().partial[side] = bytes;
        }
    }

    /// Takes out what was kept.
    pub(super) fn take_partial(&mut self, machine: &mut Machine, side: usize) -> Vec<u8> {
        let Some(rare) = &mut self.rare else { return Vec::new() };
        let partial = std::mem::take(&mut rare.partial[side]);
        machine.partial_bytes = machine.partial_bytes.saturating_sub(partial.len());
        self.tidy();
        partial
    }

    pub(super) fn set_coming(&mut self, side: usize, header: Option<[u8; HEADER]>) {
        if header.is_some() || self.rare.is_some() {
            self.rare().coming[side] = header;
        }
    }

    pub(super) fn take_coming(&mut self, side: usize) -> Option<[u8; HEADER]> {
        let coming = self.rare.as_mut()?.coming[side].take();
        self.tidy();
        coming
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.rare.as_deref()?.session.as_deref()
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        self.rare.as_deref_mut()?.session.as_deref_mut()
    }

    pub(super) fn take_session(&mut self) -> Option<Box<Session>> {
        let session = self.rare.as_deref_mut()?.session.take();
        self.tidy();
        session
    }

    pub(super) fn set_session(&mut self, session: Box<Session>) {
        self.rare().session = Some(session);
    }
}
