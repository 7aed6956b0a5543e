//! Wireshark 4.0's display filter language over our own fields.
//!
//! A filter is parsed ([`parser`]), checked against the [`registry`] of fields ([`check`]) and evaluated ([`program`])
//! on the values of one frame, which the decoders put into a [`Sink`]: only those that the filter or a column asks for.

mod ast;
mod check;
mod error;
pub mod extract;
pub mod field;
pub(crate) mod frame;
mod hint;
mod lexer;
mod literal;
mod parser;
mod program;
pub(crate) mod protocols;
pub mod registry;
pub mod select;
mod show;
pub mod sink;
pub mod stream_search;
mod time;
mod value;

pub use error::{Code, FilterError};
pub use field::{Field, FieldId, Kind, Mark};
pub use parser::{MAX_DEPTH, MAX_LENGTH};
pub use registry::Group;
pub use select::{Cell, CellValue, Plain, Row, Rows, Select};
pub use sink::{Buffer, Found, Occurrence, Sink};
pub use stream_search::{StreamMatch, StreamQuery};

use program::{Frame, Pred};

/// A filter ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    /// None: every frame passes.
    program: Option<Pred>,
    fields: Vec<FieldId>,
}

impl Filter {
    /// Reads a filter. Text of nothing but blanks passes every frame.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        let Some(test) = parser::parse(text)? else {
            return Ok(Self { text: text.to_owned(), program: None, fields: Vec::new() });
        };
        let mut checker = check::Checker::default();
        let program = checker.test(&test).map_err(|e| match hint::bpf(text) {
            Some(hint) if e.code == Code::UnknownField => e.hint(hint),
            _ => e,
        })?;
        Ok(Self { text: text.to_owned(), program: Some(program), fields: checker.fields })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fields it looks at.
    pub fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// Whether the frame passes whose values are in `sink`. `data`: its captured bytes; `whole`: the datagrams that IP
    /// reassembly made for it.
    #[inline]
    pub fn matches(&self, sink: &Sink, data: &[u8], whole: &[u8]) -> bool {
        self.program.as_ref().is_none_or(|p| p.holds(&Frame { sink, data, whole }))
    }
}

/// Where a regular expression first matches in bytes, as `matches` reads it; None without a match or with an expression
/// that is not taken.
pub fn find(pattern: &str, data: &[u8]) -> Option<(usize, usize)> {
    let found = check::build(pattern).ok()?.find(data)?;
    Some((found.start(), found.end()))
}

/// A search of TCP streams for a regular expression, as `matches` reads it. reach: see [`StreamQuery::new`].
pub fn search(pattern: &str, reach: usize) -> Result<StreamQuery, FilterError> {
    let refused = || FilterError::new(Code::Value, 0, "this regular expression is not taken");
    StreamQuery::new(pattern, reach).ok_or_else(refused)
}

/// The field of a name, for a column. Fields that look ahead are refused, as in filters.
pub fn column(name: &str) -> Result<FieldId, FilterError> {
    check::field_named(name, 0)
}

#[cfg(test)]
mod tests;
