//! A checked filter, and its evaluation on the values of one frame.

use super::ast::{Arithmetic, Comparison, Quantifier};
use super::field::{FieldId, Kind};
use super::lexer::{End, Slice};
use super::registry;
use super::sink::{Found, Occurrence, Sink};
use super::value::{Value, contains};
use regex::bytes::Regex;
use std::borrow::Cow;

/// What gives values.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// A field, with the layers it is restricted to.
    Field(FieldId, Option<Vec<Slice>>),
    Const(Value<'static>),
    Slice(Box<Expr>, Vec<Slice>),
    Len(FieldId, Option<Vec<Slice>>, Kind),
    Count(FieldId, Option<Vec<Slice>>),
    Upper(Box<Expr>),
    Lower(Box<Expr>),
    Text(Box<Expr>, Kind),
    Max(Vec<Expr>),
    Min(Vec<Expr>),
    Abs(Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>, Width),
    Negative(Box<Expr>, Width),
}

/// How wide arithmetic of unsigned numbers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W32,
    W64,
}

#[derive(Clone, Debug)]
pub(crate) enum Pred {
    Or(Vec<Pred>),
    Xor(Vec<Pred>),
    And(Vec<Pred>),
    Not(Box<Pred>),
    Exists(Expr),
    /// Some value is not zero.
    NonZero(Expr),
    Compare(Quantifier, Comparison, Expr, Expr),
    In(Quantifier, Expr, Vec<Item>),
    Contains(Quantifier, Expr, Expr),
    Matches(Quantifier, Expr, Regex),
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    One(Expr),
    Range(Expr, Expr),
}

/// What a filter is evaluated on: the values of the wanted fields, and the bytes that some of them refer to.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub sink: &'a Sink,
    /// Captured bytes of the frame.
    pub data: &'a [u8],
    /// IP datagrams put together for it.
    pub whole: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The bytes of a value, as `contains` and `matches` see them: for a layer, with all that it carries.
    fn value(&self, o: &'a Occurrence) -> Value<'a> {
        match o.value {
            Found::None => Value::None,
            Found::Uint(v) => Value::Uint(v),
            Found::Int(v) => Value::Int(v),
            Found::Float(v) => Value::Float(v),
            Found::Time(s, n) => Value::Time(s, n),
            Found::Ip4(v) => Value::Ip4(v, u32::MAX),
            Found::Ip6(v) => Value::Ip6(v, 128),
            Found::Kept(..) if registry::field(o.field).kind == Kind::Str => Value::Text(Cow::Borrowed(self.kept(o))),
            Found::Ether(_) | Found::Kept(..) | Found::Span(_) => Value::Bytes(Cow::Borrowed(self.bytes(o))),
        }
    }

    /// The bytes a value is kept as.
    pub fn bytes(&self, o: &'a Occurrence) -> &'a [u8] {
        match &o.value {
            Found::Ether(v) => v,
            Found::Kept(..) => self.kept(o),
            Found::Span(span) => {
                let data = if span.reassembled { self.whole } else { self.data };
                let start = span.start as usize;
                data.get(start..start.saturating_add(span.len as usize)).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The same for slices and comparisons: of a layer only its own bytes.
    fn own(&self, o: &'a Occurrence) -> Value<'a> {
        match o.value {
            Found::Span(_) => {
                let all = self.bytes(o);
                Value::Bytes(Cow::Borrowed(&all[..all.len().min(o.len as usize)]))
            }
            _ => self.value(o),
        }
    }

    /// The value for a row, with bytes of its own.
    pub fn shown(&self, o: &Occurrence) -> Value<'static> {
        match o.value {
            Found::None => Value::None,
            Found::Uint(v) => Value::Uint(v),
            Found::Int(v) => Value::Int(v),
            Found::Float(v) => Value::Float(v),
            Found::Time(s, n) => Value::Time(s, n),
            Found::Ip4(v) => Value::Ip4(v, u32::MAX),
            Found::Ip6(v) => Value::Ip6(v, 128),
            Found::Ether(v) => Value::Bytes(Cow::Owned(v.to_vec())),
            Found::Kept(..) => Value::Bytes(Cow::Owned(self.kept(o).to_vec())),
            Found::Span(span) => {
                let data = if span.reassembled { self.whole } else { self.data };
                let start = span.start as usize;
                let len = (span.len as usize).min(o.len as usize);
                Value::Bytes(Cow::Owned(data.get(start..start + len).unwrap_or_default().to_vec()))
            }
        }
    }

    fn kept(&self, o: &Occurrence) -> &'a [u8] {
        let Found::Kept(start, len) = o.value else { return &[] };
        let start = start as usize;
        self.sink.kept.get(start..start + len as usize).unwrap_or_default()
    }

    fn occurrences(&self, id: FieldId, layers: &'a Option<Vec<Slice>>) -> impl Iterator<Item = &'a Occurrence> {
        self.sink.found.iter().filter(move |o| o.field == id && layers.as_ref().is_none_or(|l| self.in_layers(o, l)))
    }

    fn in_layers(&self, o: &Occurrence, layers: &[Slice]) -> bool {
        // Negative numbers count from the last layer that has the field.
        let last = || self.sink.found.iter().filter(|x| x.field == o.field).map(|x| x.layer).max().unwrap_or(0) as i64;
        let from_end = |n: i64| if n < 0 { last() + 1 + n } else { n };
        layers.iter().any(|s| {
            let (start, layer) = (from_end(s.start), o.layer as i64);
            layer >= start
                && match s.end {
                    End::Rest => true,
                    End::Length(n) => ((layer - start) as u64) < n,
                    End::Offset(end) => layer <= from_end(end),
                }
        })
    }
}

impl Expr {
    /// Calls `f` with each value until it says stop (true); whether it did.
    fn any<'a>(&'a self, frame: &Frame<'a>, whole: bool, f: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
        match self {
            Expr::Field(id, layers) => {
                frame.occurrences(*id, layers).any(|o| f(if whole { frame.value(o) } else { frame.own(o) }))
            }
            Expr::Const(v) => f(v.clone()),
            Expr::Slice(of, slices) => of.any(frame, false, &mut |v| match sliced(&v, slices) {
                Some(part) => f(Value::Bytes(Cow::Owned(part))),
                None => false,
            }),
            Expr::Len(id, layers, kind) => {
                frame.occurrences(*id, layers).any(|o| f(Value::Uint(length(frame, o, *kind))))
            }
            Expr::Count(id, layers) => match frame.occurrences(*id, layers).count() {
                0 => false,
                n => f(Value::Uint(n as u64)),
            },
            Expr::Upper(of) => of.any(frame, whole, &mut |v| f(cased(v, |b| b.to_ascii_uppercase()))),
            Expr::Lower(of) => of.any(frame, whole, &mut |v| f(cased(v, |b| b.to_ascii_lowercase()))),
            Expr::Text(of, kind) => {
                of.any(frame, whole, &mut |v| f(Value::Text(Cow::Owned(super::show::plain(&v, *kind).into_bytes()))))
            }
            Expr::Max(all) => extreme(all, frame, Comparison::Gt).is_some_and(f),
            Expr::Min(all) => extreme(all, frame, Comparison::Lt).is_some_and(f),
            Expr::Abs(of) => of.any(frame, whole, &mut |v| {
                f(match v {
                    Value::Int(v) => Value::Int(v.wrapping_abs()),
                    Value::Float(v) => Value::Float(v.abs()),
                    Value::Time(s, n) => Value::Time(s.wrapping_abs(), n.wrapping_abs()),
                    v => v,
                })
            }),
            Expr::Arithmetic(op, left, right, width) => {
                let right = right.values(frame);
                left.any(frame, false, &mut |a| right.iter().any(|b| compute(*op, &a, b, *width).is_some_and(&mut *f)))
            }
            Expr::Negative(of, width) => of.any(frame, whole, &mut |v| {
                f(match v {
                    Value::Uint(v) => Value::Uint(narrow(v.wrapping_neg(), *width)),
                    Value::Int(v) => Value::Int(v.wrapping_neg()),
                    Value::Float(v) => Value::Float(-v),
                    Value::Time(s, n) => Value::Time(s.wrapping_neg(), n.wrapping_neg()),
                    v => v,
                })
            }),
        }
    }

    fn values<'a>(&'a self, frame: &Frame<'a>) -> Vec<Value<'a>> {
        let mut all = Vec::new();
        self.any(frame, false, &mut |v| {
            all.push(v);
            false
        });
        all
    }

    /// Whether `f` holds for some value, or for all of at least one.
    fn quantified<'a>(
        &'a self,
        q: Quantifier,
        frame: &Frame<'a>,
        whole: bool,
        f: &mut dyn FnMut(&Value<'a>) -> bool,
    ) -> bool {
        match q {
            Quantifier::Any => self.any(frame, whole, &mut |v| f(&v)),
            Quantifier::All => {
                let mut there = false;
                let failed = self.any(frame, whole, &mut |v| {
                    there = true;
                    !f(&v)
                });
                there && !failed
            }
        }
    }
}

fn length(frame: &Frame<'_>, o: &Occurrence, kind: Kind) -> u64 {
    match (o.value, kind) {
        (Found::Span(_), Kind::Protocol) => o.len as u64,
        (Found::Kept(_, len), _) => len as u64,
        (Found::Span(_), _) => frame.bytes(o).len() as u64,
        (_, Kind::Uint(bits) | Kind::Int(bits)) => bits as u64 / 8,
        (_, Kind::Ipv4 | Kind::FrameNum | Kind::Float) => 4,
        (_, Kind::Ipv6) => 16,
        (_, Kind::Ether) => 6,
        (_, Kind::Char) => 1,
        (_, Kind::Double) => 8,
        _ => o.len as u64,
    }
}

/// The bytes of all ranges, one after the other; None where one of them is not all there.
fn sliced(v: &Value<'_>, slices: &[Slice]) -> Option<Vec<u8>> {
    let bytes = v.bytes()?;
    let len = bytes.len() as i64;
    let mut out = Vec::new();
    for s in slices {
        let from_end = |n: i64| if n < 0 { len + n } else { n };
        let start = from_end(s.start);
        let end = match s.end {
            End::Rest => len,
            End::Length(n) => start.checked_add(i64::try_from(n).ok()?)?,
            End::Offset(last) => from_end(last) + 1,
        };
        if start < 0 || start >= len || end <= start || end > len {
            return None;
        }
        out.extend_from_slice(bytes.get(start as usize..end as usize)?);
    }
    Some(out)
}

fn cased(v: Value<'_>, f: impl Fn(&[u8]) -> Vec<u8>) -> Value<'_> {
    match v {
        Value::Text(b) => Value::Text(Cow::Owned(f(&b))),
        v => v,
    }
}

fn extreme<'a>(all: &'a [Expr], frame: &Frame<'a>, than: Comparison) -> Option<Value<'a>> {
    let mut best: Option<Value<'a>> = None;
    for e in all {
        e.any(frame, false, &mut |v| {
            if best.as_ref().is_none_or(|b| than.holds(&v, b)) {
                best = Some(v);
            }
            false
        });
    }
    best
}

fn narrow(v: u64, width: Width) -> u64 {
    if width == Width::W32 { v & u32::MAX as u64 } else { v }
}

fn compute<'a>(op: Arithmetic, a: &Value<'a>, b: &Value<'a>, width: Width) -> Option<Value<'a>> {
    Some(match (a, b) {
        (&Value::Uint(a), &Value::Uint(b)) => Value::Uint(narrow(
            match op {
                Arithmetic::And => a & b,
                Arithmetic::Add => a.wrapping_add(b),
                Arithmetic::Subtract => a.wrapping_sub(b),
                Arithmetic::Multiply => a.wrapping_mul(b),
                Arithmetic::Divide => a.checked_div(b)?,
                Arithmetic::Modulo => a.checked_rem(b)?,
            },
            width,
        )),
        (&Value::Int(a), &Value::Int(b)) => Value::Int(match op {
            Arithmetic::And => a & b,
            Arithmetic::Add => a.wrapping_add(b),
            Arithmetic::Subtract => a.wrapping_sub(b),
            Arithmetic::Multiply => a.wrapping_mul(b),
            Arithmetic::Divide => a.checked_div(b)?,
            Arithmetic::Modulo => a.checked_rem(b)?,
        }),
        (&Value::Float(a), &Value::Float(b)) => Value::Float(match op {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide if b != 0.0 => a / b,
            _ => return None,
        }),
        (&Value::Time(a, x), &Value::Time(b, y)) => {
            let nanos = |s: i64, n: i32| s as i128 * 1_000_000_000 + n as i128;
            let sum = match op {
                Arithmetic::Add => nanos(a, x) + nanos(b, y),
                Arithmetic::Subtract => nanos(a, x) - nanos(b, y),
                _ => return None,
            };
            Value::Time(i64::try_from(sum / 1_000_000_000).ok()?, (sum % 1_000_000_000) as i32)
        }
        (&Value::Ip4(a, m), &Value::Ip4(b, n)) if op == Arithmetic::And => Value::Ip4(a & b, m & n),
        (Value::Ip6(a, m), Value::Ip6(b, n)) if op == Arithmetic::And => {
            let both = u128::from_be_bytes(*a) & u128::from_be_bytes(*b);
            Value::Ip6(both.to_be_bytes(), (*m).min(*n))
        }
        (Value::Bytes(a), Value::Bytes(b)) if op == Arithmetic::And => {
            // As far as both go.
            Value::Bytes(Cow::Owned(a.iter().zip(b.iter()).map(|(x, y)| x & y).collect()))
        }
        _ => return None,
    })
}

impl Pred {
    /// Whether the frame passes.
    pub fn holds(&self, frame: &Frame<'_>) -> bool {
        match self {
            Pred::Or(all) => all.iter().any(|p| p.holds(frame)),
            Pred::Xor(all) => all.iter().filter(|p| p.holds(frame)).count() % 2 == 1,
            Pred::And(all) => all.iter().all(|p| p.holds(frame)),
            Pred::Not(a) => !a.holds(frame),
            Pred::Exists(e) => e.any(frame, false, &mut |_| true),
            Pred::NonZero(e) => e.any(frame, false, &mut |v| !v.is_zero()),
            Pred::Compare(q, op, left, Expr::Const(right)) => {
                left.quantified(*q, frame, false, &mut |v| op.holds(v, right))
            }
            Pred::Compare(q, op, left, right) => {
                let right = right.values(frame);
                if right.is_empty() {
                    return false;
                }
                left.quantified(*q, frame, false, &mut |v| match q {
                    Quantifier::Any => right.iter().any(|r| op.holds(v, r)),
                    Quantifier::All => right.iter().all(|r| op.holds(v, r)),
                })
            }
            Pred::In(q, left, items) => left.quantified(*q, frame, false, &mut |v| {
                items.iter().any(|item| match item {
                    Item::One(Expr::Const(c)) => Comparison::Eq.holds(v, c),
                    Item::One(e) => e.any(frame, false, &mut |x| Comparison::Eq.holds(v, &x)),
                    Item::Range(low, high) => {
                        low.any(frame, false, &mut |x| Comparison::Ge.holds(v, &x))
                            && high.any(frame, false, &mut |x| Comparison::Le.holds(v, &x))
                    }
                })
            }),
            Pred::Contains(q, left, right) => {
                let right = right.values(frame);
                if right.is_empty() {
                    return false;
                }
                left.quantified(*q, frame, true, &mut |v| {
                    let Some(hay) = v.bytes() else { return false };
                    let mut found = right.iter().map(|r| r.bytes().is_some_and(|n| contains(&hay, &n)));
                    if *q == Quantifier::Any { found.any(|f| f) } else { found.all(|f| f) }
                })
            }
            Pred::Matches(q, left, regex) => {
                left.quantified(*q, frame, true, &mut |v| v.bytes().is_some_and(|b| regex.is_match(&b)))
            }
        }
    }
}
