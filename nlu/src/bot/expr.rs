//! CEL expressions: compiled once, evaluated without side effects.

use crate::value::Value;
use chrono::{NaiveDateTime, Timelike};
use chrono_tz::Tz;
use hualu_core::dialogue::SayAs;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Functions that expressions may call beside CEL's own.
pub(crate) const FUNCTIONS: [&str; 2] = ["now", "hour"];

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
}

/// A compiled expression.
#[derive(Clone)]
pub(crate) struct Expr {
    source: String,
    program: Arc<cel::Program>,
    names: Vec<String>,
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
        let unknown = references.functions().into_iter().find(|name| is_unknown_function(name));
        if let Some(name) = unknown {
            return Err(format!("`{source}` calls `{name}`, which does not exist"));
        }
        Ok(Self { source: source.to_owned(), program: Arc::new(program), names })
    }

    /// The top-level names that it reads, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The value in `scope`.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, ExprError> {
        let zone = scope.zone();
        let mut context = cel::Context::with_env(Arc::clone(&ENV));
        for name in &self.names {
            context.add_variable_from_value(name.as_str(), scope.value(name).to_cel(zone));
        }
        let now = Value::DateTime(scope.now()).to_cel(zone);
        let declared = context
            .add_function("now", move || now.clone())
            .and_then(|()| context.add_function("hour", move |at: Arc<String>| hour_of_text(&at)));
        if let Err(error) = declared {
            tracing::error!(%error, "expression functions clash with the standard library");
        }
        match self.program.execute(&context) {
            Ok(value) => Ok(Value::from_cel(&value, zone)),
            Err(_) => Err(ExprError { expr: self.source.clone() }),
        }
    }

    /// Whether it holds in `scope`.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, ExprError> {
        match self.eval(scope)? {
            Value::Bool(value) => Ok(value),
            _ => Err(ExprError { expr: self.source.clone() }),
        }
    }
}

fn hour_of_text(at: &str) -> i64 {
    chrono::NaiveTime::parse_from_str(at, "%H:%M").map_or(-1, |time| i64::from(time.hour()))
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
