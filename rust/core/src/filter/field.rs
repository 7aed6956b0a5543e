//! What a field is: its Wireshark name, type and how it is shown. Tables of fields stand beside the decoders that fill
//! them, made with [`fields!`](crate::fields).

use std::fmt;

/// Wireshark's field types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Present or not, without a value.
    Label,
    /// The bytes of a layer.
    Protocol,
    Bool,
    /// One byte, as a character.
    Char,
    /// Unsigned, with its width in bits: 8, 16, 24, 32, 40, 48, 56, 64.
    Uint(u8),
    Int(u8),
    Float,
    Double,
    AbsTime,
    RelTime,
    Str,
    Ether,
    Bytes,
    Ipv4,
    Ipv6,
    FrameNum,
    Guid,
    Eui64,
    Oid,
}

impl Kind {
    /// Wireshark's words for it.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Label => "Label",
            Kind::Protocol => "Protocol",
            Kind::Bool => "Boolean",
            Kind::Char => "Character (1 byte)",
            Kind::Uint(8) => "Unsigned integer (1 byte)",
            Kind::Uint(16) => "Unsigned integer (2 bytes)",
            Kind::Uint(24) => "Unsigned integer (3 bytes)",
            Kind::Uint(32) => "Unsigned integer (4 bytes)",
            Kind::Uint(40) => "Unsigned integer (5 bytes)",
            Kind::Uint(48) => "Unsigned integer (6 bytes)",
            Kind::Uint(56) => "Unsigned integer (7 bytes)",
            Kind::Uint(_) => "Unsigned integer (8 bytes)",
            Kind::Int(8) => "Signed integer (1 byte)",
            Kind::Int(16) => "Signed integer (2 bytes)",
            Kind::Int(24) => "Signed integer (3 bytes)",
            Kind::Int(32) => "Signed integer (4 bytes)",
            Kind::Int(40) => "Signed integer (5 bytes)",
            Kind::Int(48) => "Signed integer (6 bytes)",
            Kind::Int(56) => "Signed integer (7 bytes)",
            Kind::Int(_) => "Signed integer (8 bytes)",
            Kind::Float => "Floating point (single-precision)",
            Kind::Double => "Floating point (double-precision)",
            Kind::AbsTime => "Date and time",
            Kind::RelTime => "Time offset",
            Kind::Str => "Character string",
            Kind::Ether => "Ethernet or other MAC address",
            Kind::Bytes => "Byte sequence",
            Kind::Ipv4 => "IPv4 address",
            Kind::Ipv6 => "IPv6 address",
            Kind::FrameNum => "Frame number",
            Kind::Guid => "Globally Unique Identifier",
            Kind::Eui64 => "EUI64 address",
            Kind::Oid => "ASN.1 object identifier",
        }
    }
    /// Numbers that arithmetic takes.
    pub fn is_integer(self) -> bool {
        matches!(self, Kind::Char | Kind::Uint(_) | Kind::Int(_) | Kind::FrameNum)
    }
    /// Sequences of bytes in the sense of slices and of texts given for them.
    pub fn is_bytes(self) -> bool {
        matches!(self, Kind::Bytes | Kind::Protocol | Kind::Guid | Kind::Eui64 | Kind::Oid)
    }
    /// Whether two fields of these types can be compared, by Wireshark's groups of types.
    pub fn comparable(self, other: Kind) -> bool {
        let group = |k: Kind| match k {
            Kind::Char | Kind::FrameNum => 1,
            Kind::Uint(bits) => 1 + (bits > 32) as u8,
            Kind::Int(bits) => 3 + (bits > 32) as u8,
            Kind::Ether | Kind::Bytes | Kind::Guid | Kind::Oid => 5,
            _ => 0,
        };
        self == other || (group(self) != 0 && group(self) == group(other))
    }
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Base {
    #[default]
    Dec,
    Hex,
    Oct,
    /// Six bytes with colons between them.
    Colon,
    /// Bytes that may be none at all, which tshark prints in another way then.
    MayBeEmpty,
}

/// Names of values.
#[derive(Clone, Copy, Debug, Default)]
pub enum Names {
    #[default]
    None,
    /// Of true and of false.
    Bool(&'static str, &'static str),
    Table(&'static [(u64, &'static str)]),
    Of(fn(u64) -> Option<&'static str>, fn(&str) -> Option<u64>),
}

/// What a field needs beyond the bytes of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mark {
    #[default]
    Plain,
    /// Frames before this one.
    Stateful,
    /// Frames after this one, which a single pass has not seen: refused in filters.
    LookAhead,
}

/// One field of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Wireshark's filter name.
    pub name: &'static str,
    /// A few words for people.
    pub label: &'static str,
    pub kind: Kind,
    pub base: Base,
    pub names: Names,
    pub mark: Mark,
    /// Values hold secrets: filters compare them as they are, what is returned goes through this.
    pub hide: Option<Hide>,
}

/// What is returned of a text in place of the text itself.
pub type Hide = fn(&[u8]) -> Vec<u8>;

impl Field {
    pub const fn new(name: &'static str, label: &'static str, kind: Kind) -> Self {
        Self { name, label, kind, base: Base::Dec, names: Names::None, mark: Mark::Plain, hide: None }
    }
    pub const fn hex(self) -> Self {
        Self { base: Base::Hex, ..self }
    }
    pub const fn colons(self) -> Self {
        Self { base: Base::Colon, ..self }
    }
    pub const fn may_be_empty(self) -> Self {
        Self { base: Base::MayBeEmpty, ..self }
    }
    pub const fn names(self, names: Names) -> Self {
        Self { names, ..self }
    }
    pub const fn table(self, values: &'static [(u64, &'static str)]) -> Self {
        self.names(Names::Table(values))
    }
    /// A boolean shown as Set and Not set.
    pub const fn set(self) -> Self {
        self.names(Names::Bool("Set", "Not set"))
    }
    pub const fn stateful(self) -> Self {
        Self { mark: Mark::Stateful, ..self }
    }
    pub const fn look_ahead(self) -> Self {
        Self { mark: Mark::LookAhead, ..self }
    }
    /// Values hold secrets, and are returned only as `hide` leaves them.
    pub const fn secret(self, hide: Hide) -> Self {
        Self { hide: Some(hide), ..self }
    }
    /// Whether values have names.
    pub fn has_names(&self) -> bool {
        !matches!(self.names, Names::None)
    }
    /// The value of that name, as Wireshark compares them: the whole name, upper and lower case alike.
    pub fn value_named(&self, name: &str) -> Option<u64> {
        match self.names {
            Names::None => None,
            Names::Bool(t, f) => {
                if name.eq_ignore_ascii_case(t) {
                    Some(1)
                } else {
                    name.eq_ignore_ascii_case(f).then_some(0)
                }
            }
            Names::Table(all) => all.iter().find(|v| v.1.eq_ignore_ascii_case(name)).map(|v| v.0),
            Names::Of(_, value) => value(name),
        }
    }
    /// The name of a value.
    pub fn name_of(&self, value: u64) -> Option<&'static str> {
        match self.names {
            Names::None => None,
            Names::Bool(t, f) => Some(if value != 0 { t } else { f }),
            Names::Table(all) => all.iter().find(|v| v.0 == value).map(|v| v.1),
            Names::Of(name, _) => name(value),
        }
    }
}

/// The fields of one protocol.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What its names begin with, mostly.
    pub prefix: &'static str,
    /// Application protocol (`App::name`) that fills it; None: the dissector does.
    pub app: Option<&'static str>,
    pub fields: &'static [Field],
}

/// Number of a field in the registry of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::registry::field(*self).name)
    }
}

/// Makes a table of fields: a constant `TABLE`, and a constant with the [`FieldId`] of each.
///
/// ```ignore
/// fields! {
///     Group::Arp, "arp", None;
///     OPCODE = u16("arp.opcode", "Opcode").table(&OPCODES);
/// }
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! fields {
    ($group:expr, $prefix:expr, $app:expr; $($id:ident = $kind:ident($name:expr, $label:expr) $(.$method:ident($($arg:expr),*))*;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, dead_code)]
        enum Index { $($id,)* }
        $(#[allow(dead_code)] pub(crate) const $id: $crate::filter::FieldId =
            $crate::filter::FieldId($crate::filter::registry::base($group) + Index::$id as u16);)*
        pub(crate) const TABLE: $crate::filter::field::Table = $crate::filter::field::Table {
            prefix: $prefix,
            app: $app,
            fields: &[$($crate::filter::field::kinds::$kind($name, $label) $(.$method($($arg),*))*,)*],
        };
    };
}

/// Short names of the types, for tables.
pub(crate) mod kinds {
    use super::{Field, Kind};
    macro_rules! kinds {
        ($($name:ident $kind:expr;)*) => {
            $(#[allow(dead_code)] pub(crate) const fn $name(name: &'static str, label: &'static str) -> Field {
                Field::new(name, label, $kind)
            })*
        };
    }
    kinds! {
        label Kind::Label;
        protocol Kind::Protocol;
        boolean Kind::Bool;
        char8 Kind::Char;
        u8 Kind::Uint(8);
        u16 Kind::Uint(16);
        u24 Kind::Uint(24);
        u32 Kind::Uint(32);
        u40 Kind::Uint(40);
        u48 Kind::Uint(48);
        u64 Kind::Uint(64);
        i8 Kind::Int(8);
        i16 Kind::Int(16);
        i24 Kind::Int(24);
        i32 Kind::Int(32);
        i64 Kind::Int(64);
        float Kind::Float;
        double Kind::Double;
        time Kind::AbsTime;
        duration Kind::RelTime;
        string Kind::Str;
        ether Kind::Ether;
        bytes Kind::Bytes;
        ipv4 Kind::Ipv4;
        ipv6 Kind::Ipv6;
        frame_number Kind::FrameNum;
        guid Kind::Guid;
        eui64 Kind::Eui64;
        oid Kind::Oid;
    }
}
