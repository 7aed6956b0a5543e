//! What a filter says, before types are looked at.

use super::lexer::Slice;

/// An operand with its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub at: usize,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A name, a number, an address.
    Word(String),
    Text(Vec<u8>),
    Char(u8),
    Layer(Box<Operand>, Vec<Slice>),
    Slice(Box<Operand>, Vec<Slice>),
    Call(String, Vec<Operand>),
    Arithmetic(Arithmetic, Box<Operand>, Box<Operand>),
    Negative(Box<Operand>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    And,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Which occurrences must satisfy a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Any,
    All,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Or(Vec<Test>),
    Xor(Vec<Test>),
    And(Vec<Test>),
    Not(Box<Test>),
    /// A field, slice or arithmetic expression by itself.
    Holds(Operand),
    Compare(Quantifier, Comparison, Operand, Operand),
    /// Single values (no second operand) and ranges.
    In(Quantifier, Operand, Vec<(Operand, Option<Operand>)>),
    Contains(Quantifier, Operand, Operand),
    Matches(Quantifier, Operand, Operand),
}
