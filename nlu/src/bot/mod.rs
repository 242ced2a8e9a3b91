//! A bot as YAML, read into a compiled [`Bot`].
//!
//! ```text
//! bot:      {id, locale, version, entry: flow, timezone, no_input_ms, listen}
//! nlu:      {intents: {id: {examples, label, global}}, lists: {id: [text | {value, synonyms}]}, bands, context_boost}
//! entities: {name: {kind: money | data_size | phone | digits | id_number | id_tail | date | month | time | datetime |
//!   address | list | regex | crf, ..}}
//! slots:    {name: {type, ask, reprompt, validate: {expr, say}, confirm, confirm_say, chunked, bias, dtmf, sensitive, keep,
//!   max_tries}}
//! actions:  {name: {http: {get | post} | grpc: {service, method}, timeout_ms, retries, filler, safe, requires, args, result, idempotency, mock}}
//! prompts:  {id: {say, must_say, barge_in}}
//! faq:      [{ask: [question], say: answer, source}], and `faq/*.md` with a heading for each question
//! policies: {no_input, no_match, global_intents, repair, handoff, wait_say, guardrails}
//! llm:      {endpoint, model, tools, knowledge, budget_ms, on_timeout, scope, output, grounded_only}, under `policies`
//! guardrail: {must_say: prompt, before: label | first_reply} | {never_say: regex, until} | {never_call: action, unless}
//!           | {max_turns} | {max_pitch, flow}
//! flows:    {id: {trigger: {intents, dtmf, event}, guard, vars, description, listen, steps}}
//! step:     say | collect | confirm | call | if | choose | set | flow | goto | handoff | end | resume, each with `label`;
//!           confirm with `yes_by` and `no_by`, intents that answer it;
//!           say, collect, confirm and choose with `barge_in`, and all that ask with `listen`
//! listen:   {complete_ms, unknown_ms, unfinished_ms, no_input_ms}
//! ```
//!
//! Every file of a bot's folder is read, every fault is collected with its file, line and field, and only a bot without
//! faults comes out: the engine never meets an unknown name.

mod action;
mod check;
pub(crate) mod expr;
pub(crate) mod fault;
mod flow;
pub(crate) mod guardrail;
pub(crate) mod listen;
pub(crate) mod llm;
pub(crate) mod model;
mod nlu;
pub(crate) mod node;
mod policy;
mod prompt;
pub(crate) mod read;
mod slot;
pub(crate) mod sources;
pub(crate) mod template;

#[cfg(test)]
pub(crate) use action::json;
pub use fault::{BotFaults, Fault};
pub use model::{Bot, Method, RESERVED_INTENTS};
pub(crate) use slot::KINDS;

use crate::faq::{from_markdown, from_section};
use check::Places;
use fault::{Faults, Place, nearest};
use listen::Listen;
use node::Node;
use read::Item;
use sources::Sources;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SECTIONS: [&str; 9] = ["bot", "nlu", "entities", "slots", "actions", "prompts", "faq", "policies", "flows"];

/// A bot file larger than this is refused unread.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Bot {
    /// Reads a bot from a folder (every `*.yaml` and `*.yml` directly in it, and `faq/*.md`) or from one file.
    ///
    /// # Errors
    /// Every fault of every file at once.
    pub fn load(path: &Path) -> Result<Self, BotFaults> {
        Self::load_with_sources(path).map(|(bot, _)| bot)
    }

    /// As [`Bot::load`], together with what the bot was read from, for tools that name places in it.
    pub(crate) fn load_with_sources(path: &Path) -> Result<(Self, Sources), BotFaults> {
        let mut faults = Faults::default();
        let files = read_files(path, &mut faults);
        let texts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Self::compile(&texts, faults)
    }

    /// Compiles a bot from texts: file name and content.
    ///
    /// # Errors
    /// Every fault of every file at once.
    pub fn from_texts(files: &[(&str, &str)]) -> Result<Self, BotFaults> {
        Self::compile(files, Faults::default()).map(|(bot, _)| bot)
    }

    fn compile(files: &[(&str, &str)], mut faults: Faults) -> Result<(Self, Sources), BotFaults> {
        let mut hasher = blake3::Hasher::new();
        let mut roots = Vec::new();
        let mut faq = Vec::new();
        for (name, text) in files {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            let file = faults.add_file(name);
            if name.ends_with(".md") {
                faq.extend(from_markdown(file, name, text, &mut faults));
            } else {
                roots.extend(node::parse(file, text, &mut faults));
            }
        }
        let sections = Sections::split(&roots, &mut faults);
        let Some(head) = head(&sections, &mut faults) else {
            return Err(faults.finish().err().unwrap_or(BotFaults(Vec::new())));
        };
        let nlu = nlu::read(&sections.of("nlu"), &mut faults);
        let entities = slot::entities(&sections.of("entities"), &nlu.lists, &mut faults);
        let slots = slot::slots(&sections.of("slots"), &entities, &mut faults);
        let mut backends = BTreeSet::new();
        let actions = action::read(&sections.of("actions"), &mut backends, &mut faults);
        faq.extend(from_section(&sections.of("faq"), &mut faults));
        let prompts = prompt::read(&sections.of("prompts"), &mut faults);
        let policy::Read { mut policies, global, guardrails, llm } =
            policy::read(&sections.of("policies"), &mut faults);
        let flows = flow::read(&sections.of("flows"), &global, &prompts, &mut faults);
        let guardrails = guardrails.map(|item| {
            let names = guardrail::Names { prompts: &prompts, actions: &actions, flows: &flows };
            guardrail::read(&item, &names, &mut faults)
        });
        let llm = llm.and_then(|item| llm::read(&item, &actions, &mut faults));
        let named = flows.len() - global.len();
        policies.global = global.iter().enumerate().map(|(i, (intent, _))| (intent.clone(), named + i)).collect();
        let entry = flows.iter().position(|flow| flow.id == head.entry.0);
        if entry.is_none() {
            let suggestion = nearest(&head.entry.0, flows.iter().map(|flow| flow.id.as_str()));
            faults.add(head.entry.1, "bot.entry", format!("there is no flow `{}`", head.entry.0), suggestion);
        }
        let bot = Self {
            id: head.id,
            zone: head.zone,
            entry: entry.unwrap_or(0),
            listen: head.listen,
            intents: nlu.intents,
            marked: nlu.marked,
            bands: nlu.bands,
            context_boost: nlu.context_boost,
            slots,
            actions,
            prompts,
            faq,
            llm,
            guardrails: guardrails.unwrap_or_default(),
            policies,
            flows,
            backends,
            content: hasher.finalize(),
        };
        let places = sections.places(&bot, &global);
        check::check(&bot, &places, &mut faults);
        let texts = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        faults.finish().map(|()| (bot, Sources { files: texts, roots, flows: places.flows }))
    }
}

fn read_files(path: &Path, faults: &mut Faults) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    let mut documents = Vec::new();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map(|dir| dir.filter_map(Result::ok).map(|entry| entry.path()));
        let is_yaml = |path: &Path| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
        paths.extend(entries.into_iter().flatten().filter(|path| path.is_file() && is_yaml(path)));
        paths.sort();
        documents.extend(markdown(&path.join("faq")));
    } else {
        paths.push(path.to_owned());
    }
    if paths.is_empty() {
        let file = faults.add_file(&path.display().to_string());
        faults.add(Place { file, line: 0 }, "", "the folder holds no *.yaml file", "name the folder of a bot");
    }
    let mut files = Vec::new();
    // Documents come last, so that the files before them keep their numbers.
    let documents = documents.into_iter().map(|path| ("faq/", path));
    for (folder, path) in paths.into_iter().map(|path| ("", path)).chain(documents) {
        let name = format!("{folder}{}", path.file_name().unwrap_or_default().to_string_lossy());
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        let text = if size > FILE_BYTES_MAX {
            Err(format!("has {size} bytes, the most is {FILE_BYTES_MAX}"))
        } else {
            std::fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}"))
        };
        match text {
            Ok(text) => files.push((name, text)),
            Err(reason) => {
                let file = faults.add_file(&name);
                faults.add(Place { file, line: 0 }, "", reason, "");
            }
        }
    }
    files
}

/// The documents of a bot, in order of their names.
fn markdown(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect();
    paths.sort();
    paths
}

/// The top-level sections of all files.
struct Sections<'a>(Vec<(&'static str, Item<'a>)>);

impl<'a> Sections<'a> {
    fn split(roots: &'a [Node], faults: &mut Faults) -> Self {
        let mut sections = Vec::new();
        for root in roots {
            for (key, item) in Item::new("", root).entries(faults) {
                match SECTIONS.iter().find(|known| **known == key) {
                    Some(known) => sections.push((*known, item)),
                    None => item.fault("unknown section", nearest(key, SECTIONS), faults),
                }
            }
        }
        Self(sections)
    }

    fn of(&self, name: &str) -> Vec<Item<'a>> {
        self.0.iter().filter(|(known, _)| *known == name).map(|(_, item)| item.clone()).collect()
    }

    /// Where the parts stand, for faults that are found after compiling.
    fn places(&self, bot: &Bot, global: &[(String, Item<'_>)]) -> Places {
        let mut scratch = Faults::default();
        let mut parts = Vec::new();
        for (name, section) in &self.0 {
            parts.push(((*name).to_owned(), section.place()));
            let deep =
                if *name == "nlu" { section.fields(&mut scratch).and_then(|mut f| f.take("intents")) } else { None };
            for (_, item) in deep.as_ref().unwrap_or(section).entries(&mut scratch) {
                parts.push((item.path.clone(), item.place()));
            }
        }
        let mut flows = Vec::new();
        for flow in &bot.flows {
            let path = format!("flows.{}", flow.id);
            let own = parts.iter().find(|(known, _)| *known == path).map(|(_, place)| place.file);
            let steps = global.iter().find(|(intent, _)| flow.id.strip_prefix('@') == Some(intent));
            flows.push(own.or(steps.map(|(_, item)| item.place().file)).unwrap_or_default());
        }
        Places { flows, parts }
    }
}

struct Head {
    id: String,
    entry: (String, Place),
    zone: chrono_tz::Tz,
    listen: Listen,
}

fn head(sections: &Sections<'_>, faults: &mut Faults) -> Option<Head> {
    let heads = sections.of("bot");
    let Some(item) = heads.first() else {
        faults.add(Place::default(), "bot", "is missing", "add `bot: {id: .., entry: .., timezone: Asia/Shanghai}`");
        return None;
    };
    if let Some(second) = heads.get(1) {
        second.fault("is declared in two files", "", faults);
    }
    let mut fields = item.fields(faults)?;
    let id = fields.need("id", faults).and_then(|item| item.text(faults));
    let entry = fields.need("entry", faults).and_then(|item| Some((item.text(faults)?, item.place())));
    if let Some(locale) = fields.take("locale") {
        slot::one_of(&locale, &["zh-CN"], faults);
    }
    if let Some(version) = fields.take("version") {
        version.whole(1..=1, faults);
    }
    let zone = fields.take("timezone").and_then(|item| {
        let name = item.text(faults)?;
        name.parse().map_err(|_| item.fault(format!("`{name}` is not a time zone"), "Asia/Shanghai", faults)).ok()
    });
    let no_input = fields.take("no_input_ms").and_then(|item| listen::no_input(&item, faults));
    let listen = fields.take("listen").map(|item| listen::listen(&item, faults)).unwrap_or_default();
    fields.finish(faults);
    let no_input = listen.no_input.or(no_input);
    Some(Head {
        id: id?,
        entry: entry?,
        zone: zone.unwrap_or(chrono_tz::Tz::Asia__Shanghai),
        listen: Listen { no_input, ..listen },
    })
}
