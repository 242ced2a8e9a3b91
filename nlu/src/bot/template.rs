//! Text with holes: `您还剩${left|size}流量。`
//!
//! A hole holds a CEL expression and, after a single `|`, the way to speak its value. Values are data: a value that
//! looks like a template, a CEL expression or a URL is spoken or encoded, never interpreted.

use super::expr::{Expr, ExprError, Scope};
use crate::value::Value;
use hualu_core::dialogue::{SayAs, Span};
use std::fmt::Write as _;

/// How a hole's value is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// By the value's own kind.
    Spoken,
    /// In one given way.
    As(SayAs),
    /// The family name of a person's name.
    Surname,
    /// The last four characters, digit by digit.
    Tail,
}

/// The names of the filters.
pub(crate) const FILTERS: [(&str, Filter); 12] = [
    ("spoken", Filter::Spoken),
    ("plain", Filter::As(SayAs::Plain)),
    ("cardinal", Filter::As(SayAs::Cardinal)),
    ("digits", Filter::As(SayAs::Digits)),
    ("phone", Filter::As(SayAs::Telephone)),
    ("money", Filter::As(SayAs::Money)),
    ("date", Filter::As(SayAs::Date)),
    ("time", Filter::As(SayAs::Time)),
    ("size", Filter::As(SayAs::DataSize)),
    ("letters", Filter::As(SayAs::Characters)),
    ("surname", Filter::Surname),
    ("tail", Filter::Tail),
];

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Hole { expr: Expr, filter: Option<Filter> },
}

/// A compiled text.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Compiles `text`.
    ///
    /// # Errors
    /// A sentence that says which hole is wrong and why.
    pub fn compile(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            let body = &rest[at + 2..];
            let end = body.find('}').ok_or_else(|| format!("`${{` without `}}` in `{text}`"))?;
            pieces.push(hole(&body[..end])?);
            rest = &body[end + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The names that its holes read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Text(_) => [].iter(),
                Piece::Hole { expr, .. } => expr.names().iter(),
            })
            .map(String::as_str)
    }

    /// Its text in spans, with an empty personal span for each hole: what can be known before any value is.
    pub fn outline(&self) -> Vec<Span> {
        let span = |piece: &Piece| match piece {
            Piece::Text(text) => Span::plain(text),
            Piece::Hole { .. } => Span { personal: true, ..Span::default() },
        };
        self.pieces.iter().map(span).collect()
    }

    /// Its text with the holes' expressions, for people who read the bot.
    pub fn source(&self) -> String {
        let written = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole { expr, .. } => format!("${{{}}}", expr.source()),
        };
        self.pieces.iter().map(written).collect()
    }

    /// Its text without the holes' values: what a check or a hint can see.
    pub fn skeleton(&self) -> String {
        self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" }).collect()
    }

    /// To be spoken.
    pub fn spans(&self, scope: &dyn Scope) -> Result<Vec<Span>, ExprError> {
        let mut spans = Vec::new();
        for (i, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => spans.push(Span::plain(text)),
                Piece::Hole { expr, filter } => {
                    let value = expr.eval(scope)?;
                    let personal = expr.names().iter().any(|name| scope.is_personal(name));
                    let declared =
                        filter.or_else(|| expr.names().first().and_then(|n| scope.say_as(n)).map(Filter::As));
                    let unit_follows =
                        matches!(self.pieces.get(i + 1), Some(Piece::Text(text)) if starts_with_unit(text));
                    spans.extend(speak(&value, declared, unit_follows, personal));
                }
            }
        }
        Ok(spans)
    }

    /// As plain text.
    pub fn plain(&self, scope: &dyn Scope) -> Result<String, ExprError> {
        self.join(scope, |value| value.plain())
    }

    /// As text in which `write` makes something of each value; `missing` stands for those that cannot be told.
    pub fn filled(&self, scope: &dyn Scope, write: impl Fn(String) -> String, missing: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole { expr, .. } => {
                expr.eval(scope).map_or_else(|_| missing.to_owned(), |value| write(value.plain()))
            }
        };
        self.pieces.iter().map(piece).collect()
    }

    /// As a URL: everything but the first hole (the back end's base address) and the fixed text is percent-encoded.
    pub fn url(&self, scope: &dyn Scope) -> Result<String, ExprError> {
        let mut is_base = matches!(self.pieces.first(), Some(Piece::Hole { .. }));
        self.join(
            scope,
            |value| if std::mem::take(&mut is_base) { value.plain() } else { percent_encode(&value.plain()) },
        )
    }

    fn join(&self, scope: &dyn Scope, mut write: impl FnMut(&Value) -> String) -> Result<String, ExprError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Hole { expr, .. } => out.push_str(&write(&expr.eval(scope)?)),
            }
        }
        Ok(out)
    }
}

fn hole(body: &str) -> Result<Piece, String> {
    let bytes = body.as_bytes();
    let is_pipe = |i: usize| bytes[i] == b'|' && bytes.get(i + 1) != Some(&b'|') && (i == 0 || bytes[i - 1] != b'|');
    let (source, filter) = match (0..bytes.len()).rev().find(|i| is_pipe(*i)) {
        None => (body, None),
        Some(at) => {
            let name = body[at + 1..].trim();
            let filter = FILTERS.iter().find(|(known, _)| *known == name).map(|(_, filter)| *filter);
            let known = || FILTERS.iter().map(|(name, _)| *name);
            let filter = filter.ok_or_else(|| {
                format!("unknown filter `{name}` in `${{{body}}}`; {}", super::fault::nearest(name, known()))
            })?;
            (&body[..at], Some(filter))
        }
    };
    Ok(Piece::Hole { expr: Expr::compile(source.trim())?, filter })
}

fn starts_with_unit(text: &str) -> bool {
    ["元", "块", "G", "g", "兆", "M", "个G"].iter().any(|unit| text.starts_with(unit))
}

fn speak(value: &Value, filter: Option<Filter>, unit_follows: bool, personal: bool) -> Vec<Span> {
    let span = |text: String, say_as: SayAs| Span { text, say_as, personal };
    let by_kind = |value: &Value| match value {
        Value::Int(_) | Value::Float(_) => vec![span(value.plain(), SayAs::Cardinal)],
        Value::Date(_) => vec![span(value.plain(), SayAs::Date)],
        Value::Time(_) => vec![span(value.plain(), SayAs::Time)],
        Value::DateTime(at) => {
            vec![span(Value::Date(at.date()).plain(), SayAs::Date), span(Value::Time(at.time()).plain(), SayAs::Time)]
        }
        _ => vec![span(value.plain(), SayAs::Plain)],
    };
    match filter {
        None | Some(Filter::Spoken | Filter::As(SayAs::Plain)) => by_kind(value),
        Some(Filter::As(SayAs::Money | SayAs::DataSize)) if unit_follows => by_kind(value),
        Some(Filter::As(SayAs::Date | SayAs::Time)) if matches!(value, Value::DateTime(_)) => by_kind(value),
        Some(Filter::As(say_as)) => vec![span(value.plain(), say_as)],
        Some(Filter::Surname) => vec![span(surname(&value.plain()), SayAs::Plain)],
        Some(Filter::Tail) => {
            let text = value.plain();
            let skip = text.chars().count().saturating_sub(4);
            vec![span(text.chars().skip(skip).collect(), SayAs::Digits)]
        }
    }
}

fn surname(name: &str) -> String {
    const DOUBLE: [&str; 10] = ["欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒"];
    let is_double = DOUBLE.iter().any(|double| name.starts_with(double)) && name.chars().count() > 2;
    name.chars().take(if is_double { 2 } else { 1 }).collect()
}

/// RFC 3986 §2.1: everything outside the unreserved set is encoded.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDateTime;
    use chrono_tz::Tz;

    struct Fixed;

    impl Scope for Fixed {
        fn value(&self, name: &str) -> Value {
            match name {
                "fee" => Value::Int(59),
                "balance" => Value::Float(58.3),
                "evil" => Value::Text("${fee}&a=1".into()),
                "name" => Value::Text("欧阳修".into()),
                "crm" => Value::Text("http://127.0.0.1:1".into()),
                _ => Value::Null,
            }
        }
        fn say_as(&self, name: &str) -> Option<SayAs> {
            (name == "fee").then_some(SayAs::Money)
        }
        fn is_personal(&self, name: &str) -> bool {
            name == "balance"
        }
        fn now(&self) -> NaiveDateTime {
            NaiveDateTime::MIN
        }
        fn zone(&self) -> Tz {
            Tz::Asia__Shanghai
        }
    }

    fn spans(text: &str) -> Vec<(String, SayAs, bool)> {
        let template = Template::compile(text).expect("compiles");
        let spans = template.spans(&Fixed).expect("evaluates");
        spans.into_iter().map(|s| (s.text, s.say_as, s.personal)).collect()
    }

    #[test]
    fn the_slot_or_the_filter_says_how_a_value_is_read() {
        assert_eq!(spans("${fee}")[0], ("59".into(), SayAs::Money, false));
        assert_eq!(spans("${fee}元")[0], ("59".into(), SayAs::Cardinal, false));
        assert_eq!(spans("余额${balance|money}。")[1], ("58.3".into(), SayAs::Money, true));
        assert_eq!(spans("${name|surname}先生")[0], ("欧阳".into(), SayAs::Plain, false));
        assert_eq!(spans("${fee * 2 > 100 || false}")[0].0, "true");
    }

    #[test]
    fn values_are_data_and_never_code() {
        assert_eq!(spans("${evil}")[0].0, "${fee}&a=1");
        let url = Template::compile("${crm}/plan?x=${evil}").expect("compiles").url(&Fixed).expect("evaluates");
        assert_eq!(url, "http://127.0.0.1:1/plan?x=%24%7Bfee%7D%26a%3D1");
    }

    #[test]
    fn faulty_holes_are_refused_with_a_reason() {
        assert!(Template::compile("${fee").expect_err("open hole").contains("without"));
        assert!(Template::compile("${fee|mony}").expect_err("filter").contains("did you mean `money`"));
        assert!(Template::compile("${fee +}").expect_err("syntax").contains("CEL"));
        assert!(Template::compile("${shout(fee)}").expect_err("function").contains("shout"));
    }
}
