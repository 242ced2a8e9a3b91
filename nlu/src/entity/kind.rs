//! What a slot holds: its grammar, how its value is read aloud, what its question awaits, how it is keyed in.

use super::digits::{Fit, Form};
use super::list::ListMatcher;
use super::pattern::Pattern;
use crate::tagger::Tagged;
use crate::value::Value;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use hualu_core::dialogue::{Expect, SayAs};
use std::sync::Arc;

/// To which side a day or month without a year is read: 五号 is the next one for a visit, the last one for a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// The last one, today included.
    Past,
    /// The next one, today included.
    Future,
}

/// What a slot holds and, with it, the grammar that finds it.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An amount in yuan.
    Money,
    /// An amount of data: `5GB`, `300MB`.
    DataSize,
    /// A telephone number: mobile, or fixed with or without its area code.
    Phone,
    /// A string of digits.
    Digits {
        /// The fewest digits of a whole answer.
        len_min: u8,
        /// The most digits of a whole answer.
        len_max: u8,
    },
    /// A resident's identity number of 18 characters with its checksum (GB 11643).
    IdNumber,
    /// The last characters of one, `X` included.
    IdTail {
        /// How many.
        len: u8,
    },
    /// A day.
    Date(Bias),
    /// A month: `2026-10`.
    Month(Bias),
    /// A time of day.
    Time,
    /// A day with a time.
    DateTime(Bias),
    /// Where somebody lives, as it was said; with the regions that the bot knows, if it lists them.
    Address(Option<Arc<ListMatcher>>),
    /// One of a list.
    List(Arc<ListMatcher>),
    /// What a regular expression matches.
    Regex(Arc<Pattern>),
    /// What a tagger has learnt to find from marked examples.
    Tagged(Tagged),
}

impl Kind {
    /// A kind by the name that a bot's file gives it, with its defaults; nothing for one that says nothing by itself.
    pub(crate) fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "money" => Self::Money,
            "data_size" => Self::DataSize,
            "phone" => Self::Phone,
            "digits" => Self::Digits { len_min: 1, len_max: 32 },
            "id_number" => Self::IdNumber,
            "id_tail" => Self::IdTail { len: 4 },
            "date" => Self::Date(Bias::Future),
            // A month is asked for to look something up.
            "month" => Self::Month(Bias::Past),
            "time" => Self::Time,
            "datetime" => Self::DateTime(Bias::Future),
            "address" => Self::address(None),
            _ => return None,
        })
    }

    /// The values of a list and how each is said.
    pub(crate) fn list(entries: Vec<(Value, Vec<String>)>) -> Self {
        Self::List(Arc::new(ListMatcher::new(entries)))
    }

    /// An address that may begin with one of these regions.
    pub(crate) fn address(regions: Option<Vec<(Value, Vec<String>)>>) -> Self {
        Self::Address(regions.map(|regions| Arc::new(ListMatcher::new(regions))))
    }

    /// A regular expression.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn regex(source: &str) -> Result<Self, String> {
        Pattern::compile(source).map(|pattern| Self::Regex(Arc::new(pattern)))
    }

    /// The same kind, read to the other side, for kinds that have sides.
    pub(crate) fn with_bias(&self, bias: Bias) -> Option<Self> {
        Some(match self {
            Self::Date(_) => Self::Date(bias),
            Self::Month(_) => Self::Month(bias),
            Self::DateTime(_) => Self::DateTime(bias),
            _ => return None,
        })
    }

    /// What a bot's file calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::DataSize => "data_size",
            Self::Phone => "phone",
            Self::Digits { .. } => "digits",
            Self::IdNumber => "id_number",
            Self::IdTail { .. } => "id_tail",
            Self::Date(_) => "date",
            Self::Month(_) => "month",
            Self::Time => "time",
            Self::DateTime(_) => "datetime",
            Self::Address(_) => "address",
            Self::List(_) => "list",
            Self::Regex(_) => "regex",
            Self::Tagged(_) => "crf",
        }
    }

    /// How many characters it may have and which, for kinds that are said digit by digit.
    pub(crate) const fn form(&self) -> Option<Form> {
        Some(match self {
            Self::Phone => Form::Phone,
            Self::Digits { len_min, len_max } => Form::Digits { len_min: *len_min, len_max: *len_max },
            Self::IdNumber => Form::IdNumber,
            Self::IdTail { len } => Form::IdTail { len: *len },
            _ => return None,
        })
    }

    /// How its value is read aloud.
    pub(crate) const fn say_as(&self) -> Option<SayAs> {
        Some(match self {
            Self::Money => SayAs::Money,
            Self::DataSize => SayAs::DataSize,
            Self::Phone => SayAs::Telephone,
            Self::Digits { .. } | Self::IdNumber | Self::IdTail { .. } => SayAs::Digits,
            Self::Date(_) | Self::Month(_) => SayAs::Date,
            Self::Time => SayAs::Time,
            Self::DateTime(_) | Self::Address(_) | Self::List(_) | Self::Regex(_) | Self::Tagged(_) => return None,
        })
    }

    /// What its question awaits.
    pub(crate) const fn expect(&self) -> Expect {
        match self {
            Self::Phone => Expect::Digits { len_min: 7, len_max: 12 },
            Self::Digits { len_min, len_max } => Expect::Digits { len_min: *len_min, len_max: *len_max },
            Self::IdNumber => Expect::Digits { len_min: 18, len_max: 18 },
            Self::IdTail { len } => Expect::Digits { len_min: *len, len_max: *len },
            Self::Date(_) | Self::Month(_) | Self::Time | Self::DateTime(_) => Expect::Date,
            Self::List(_) | Self::Money => Expect::Choice,
            Self::DataSize | Self::Address(_) | Self::Regex(_) | Self::Tagged(_) => Expect::Free,
        }
    }

    /// After how many keys an answer on the keypad is whole by itself.
    pub(crate) fn keys_len(&self) -> Option<usize> {
        match self {
            Self::Digits { len_min, len_max } if len_min == len_max => Some(usize::from(*len_max)),
            Self::Phone => Some(11),
            Self::IdNumber => Some(18),
            Self::IdTail { len } => Some(usize::from(*len)),
            Self::Date(_) | Self::Time => Some(4),
            Self::DateTime(_) => Some(8),
            Self::Month(_) => Some(2),
            _ => None,
        }
    }

    /// Whether the star stands for a letter of its answers (the X of an identity number).
    pub(crate) const fn takes_star(&self) -> bool {
        matches!(self, Self::IdNumber | Self::IdTail { .. })
    }

    /// The value of `keys`; nothing when they make none. Days are keyed as `MMDD`, months as `MM`, times as
    /// `HHMM`, a day with a time as `MMDDHHMM`.
    pub(crate) fn keyed(&self, keys: &str, now: NaiveDateTime) -> Option<Value> {
        let part = |range: std::ops::Range<usize>| keys.get(range).and_then(|text| text.parse::<u32>().ok());
        match self {
            Self::Money => keys.parse().ok().map(Value::Int),
            Self::Date(bias) => {
                let day = |year| NaiveDate::from_ymd_opt(year, part(0..2)?, part(2..4)?);
                let this = day(now.year());
                let date = match bias {
                    Bias::Future => this.filter(|day| *day >= now.date()).or_else(|| day(now.year() + 1)),
                    Bias::Past => this.filter(|day| *day <= now.date()).or_else(|| day(now.year() - 1)),
                };
                date.map(Value::Date)
            }
            Self::Month(bias) => {
                let month = part(0..2).filter(|month| (1..=12).contains(month))?;
                Some(super::month::value(super::month::year_of(month, now.date(), *bias), month))
            }
            Self::Time => NaiveTime::from_hms_opt(part(0..2)?, part(2..4)?, 0).map(Value::Time),
            Self::DateTime(bias) => {
                let Some(Value::Date(day)) = Self::Date(*bias).keyed(keys.get(..4)?, now) else { return None };
                Some(Value::DateTime(day.and_hms_opt(part(4..6)?, part(6..8)?, 0)?))
            }
            _ => {
                let text = keys.replace('*', "X");
                match self.form() {
                    Some(form) => matches!(form.fit(&text), Fit::Whole(_)).then(|| form.value(&text)),
                    None => Some(Value::Text(text)),
                }
            }
        }
    }
}
