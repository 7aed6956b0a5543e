//! Tokens to a tree: recursive descent, bounded in depth.
//!
//! Precedence, lowest first: or, xor, and, not, comparisons; `&`, then `+ -`, then `* / %`, then the sign.

use super::ast::{Arithmetic, Comparison, Operand, Quantifier, Test, What};
use super::error::{Code, FilterError, quoted};
use super::hint;
use super::lexer::{At, Op, Token, tokens};

/// Longest filter taken, bytes.
pub const MAX_LENGTH: usize = 8_192;
/// Deepest nesting of parentheses, functions and signs.
pub const MAX_DEPTH: usize = 60;

/// The tree; None for a filter of nothing but blanks, which every frame passes.
pub(crate) fn parse(text: &str) -> Result<Option<Test>, FilterError> {
    if text.len() > MAX_LENGTH {
        let message = format!("a filter of {} bytes is not taken, at most {MAX_LENGTH}", text.len());
        return Err(FilterError::new(Code::TooComplex, MAX_LENGTH, message));
    }
    let run = || {
        let all = tokens(text)?;
        if all.is_empty() {
            return Ok(None);
        }
        let mut p = Parser { text, all, next: 0, depth: 0 };
        let test = p.or()?;
        match p.peek() {
            None => Ok(Some(test)),
            Some(_) => Err(p.unexpected("\"and\", \"or\" or the end of the filter")),
        }
    };
    run().map_err(|e: FilterError| match hint::bpf(text) {
        Some(hint) if e.code == Code::Syntax => e.hint(hint),
        _ => e,
    })
}

struct Parser<'a> {
    text: &'a str,
    all: Vec<At>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.all.get(self.next).map(|t| &t.token)
    }

    fn at(&self) -> usize {
        self.all.get(self.next).map_or(self.text.len(), |t| t.at)
    }

    fn take(&mut self, op: Op) -> bool {
        let found = self.peek() == Some(&Token::Op(op));
        self.next += found as usize;
        found
    }

    fn op(&self) -> Option<Op> {
        match self.peek() {
            Some(Token::Op(op)) => Some(*op),
            _ => None,
        }
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        let found = match self.all.get(self.next) {
            Some(t) => format!("{} was not expected here", quoted(&self.text[t.at..t.end])),
            None => "the filter ends too early".to_owned(),
        };
        FilterError::new(Code::Syntax, self.at(), format!("{found}: expected {expected}"))
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        self.link()?;
        let found = run(self);
        self.depth -= 1;
        found
    }

    /// One level more; whoever takes it gives it back.
    fn link(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.too_deep()) } else { Ok(()) }
    }

    fn too_deep(&self) -> FilterError {
        let message = format!("more than {MAX_DEPTH} levels of nesting or operators in a row are not taken");
        FilterError::new(Code::TooComplex, self.at(), message)
    }

    /// Tests joined by an operator; lists, not nests: their number is no depth.
    fn joined(
        &mut self,
        op: Op,
        next: fn(&mut Self) -> Result<Test, FilterError>,
        make: fn(Vec<Test>) -> Test,
    ) -> Result<Test, FilterError> {
        let first = next(self)?;
        if self.op() != Some(op) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take(op) {
            all.push(next(self)?);
        }
        Ok(make(all))
    }

    fn or(&mut self) -> Result<Test, FilterError> {
        self.joined(Op::Or, Self::xor, Test::Or)
    }

    fn xor(&mut self) -> Result<Test, FilterError> {
        self.joined(Op::Xor, Self::and, Test::Xor)
    }

    fn and(&mut self) -> Result<Test, FilterError> {
        self.joined(Op::And, Self::not, Test::And)
    }

    fn not(&mut self) -> Result<Test, FilterError> {
        if self.take(Op::Not) {
            return self.deeper(|p| Ok(Test::Not(Box::new(p.not()?))));
        }
        if self.take(Op::Open) {
            return self.deeper(|p| {
                let test = p.or()?;
                if p.take(Op::Close) { Ok(test) } else { Err(p.unexpected("\")\"")) }
            });
        }
        self.relation()
    }

    fn relation(&mut self) -> Result<Test, FilterError> {
        let quantifier = match self.op() {
            Some(Op::Any) => Some(Quantifier::Any),
            Some(Op::All) => Some(Quantifier::All),
            _ => None,
        };
        self.next += quantifier.is_some() as usize;
        let left = self.operand()?;
        let any = quantifier.unwrap_or(Quantifier::Any);
        match self.op() {
            Some(Op::In) => {
                self.next += 1;
                Ok(Test::In(any, left, self.set()?))
            }
            Some(Op::Not) if self.all.get(self.next + 1).map(|t| &t.token) == Some(&Token::Op(Op::In)) => {
                self.next += 2;
                Ok(Test::Not(Box::new(Test::In(any, left, self.set()?))))
            }
            Some(Op::Contains) => {
                self.next += 1;
                Ok(Test::Contains(any, left, self.operand()?))
            }
            Some(Op::Matches) => {
                self.next += 1;
                Ok(Test::Matches(any, left, self.operand()?))
            }
            _ => self.chain(quantifier, left),
        }
    }

    /// `a == b`, and `a < b < c` which is `a < b and b < c`.
    fn chain(&mut self, quantifier: Option<Quantifier>, mut left: Operand) -> Result<Test, FilterError> {
        let mut all = Vec::new();
        while let Some((of, comparison)) = self.op().and_then(comparison) {
            self.next += 1;
            if all.len() == MAX_DEPTH {
                return Err(self.too_deep());
            }
            let right = self.operand()?;
            all.push(Test::Compare(quantifier.unwrap_or(of), comparison, left, right.clone()));
            left = right;
        }
        match all.pop() {
            Some(only) if all.is_empty() => Ok(only),
            Some(last) => {
                all.push(last);
                Ok(Test::And(all))
            }
            None if quantifier.is_some() => Err(self.unexpected("a comparison, which \"any\" and \"all\" need")),
            None => Ok(Test::Holds(left)),
        }
    }

    fn set(&mut self) -> Result<Vec<(Operand, Option<Operand>)>, FilterError> {
        if !self.take(Op::OpenSet) {
            return Err(self.unexpected("\"{\" and the values of a set"));
        }
        let mut all = Vec::new();
        loop {
            let first = self.operand()?;
            let last = if self.take(Op::Range) { Some(self.operand()?) } else { None };
            all.push((first, last));
            if self.take(Op::CloseSet) {
                return Ok(all);
            }
            if !self.take(Op::Comma) {
                return Err(self.unexpected("\",\" or \"}\""));
            }
        }
    }

    /// An operand: the lowest of the arithmetic operators is `&`.
    fn operand(&mut self) -> Result<Operand, FilterError> {
        self.computed(Self::sum, |op| (op == Op::BitAnd).then_some(Arithmetic::And))
    }

    fn sum(&mut self) -> Result<Operand, FilterError> {
        self.computed(Self::product, |op| match op {
            Op::Plus => Some(Arithmetic::Add),
            Op::Minus => Some(Arithmetic::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Operand, FilterError> {
        self.computed(Self::signed, |op| match op {
            Op::Star => Some(Arithmetic::Multiply),
            Op::Slash => Some(Arithmetic::Divide),
            Op::Percent => Some(Arithmetic::Modulo),
            _ => None,
        })
    }

    /// Operands joined by operators of one precedence, from left to right; each operator is a level of the tree.
    fn computed(
        &mut self,
        next: fn(&mut Self) -> Result<Operand, FilterError>,
        arithmetic: fn(Op) -> Option<Arithmetic>,
    ) -> Result<Operand, FilterError> {
        let before = self.depth;
        let mut left = next(self)?;
        while let Some(op) = self.op().and_then(arithmetic) {
            self.next += 1;
            self.link()?;
            let right = next(self)?;
            left = Operand { at: left.at, what: What::Arithmetic(op, Box::new(left), Box::new(right)) };
        }
        self.depth = before;
        Ok(left)
    }

    fn signed(&mut self) -> Result<Operand, FilterError> {
        let at = self.at();
        if self.take(Op::Plus) {
            return self.deeper(Self::signed);
        }
        if self.take(Op::Minus) {
            return self.deeper(|p| Ok(Operand { at, what: What::Negative(Box::new(p.signed()?)) }));
        }
        if self.take(Op::OpenSet) {
            return self.deeper(|p| {
                let inside = p.operand()?;
                if p.take(Op::CloseSet) { Ok(inside) } else { Err(p.unexpected("\"}\"")) }
            });
        }
        self.entity()
    }

    fn entity(&mut self) -> Result<Operand, FilterError> {
        let at = self.at();
        let what = match self.peek() {
            Some(Token::Word(w)) => What::Word(w.clone()),
            Some(Token::Text(t)) => What::Text(t.clone()),
            Some(Token::Char(c)) => What::Char(*c),
            _ => return Err(self.unexpected("a field, a value or a function")),
        };
        self.next += 1;
        let mut found = Operand { at, what };
        if let What::Word(name) = &found.what
            && self.op() == Some(Op::Open)
        {
            let name = name.clone();
            self.next += 1;
            found = self.deeper(|p| p.call(at, name))?;
        }
        if let Some(Token::Layer(layers)) = self.peek().cloned() {
            if !matches!(found.what, What::Word(_)) {
                return Err(self.unexpected("a layer operator behind a field only"));
            }
            self.next += 1;
            found = Operand { at, what: What::Layer(Box::new(found), layers) };
        }
        let before = self.depth;
        while let Some(Token::Slice(slices)) = self.peek().cloned() {
            self.next += 1;
            self.link()?;
            found = Operand { at, what: What::Slice(Box::new(found), slices) };
        }
        self.depth = before;
        Ok(found)
    }

    fn call(&mut self, at: usize, name: String) -> Result<Operand, FilterError> {
        let mut all = Vec::new();
        if self.take(Op::Close) {
            return Ok(Operand { at, what: What::Call(name, all) });
        }
        loop {
            all.push(self.operand()?);
            if self.take(Op::Close) {
                return Ok(Operand { at, what: What::Call(name, all) });
            }
            if !self.take(Op::Comma) {
                return Err(self.unexpected("\",\" or \")\""));
            }
        }
    }
}

fn comparison(op: Op) -> Option<(Quantifier, Comparison)> {
    Some(match op {
        Op::AnyEq => (Quantifier::Any, Comparison::Eq),
        Op::AllNe => (Quantifier::All, Comparison::Ne),
        Op::AllEq => (Quantifier::All, Comparison::Eq),
        Op::AnyNe => (Quantifier::Any, Comparison::Ne),
        Op::Gt => (Quantifier::Any, Comparison::Gt),
        Op::Ge => (Quantifier::Any, Comparison::Ge),
        Op::Lt => (Quantifier::Any, Comparison::Lt),
        Op::Le => (Quantifier::Any, Comparison::Le),
        _ => return None,
    })
}
