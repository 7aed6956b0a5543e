//! Names and types of a parsed filter: what Wireshark 4.0 takes is turned into a program, the rest refused.

use super::ast::{Arithmetic, Comparison, Operand, Quantifier, Test, What};
use super::error::{Code, FilterError, quoted};
use super::field::{Field, FieldId, Kind};
use super::lexer::Slice;
use super::literal;
use super::program::{Expr, Item, Pred, Width};
use super::registry;
use regex::bytes::RegexBuilder;

/// Largest compiled regular expression, bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// Longest pattern.
const MAX_PATTERN: usize = 1_024;

type Result<T> = std::result::Result<T, FilterError>;

/// An operand that is no literal, with its type.
struct Typed {
    expr: Expr,
    kind: Kind,
    /// The plain field it is, whose value names count.
    field: Option<&'static Field>,
    /// Made of bytes taken out: goes with texts and bytes alike.
    slice: bool,
    at: usize,
}

#[derive(Default)]
pub(crate) struct Checker {
    /// Fields the program looks at.
    pub fields: Vec<FieldId>,
}

fn type_error(at: usize, message: impl Into<String>) -> FilterError {
    FilterError::new(Code::Type, at, message)
}

/// The field of a name, or why there is none.
pub(crate) fn field_named(name: &str, at: usize) -> Result<FieldId> {
    if let Some(id) = registry::by_name(name) {
        if registry::looks_ahead(id) {
            let message = format!("{name} needs packets that come after the one it stands in, and this is one pass");
            return Err(FilterError::new(Code::LookAhead, at, message));
        }
        return Ok(id);
    }
    let (known, near) = registry::why_not(name);
    let error = if known {
        FilterError::new(Code::NotDecoded, at, format!("the field {} is not decoded here", quoted(name)))
    } else {
        FilterError::new(Code::UnknownField, at, format!("{} is an unknown field", quoted(name)))
    };
    Err(match near {
        Some(near) => error.hint(format!("nearest is {near}")),
        None => error.hint("list_fields gives the names"),
    })
}

impl Checker {
    pub fn test(&mut self, test: &Test) -> Result<Pred> {
        let mut all = |tests: &[Test]| tests.iter().map(|t| self.test(t)).collect::<Result<Vec<_>>>();
        Ok(match test {
            Test::Or(tests) => Pred::Or(all(tests)?),
            Test::Xor(tests) => Pred::Xor(all(tests)?),
            Test::And(tests) => Pred::And(all(tests)?),
            Test::Not(a) => Pred::Not(Box::new(self.test(a)?)),
            Test::Holds(operand) => self.holds(operand)?,
            Test::Compare(q, op, left, right) => self.compare(*q, *op, left, right)?,
            Test::In(q, left, items) => {
                let left = self.left(left)?;
                self.ordered(&left, "in")?;
                let items = items.iter().map(|item| self.item(&left, item)).collect::<Result<_>>()?;
                Pred::In(*q, left.expr, items)
            }
            Test::Contains(q, left, right) => {
                let left = self.left(left)?;
                if !left.slice && !matches!(left.kind, Kind::Str | Kind::Bytes | Kind::Protocol | Kind::Oid) {
                    return Err(cannot(&left, "contains"));
                }
                let right = self.right(&left, right)?;
                Pred::Contains(*q, left.expr, right)
            }
            Test::Matches(q, left, right) => {
                let left = self.left(left)?;
                if !left.slice && !matches!(left.kind, Kind::Str | Kind::Bytes | Kind::Protocol) {
                    return Err(cannot(&left, "matches"));
                }
                Pred::Matches(*q, left.expr, pattern(right)?)
            }
        })
    }

    fn holds(&mut self, operand: &Operand) -> Result<Pred> {
        match &operand.what {
            What::Text(t) => {
                let text = String::from_utf8_lossy(t);
                Err(type_error(operand.at, format!("the text {} is no test", quoted(&text))))
            }
            What::Call(..) => {
                let message = "a function by itself is no test: expected a comparison behind it";
                self.typed(operand)?;
                Err(type_error(operand.at, message))
            }
            What::Arithmetic(..) | What::Negative(_) => {
                let typed = self.left(operand)?;
                Ok(Pred::NonZero(typed.expr))
            }
            _ => Ok(Pred::Exists(self.left(operand)?.expr)),
        }
    }

    fn compare(&mut self, q: Quantifier, op: Comparison, left: &Operand, right: &Operand) -> Result<Pred> {
        let left = self.left(left)?;
        self.ordered(&left, "a comparison")?;
        let right = self.right(&left, right)?;
        Ok(Pred::Compare(q, op, left.expr, right))
    }

    fn ordered(&self, left: &Typed, what: &str) -> Result<()> {
        if left.kind == Kind::Label { Err(cannot(left, what)) } else { Ok(()) }
    }

    fn item(&mut self, left: &Typed, item: &(Operand, Option<Operand>)) -> Result<Item> {
        Ok(match item {
            (one, None) => Item::One(self.right(left, one)?),
            (low, Some(high)) => Item::Range(self.right(left, low)?, self.right(left, high)?),
        })
    }

    /// The left side of a test: something of the frame.
    fn left(&mut self, operand: &Operand) -> Result<Typed> {
        match self.typed(operand)? {
            Some(typed) => Ok(typed),
            None => match &operand.what {
                What::Word(w) if w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '.') => {
                    Err(match field_named(w, operand.at) {
                        Err(unknown) => unknown,
                        Ok(_) => type_error(operand.at, "a field or a function was expected here"),
                    })
                }
                _ => Err(type_error(operand.at, "a value stands here: expected a field or a function")
                    .hint("the field stands on the left, as in ip.ttl > 10")),
            },
        }
    }

    /// The right side, of the type of the left one.
    fn right(&mut self, left: &Typed, operand: &Operand) -> Result<Expr> {
        let Some(right) = self.typed(operand)? else {
            return self.constant(operand, left.kind, left.field, false);
        };
        let text = |k: Kind| matches!(k, Kind::Str | Kind::Bytes);
        let fits = left.kind.comparable(right.kind)
            || (right.slice && (text(left.kind) || left.kind.is_bytes() || left.kind == Kind::Ether))
            || (left.slice && (text(right.kind) || right.kind.is_bytes() || right.kind == Kind::Ether));
        if !fits {
            let message = format!("these two cannot be compared: {} and {}", left.kind.words(), right.kind.words());
            return Err(type_error(right.at, message));
        }
        Ok(right.expr)
    }

    /// A literal, or arithmetic with nothing but literals.
    fn constant(&mut self, operand: &Operand, kind: Kind, field: Option<&Field>, negative: bool) -> Result<Expr> {
        let at = operand.at;
        match &operand.what {
            What::Negative(inside) => match &inside.what {
                What::Word(_) => self.constant(inside, kind, field, !negative),
                _ => Ok(Expr::Negative(Box::new(self.constant(inside, kind, field, negative)?), width(kind))),
            },
            What::Arithmetic(op, a, b) => {
                computable(*op, kind, at)?;
                let a = self.constant(a, kind, field, false)?;
                let b = self.constant(b, kind, field, false)?;
                Ok(Expr::Arithmetic(*op, Box::new(a), Box::new(b), width(kind)))
            }
            What::Slice(..) | What::Layer(..) => Err(type_error(at, "only fields have slices and layers")),
            what => {
                let value = literal::read(what, at, negative, kind, field).map_err(|e| match what {
                    What::Word(w)
                        if e.hint.is_none() && w.contains('.') && w.starts_with(|c: char| c.is_ascii_alphabetic()) =>
                    {
                        match field_named(w, at) {
                            Err(unknown) => e.hint(format!("and it is no field: {}", unknown.message)),
                            Ok(_) => e,
                        }
                    }
                    _ => e,
                })?;
                Ok(Expr::Const(value))
            }
        }
    }

    /// The operand with its type; None for a literal.
    fn typed(&mut self, operand: &Operand) -> Result<Option<Typed>> {
        let at = operand.at;
        Ok(match &operand.what {
            What::Text(_) | What::Char(_) => None,
            What::Word(w) => match registry::by_name(w) {
                Some(_) => Some(self.field(w, at, None)?),
                None => None,
            },
            What::Layer(of, layers) => match &of.what {
                What::Word(w) => Some(self.field(w, at, Some(layers.clone()))?),
                _ => return Err(type_error(at, "only fields have layers")),
            },
            What::Slice(of, slices) => {
                let of = match self.typed(of)? {
                    Some(of) => of,
                    None => match &of.what {
                        What::Word(w) => return field_named(w, at).map(|_| None),
                        _ => return Err(type_error(at, "only fields have slices")),
                    },
                };
                let sliceable = of.slice
                    || of.kind.is_bytes()
                    || matches!(of.kind, Kind::Str | Kind::Ether | Kind::Ipv4 | Kind::Ipv6);
                if !sliceable {
                    return Err(cannot(&of, "a slice"));
                }
                let expr = Expr::Slice(Box::new(of.expr), slices.clone());
                Some(Typed { expr, kind: Kind::Bytes, field: None, slice: true, at })
            }
            What::Call(name, arguments) => Some(self.call(name, arguments, at)?),
            What::Negative(of) => match self.typed(of)? {
                None => None,
                Some(of) => {
                    if !(of.kind.is_integer() || matches!(of.kind, Kind::Float | Kind::Double | Kind::RelTime)) {
                        return Err(cannot(&of, "a minus sign"));
                    }
                    let expr = Expr::Negative(Box::new(of.expr), width(of.kind));
                    Some(Typed { expr, field: None, ..of })
                }
            },
            What::Arithmetic(op, a, b) => self.arithmetic(*op, a, b, at)?,
        })
    }

    fn arithmetic(&mut self, op: Arithmetic, a: &Operand, b: &Operand, at: usize) -> Result<Option<Typed>> {
        let (left, right) = (self.typed(a)?, self.typed(b)?);
        let kind = match (&left, &right) {
            (None, None) => return Ok(None),
            (Some(l), None) => l.kind,
            (None, Some(r)) => r.kind,
            (Some(l), Some(r)) => {
                if !l.kind.comparable(r.kind) {
                    let message = format!("these two cannot be computed: {} and {}", l.kind.words(), r.kind.words());
                    return Err(type_error(r.at, message));
                }
                l.kind
            }
        };
        computable(op, kind, at)?;
        let slice = left.as_ref().or(right.as_ref()).is_some_and(|t| t.slice);
        let left = match left {
            Some(l) => l.expr,
            None => self.constant(a, kind, None, false)?,
        };
        let right = match right {
            Some(r) => r.expr,
            None => self.constant(b, kind, None, false)?,
        };
        let expr = Expr::Arithmetic(op, Box::new(left), Box::new(right), width(kind));
        Ok(Some(Typed { expr, kind, field: None, slice, at }))
    }

    fn field(&mut self, name: &str, at: usize, layers: Option<Vec<Slice>>) -> Result<Typed> {
        let id = field_named(name, at)?;
        self.want(id);
        let field = registry::field(id);
        Ok(Typed { expr: Expr::Field(id, layers), kind: field.kind, field: Some(field), slice: false, at })
    }

    fn want(&mut self, id: FieldId) {
        if !self.fields.contains(&id) {
            self.fields.push(id);
        }
    }

    fn call(&mut self, name: &str, arguments: &[Operand], at: usize) -> Result<Typed> {
        const NAMES: [&str; 8] = ["len", "count", "upper", "lower", "string", "max", "min", "abs"];
        if !NAMES.contains(&name) {
            let error = FilterError::new(Code::Syntax, at, format!("there is no function {}", quoted(name)));
            return Err(error.hint(format!("the functions are {}", NAMES.join(", "))));
        }
        let of = |kind, expr| Typed { expr, kind, field: None, slice: false, at };
        if matches!(name, "max" | "min") {
            return self.extreme(name, arguments, at);
        }
        let [argument] = arguments else {
            return Err(type_error(at, format!("{name} takes one argument, not {}", arguments.len())));
        };
        let typed = self.left(argument)?;
        let plain = match &typed.expr {
            Expr::Field(id, layers) => Some((*id, layers.clone())),
            _ => None,
        };
        match (name, plain) {
            ("len", Some((id, layers))) => Ok(of(Kind::Uint(32), Expr::Len(id, layers, typed.kind))),
            ("count", Some((id, layers))) => Ok(of(Kind::Uint(32), Expr::Count(id, layers))),
            ("len" | "count", None) => Err(type_error(at, format!("{name} takes a field only"))),
            ("upper" | "lower", _) if typed.kind == Kind::Str => {
                let inner = Box::new(typed.expr);
                Ok(of(Kind::Str, if name == "upper" { Expr::Upper(inner) } else { Expr::Lower(inner) }))
            }
            ("upper" | "lower", _) => Err(cannot(&typed, name)),
            ("string", Some(_)) => {
                let convertible = typed.kind.is_integer() && typed.kind != Kind::Char
                    || matches!(
                        typed.kind,
                        Kind::Ipv4
                            | Kind::Ipv6
                            | Kind::Ether
                            | Kind::Guid
                            | Kind::Eui64
                            | Kind::Oid
                            | Kind::Float
                            | Kind::Double
                    );
                if !convertible {
                    return Err(cannot(&typed, "string()"));
                }
                Ok(of(Kind::Str, Expr::Text(Box::new(typed.expr), typed.kind)))
            }
            ("string", None) => Err(type_error(at, "string takes a field only")),
            _ => {
                if !(typed.kind.is_integer() || matches!(typed.kind, Kind::Float | Kind::Double | Kind::RelTime)) {
                    return Err(cannot(&typed, "abs()"));
                }
                Ok(of(typed.kind, Expr::Abs(Box::new(typed.expr))))
            }
        }
    }

    fn extreme(&mut self, name: &str, arguments: &[Operand], at: usize) -> Result<Typed> {
        let mut all: Vec<Option<Typed>> = Vec::new();
        for argument in arguments {
            all.push(self.typed(argument)?);
        }
        let Some(kind) = all.iter().flatten().map(|t| t.kind).next() else {
            return Err(type_error(at, format!("{name} needs at least one field")));
        };
        if !(kind.is_integer()
            || matches!(
                kind,
                Kind::Float
                    | Kind::Double
                    | Kind::RelTime
                    | Kind::AbsTime
                    | Kind::Ipv4
                    | Kind::Ipv6
                    | Kind::Str
                    | Kind::Bytes
                    | Kind::Ether
            ))
        {
            return Err(type_error(at, format!("{name} takes no {}", kind.words())));
        }
        let mut expressions = Vec::new();
        for (typed, argument) in all.into_iter().zip(arguments) {
            expressions.push(match typed {
                Some(t) if t.kind != kind => {
                    let message =
                        format!("the arguments of {name} must have one type: {} and {}", kind.words(), t.kind.words());
                    return Err(type_error(t.at, message));
                }
                Some(t) => t.expr,
                None => self.constant(argument, kind, None, false)?,
            });
        }
        let expr = if name == "max" { Expr::Max(expressions) } else { Expr::Min(expressions) };
        Ok(Typed { expr, kind, field: None, slice: false, at })
    }
}

fn width(kind: Kind) -> Width {
    if matches!(kind, Kind::Uint(bits) if bits > 32) { Width::W64 } else { Width::W32 }
}

fn cannot(left: &Typed, what: &str) -> FilterError {
    let name = left.field.map_or("this", |f| f.name);
    let error = type_error(left.at, format!("{name} is of type {}, which {what} does not take", left.kind.words()));
    if matches!(what, "contains" | "matches")
        && (left.kind.is_integer() || matches!(left.kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ether))
    {
        return error.hint(format!("string({name}) {what} ... compares it as a text"));
    }
    error
}

fn computable(op: Arithmetic, kind: Kind, at: usize) -> Result<()> {
    let number = kind.is_integer() && kind != Kind::Char;
    let ok = match op {
        Arithmetic::And => number || matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ether | Kind::Bytes),
        Arithmetic::Modulo => number,
        Arithmetic::Multiply | Arithmetic::Divide => number || matches!(kind, Kind::Float | Kind::Double),
        Arithmetic::Add | Arithmetic::Subtract => number || matches!(kind, Kind::Float | Kind::Double | Kind::RelTime),
    };
    if ok {
        return Ok(());
    }
    let sign = match op {
        Arithmetic::And => "&",
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Modulo => "%",
    };
    Err(type_error(at, format!("{} cannot be computed with {sign}", kind.words())))
}

/// A regular expression over bytes whose matching takes linear time, as `matches` takes them.
pub fn build(source: &str) -> std::result::Result<regex::bytes::Regex, regex::Error> {
    RegexBuilder::new(source)
        .case_insensitive(true)
        .unicode(false)
        .nest_limit(50)
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(2 * MAX_REGEX_BYTES)
        .build()
}

/// A regular expression in linear time: case does not matter unless it says `(?-i)`, bytes are bytes.
fn pattern(operand: &Operand) -> Result<regex::bytes::Regex> {
    let What::Text(text) = &operand.what else {
        return Err(type_error(operand.at, "matches needs a regular expression in double quotes behind it"));
    };
    if text.len() > MAX_PATTERN {
        let message = format!("a regular expression of {} bytes is not taken, at most {MAX_PATTERN}", text.len());
        return Err(FilterError::new(Code::TooComplex, operand.at, message));
    }
    // Bytes that are no text stand in the pattern as escapes.
    let mut source = String::new();
    for chunk in text.utf8_chunks() {
        source.push_str(chunk.valid());
        for b in chunk.invalid() {
            source.push_str(&format!("\\x{b:02x}"));
        }
    }
    build(&source).map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => {
            FilterError::new(Code::TooComplex, operand.at, "this regular expression is too large when compiled")
        }
        e => {
            let last = e.to_string().lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_owned();
            FilterError::new(Code::Value, operand.at, format!("the regular expression is not valid: {last}"))
                .hint("look-around and back-references are not taken: matching takes linear time")
        }
    })
}
