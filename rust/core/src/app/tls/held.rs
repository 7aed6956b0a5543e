//! The handshake of a connection, in few bytes as soon as hardly anything changes it any more.

use super::machine::Machine;
use super::packed;
use super::session::Handshake;

#[derive(Debug, Default)]
pub enum Held {
    #[default]
    None,
    Open(Box<Handshake>),
    Packed(Box<[u8]>),
}

impl Held {
    pub fn is_some(&self) -> bool {
        !matches!(self, Held::None)
    }

    /// Packed, and records of application data, encrypted ones of the handshake and the end of the connection change
    /// nothing of it.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Held::Packed(bytes) if packed::is_quiet(bytes))
    }

    /// What `f` sees in it; None: there is none.
    pub fn look<R>(&self, machine: &Machine, f: impl FnOnce(&Handshake) -> R) -> Option<R> {
        match self {
            Held::None => None,
            Held::Open(h) => Some(f(h)),
            Held::Packed(bytes) => Some(f(&machine.shared.unpack(bytes))),
        }
    }

    /// What `f` gives, which may change it; None: there is none.
    pub fn with<R>(&mut self, machine: &mut Machine, f: impl FnOnce(&mut Machine, &mut Handshake) -> R) -> Option<R> {
        match self {
            Held::None => None,
            Held::Open(h) => Some(f(machine, h)),
            Held::Packed(bytes) => {
                let mut h = machine.shared.unpack(bytes);
                let given = f(machine, &mut h);
                *self = match machine.shared.pack(&h, false) {
                    Some(bytes) => Held::Packed(bytes),
                    None => Held::Open(Box::new(h)),
                };
                Some(given)
            }
        }
    }

    /// Packs it.
    pub fn settle(&mut self, machine: &mut Machine) {
        if let Held::Open(h) = self
            && let Some(bytes) = machine.shared.pack(h, false)
        {
            *self = Held::Packed(bytes);
        }
    }
}
