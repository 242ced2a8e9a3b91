//! CEL expressions: compiled once, evaluated without side effects.

use crate::value::Value;
use chrono::{NaiveDateTime, Timelike};
use chrono_tz::Tz;
use hualu_core::dialogue::SayAs;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Functions that expressions may call beside CEL's own.
pub(crate) const FUNCTIONS: [&str; 3] = ["now", "hour", CONFIRMED];

/// `confirmed('change_plan')`: whether the caller has agreed to this action with the values that it has now.
const CONFIRMED: &str = "confirmed";

/// What an expression can see.
pub(crate) trait Scope {
    /// The value of a top-level name, nothing when it has none.
    fn value(&self, name: &str) -> Value;
    /// How a name's value is read aloud, when its slot says so.
    fn say_as(&self, name: &str) -> Option<SayAs>;
    /// Whether a name's value is personal data.
    fn is_personal(&self, name: &str) -> bool;
    /// The time in the bot's zone.
    fn now(&self) -> NaiveDateTime;
    /// The bot's zone.
    fn zone(&self) -> Tz;
    /// The actions that the caller has agreed to, with the values that they have now.
    fn confirmed(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

/// A compiled expression.
#[derive(Clone)]
pub(crate) struct Expr {
    source: String,
    program: Arc<cel::Program>,
    names: Vec<String>,
    /// The expression is only a name (`fee`, `vars.expire`): its value is read as it is, so that a day stays a day.
    path: Option<Vec<String>>,
    asks_for_confirmed: bool,
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source)
    }
}

/// Why an expression gave no value.
#[derive(Debug, thiserror::Error)]
#[error("`{expr}` cannot be evaluated: check that every name in it is filled before this step and has the right type")]
pub(crate) struct ExprError {
    /// The source of the expression; values are left out of the message, they are personal.
    expr: String,
}

static ENV: LazyLock<Arc<cel::Env>> = LazyLock::new(|| Arc::new(cel::Env::stdlib()));

impl Expr {
    /// Compiles `source`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn compile(source: &str) -> Result<Self, String> {
        let program = ENV.compile(source).map_err(|errors| {
            let first = errors.errors.first().map_or_else(String::new, |error| error.msg.clone());
            format!("`{source}` is not a CEL expression: {first}")
        })?;
        let references = program.references();
        let mut names: Vec<String> = references.variables().into_iter().map(str::to_owned).collect();
        names.sort();
        let asks_for_confirmed = references.functions().contains(&CONFIRMED);
        let unknown = references.functions().into_iter().find(|name| is_unknown_function(name));
        if let Some(name) = unknown {
            return Err(format!("`{source}` calls `{name}`, which does not exist"));
        }
        let path = path(source, &names);
        Ok(Self { source: source.to_owned(), program: Arc::new(program), names, path, asks_for_confirmed })
    }

    /// As it is written in the bot's file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The top-level names that it reads, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The value in `scope`.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, ExprError> {
        if let Some([name, keys @ ..]) = self.path.as_deref() {
            let mut value = scope.value(name);
            for key in keys {
                value = value.take(key).ok_or_else(|| ExprError { expr: self.source.clone() })?;
            }
            return Ok(value);
        }
        let zone = scope.zone();
        let mut context = cel::Context::with_env(Arc::clone(&ENV));
        for name in &self.names {
            context.add_variable_from_value(name.as_str(), scope.value(name).to_cel(zone));
        }
        let now = Value::DateTime(scope.now()).to_cel(zone);
        let declared = context
            .add_function("now", move || now.clone())
            .and_then(|()| context.add_function("hour", move |at: cel::Value| hour(&at, zone)))
            .and_then(|()| {
                let known = if self.asks_for_confirmed { scope.confirmed() } else { BTreeSet::new() };
                context.add_function(CONFIRMED, move |action: Arc<String>| known.contains(action.as_str()))
            });
        if let Err(error) = declared {
            tracing::error!(%error, "expression functions clash with the standard library");
        }
        match self.program.execute(&context) {
            Ok(value) => Ok(Value::from_cel(&value, zone)),
            Err(_) => Err(ExprError { expr: self.source.clone() }),
        }
    }

    /// Whether it surely holds in `scope`: what cannot be told, because a name in it has no value yet, does not.
    pub fn surely_holds(&self, scope: &dyn Scope) -> bool {
        self.holds(scope).unwrap_or(false)
    }

    /// Whether it holds in `scope`.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, ExprError> {
        match self.eval(scope)? {
            Value::Bool(value) => Ok(value),
            _ => Err(ExprError { expr: self.source.clone() }),
        }
    }
}

/// The hour on the bot's clock of a time of day (`14:30`) or a point in time; -1 of anything else.
fn hour(at: &cel::Value, zone: Tz) -> i64 {
    match at {
        cel::Value::String(text) => {
            chrono::NaiveTime::parse_from_str(text, "%H:%M").map_or(-1, |time| i64::from(time.hour()))
        }
        cel::Value::Timestamp(at) => i64::from(at.with_timezone(&zone).hour()),
        _ => -1,
    }
}

/// `vars.expire` as its parts, if that is all there is.
fn path(source: &str, names: &[String]) -> Option<Vec<String>> {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<String> = source.trim().split('.').map(str::to_owned).collect();
    // CEL's own constants are names to the eye only.
    let [only] = names else { return None };
    (parts.iter().all(|part| is_name(part)) && parts.first() == Some(only)).then_some(parts)
}

fn is_unknown_function(name: &str) -> bool {
    const STANDARD: [&str; 32] = [
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "duration",
        "timestamp",
        "string",
        "int",
        "uint",
        "double",
        "bytes",
        "bool",
        "type",
        "dyn",
        "max",
        "min",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
        "has",
        "all",
        "exists",
        "exists_one",
        "map",
    ];
    let is_operator =
        !name.chars().all(|c| c.is_ascii_alphanumeric()) || name.starts_with('_') || name.starts_with('@');
    !is_operator && name != "filter" && !STANDARD.contains(&name) && !FUNCTIONS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Call;

    impl Scope for Call {
        fn value(&self, name: &str) -> Value {
            let day = chrono::NaiveDate::from_ymd_opt(2026, 12, 31).expect("a real day");
            match name {
                "vars" => Value::Map(BTreeMap::from([
                    ("expire".to_owned(), Value::Date(day)),
                    ("fee".to_owned(), Value::Int(59)),
                ])),
                "at" => Value::DateTime(day.and_hms_opt(14, 30, 0).expect("a real time")),
                _ => Value::Null,
            }
        }
        fn say_as(&self, _: &str) -> Option<SayAs> {
            None
        }
        fn is_personal(&self, _: &str) -> bool {
            false
        }
        fn now(&self) -> NaiveDateTime {
            NaiveDateTime::MIN
        }
        fn zone(&self) -> Tz {
            Tz::Asia__Shanghai
        }
        fn confirmed(&self) -> BTreeSet<String> {
            BTreeSet::from(["order".to_owned()])
        }
    }

    fn eval(source: &str) -> Option<Value> {
        Expr::compile(source).expect("compiles").eval(&Call).ok()
    }

    #[test]
    fn a_name_alone_keeps_its_kind() {
        assert!(matches!(eval("vars.expire"), Some(Value::Date(_))));
        assert_eq!(eval("vars.fee * 12"), Some(Value::Int(708)));
        assert_eq!(eval("vars.missing"), None);
        assert_eq!(eval("nothing"), Some(Value::Null));
        assert_eq!(eval("true"), Some(Value::Bool(true)));
    }

    #[test]
    fn hours_and_confirmations_can_be_asked_for() {
        assert_eq!(eval("hour(at) == 14 && hour('09:05') == 9"), Some(Value::Bool(true)));
        assert_eq!(eval("confirmed('order') && !confirmed('other')"), Some(Value::Bool(true)));
    }

    #[test]
    fn what_cannot_be_told_does_not_hold() {
        let holds = |source: &str| Expr::compile(source).expect("compiles").surely_holds(&Call);
        assert!(holds("vars.fee == 59"));
        assert!(!holds("identity"), "no value yet");
        assert!(!holds("identity == true"));
        assert!(!holds("vars.missing > 3"));
    }
}
