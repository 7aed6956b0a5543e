//! Why a filter is refused: where, and what was expected there.

use std::fmt;

/// A filter that is refused. Nothing of the filter's text is in `message` beyond quoted words of at most 60 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    pub code: Code,
    /// Byte offset in the filter text.
    pub at: usize,
    pub message: String,
    /// What to do instead, a sentence.
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text is no filter.
    Syntax,
    /// No field of that name.
    UnknownField,
    /// Wireshark has it or may have it under this protocol, this program does not decode it.
    NotDecoded,
    /// The field needs frames that come later.
    LookAhead,
    /// Types do not go together.
    Type,
    /// A value cannot be read as its field's type.
    Value,
    /// Longer, deeper or larger than is taken.
    TooComplex,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::UnknownField => "unknown_field",
            Code::NotDecoded => "not_decoded",
            Code::LookAhead => "look_ahead",
            Code::Type => "type",
            Code::Value => "value",
            Code::TooComplex => "too_complex",
        }
    }
}

impl FilterError {
    pub fn new(code: Code, at: usize, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), hint: None }
    }
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// A word of the filter, quoted for a message: escaped and short.
pub(crate) fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for (n, c) in word.chars().enumerate() {
        if n == 60 {
            out.push_str("...");
            break;
        }
        out.extend(c.escape_debug());
    }
    out.push('"');
    out
}
