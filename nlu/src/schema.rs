//! The JSON Schema of a bot's files, for editors: completion, descriptions, and red lines under what the compiler would
//! refuse. It describes one file, so nothing is required that another file of the folder may hold.

mod parts;

use crate::bot::KINDS;
use parts::{cel, flag, intents, key, list, millis, named, object, one_of, reference, required, text_of, whole, word};
use serde_json::{Value, json};

/// Where the schema stands in the repository.
pub const FILE: &str = "docs/bot.schema.json";

/// The schema as text, as it is committed.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", schema())
}

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut root = object("A file of a bot's folder. All its *.yaml files together are the bot.", sections());
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("Hualu bot");
    root["definitions"] = definitions();
    root
}

fn sections() -> Vec<(&'static str, Value)> {
    vec![
        ("bot", head()),
        ("nlu", nlu()),
        ("entities", named("What can be heard in a sentence, by name.", reference("entity"))),
        ("slots", named("What flows ask for, by name.", reference("slot"))),
        ("actions", named("Requests to back ends, by name.", reference("action"))),
        ("prompts", named("Texts with a name, for `say: name` and guardrails.", prompt())),
        ("faq", list("Questions with answers that are quoted.", faq())),
        ("policies", policies()),
        ("flows", named("What the bot does, by name.", flow())),
    ]
}

fn head() -> Value {
    let fields = vec![
        ("id", text_of("The bot's name in logs and services.")),
        ("locale", one_of("The language.", &["zh-CN"])),
        ("version", json!({"description": "The version of this format.", "const": 1})),
        ("entry", text_of("The flow that begins when the call is answered.")),
        ("timezone", text_of("The zone of dates and times, such as Asia/Shanghai.")),
        ("no_input_ms", millis("Silence after which the question is asked again.")),
        ("listen", reference("listen")),
    ];
    required(object("The bot itself; in exactly one file.", fields), &["id", "entry"])
}

fn nlu() -> Value {
    let intent = vec![
        ("label", text_of("How the intent is named when the bot asks whether it was meant: 查话费.")),
        ("global", flag("May be heard in any flow, whatever digressions are allowed.")),
        (
            "examples",
            list(
                "What callers say, 50 or more. `[五十九](plan_fee)` marks a value, `${fee}` stands for every value of a list.",
                word(),
            ),
        ),
    ];
    let margin = || json!({"anyOf": [{"const": "auto"}, {"type": "number"}], "description": "A margin; `auto` fits it by cross-validation."});
    let fields = vec![
        ("intents", named("What callers want, by name.", required(object("An intent.", intent), &["examples"]))),
        ("lists", named("Lists of values, by name.", reference("values"))),
        (
            "bands",
            object(
                "Margins between accepting, asking back and not understanding.",
                vec![("accept", margin()), ("clarify", margin()), ("oos", margin())],
            ),
        ),
        (
            "context_boost",
            json!({"type": "number", "description": "Added to the margin of intents that the current step expects."}),
        ),
    ];
    object("How callers are understood.", fields)
}

fn prompt() -> Value {
    let fields = vec![
        ("say", reference("texts")),
        ("must_say", flag("Said again when it was interrupted before it was heard whole.")),
        ("barge_in", flag("Whether the caller may interrupt it.")),
    ];
    required(object("A text with a name.", fields), &["say"])
}

fn faq() -> Value {
    let fields = vec![
        ("ask", list("The question, in several wordings.", text_of("One wording."))),
        ("say", text_of("The answer, word for word.")),
        ("source", text_of("Where it stands, for the trace.")),
    ];
    required(object("A question and its answer.", fields), &["ask", "say"])
}

fn llm() -> Value {
    let scopes = ["faq", "chitchat", "unsure"];
    let fields = vec![
        ("endpoint", text_of("The back end that answers, such as ${llm}.")),
        ("model", text_of("The model that it is asked for.")),
        ("stream", flag("Whether the answer is read while it is written.")),
        ("tools", list("Actions with `safe: true` that it may have run.", text_of("An action."))),
        ("knowledge", one_of("What it is given to answer from.", &["bm25"])),
        ("budget_ms", millis("How long the caller waits for it.")),
        ("on_timeout", one_of("What happens when it is late.", &["no_match"])),
        ("scope", list("What it is asked about.", one_of("A part.", &scopes))),
        ("output", one_of("What it may answer with.", &["commands", "commands+text"])),
        ("grounded_only", flag("Whether it may say only what the documents hold.")),
    ];
    required(object("A language model on a leash; off without this.", fields), &["model"])
}

fn policies() -> Value {
    let digression = vec![
        (
            "allow",
            json!({"anyOf": [{"const": "all"}, list("Intents.", word())], "description": "The intents that may interrupt a flow."}),
        ),
        ("resume_say", text_of("Said when the interrupted flow goes on.")),
        ("refuse_say", text_of("Said when an intent may not interrupt.")),
    ];
    let repair = vec![
        ("correction", flag("Whether values may be corrected: 不对，是五十九.")),
        ("repeat", flag("Whether 再说一遍 repeats the last words.")),
        ("cancel_say", text_of("Said when the caller gives a flow up.")),
        ("digression", object("Other business in the middle of a flow.", digression)),
    ];
    let reason = json!({"type": "string", "pattern": "^(intent:\\S+|no_match|no_input|action_error|emotion:\\S+)( x[0-9]+)?$",
        "description": "`intent:transfer_agent x1`, `no_match x3`, `no_input x3` or `action_error`."});
    let handoff = vec![
        ("action", one_of("How a person takes over.", &["transfer"])),
        ("queue", text_of("Where callers go unless a step says otherwise.")),
        ("say", text_of("Said before the transfer.")),
        ("summary", flag("Whether the person gets a summary.")),
        ("on", list("What leads to a person.", reason)),
    ];
    let fields = vec![
        ("no_input", list("What is done at the first, second .. silence.", reference("rung"))),
        ("no_match", list("What is done at the first, second .. sentence that is not understood.", reference("rung"))),
        (
            "global_intents",
            named(
                "Intents that are answered in any flow: steps, the last one `{resume: true}` or `{end: ..}`.",
                reference("steps"),
            ),
        ),
        ("repair", object("Corrections, digressions, giving up.", repair)),
        ("handoff", object("Handing the call to a person.", handoff)),
        ("wait_say", text_of("Said when the caller speaks while an action runs.")),
        ("guardrails", list("What holds whatever the flows say.", reference("guardrail"))),
        ("llm", llm()),
    ];
    object("The bot's manners; in one file.", fields)
}

fn flow() -> Value {
    let trigger = vec![
        ("intents", intents("Intents that start it.")),
        ("dtmf", key("A key that starts it when no question awaits that key.")),
        ("event", one_of("For the entry flow alone.", &["answered"])),
    ];
    let fields = vec![
        ("trigger", object("What starts it.", trigger)),
        ("description", text_of("What it does, for people.")),
        ("guard", cel("The flow is entered only while this holds.")),
        ("vars", named("Variables that it begins with.", cel("A value."))),
        ("listen", reference("listen")),
        ("steps", reference("steps")),
    ];
    required(object("A flow.", fields), &["steps"])
}

fn definitions() -> Value {
    let pauses = vec![
        ("complete_ms", millis("Silence that ends an answer that is whole.")),
        ("unknown_ms", millis("Silence that ends an answer that may be whole.")),
        ("unfinished_ms", millis("Silence that ends an answer that is not whole.")),
        ("no_input_ms", millis("Silence after which the question is asked again.")),
    ];
    let value =
        vec![("value", json!({"description": "What is stored."})), ("synonyms", list("How it is said.", word()))];
    let values = list(
        "Values and how they are said.",
        json!({"anyOf": [{"type": ["string", "number"]}, required(object("A value.", value), &["value"])]}),
    );
    let rung = vec![
        ("say", text_of("Said, then the question again.")),
        (
            "clarify",
            json!({"type": "integer", "minimum": 1, "maximum": 2, "description": "Ask between so many likely intents."}),
        ),
        ("handoff", text_of("Hand over to this queue.")),
        ("end", text_of("End with this disposition; `say` beside it is the farewell.")),
        ("dtmf", flag("A mark for readers: the text names keys.")),
    ];
    json!({
        "texts": {"anyOf": [word(), list("Variants, one of which is said.", word())]},
        "steps": list("Steps, in order.", reference("step")),
        "step": step(),
        "listen": object("How patient the bot is with an answer.", pauses),
        "values": values,
        "rung": object("One of `say`, `clarify`, `handoff`, `end`.", rung),
        "entity": entity(),
        "slot": slot(),
        "action": action(),
        "guardrail": guardrail(),
    })
}

fn entity() -> Value {
    let fields = vec![
        ("kind", one_of("What it is.", &KINDS)),
        ("length", whole("digits, id_tail: exactly so many.")),
        ("min", whole("digits: at least so many.")),
        ("max", whole("digits: at most so many.")),
        ("list", text_of("list, address: a list under `nlu.lists`.")),
        ("values", reference("values")),
        ("pattern", text_of("regex: the pattern.")),
        ("bias", one_of("date, month, datetime: which side an unclear one is on.", &["past", "future"])),
    ];
    required(object("What can be heard in a sentence.", fields), &["kind"])
}

fn slot() -> Value {
    let validate = vec![("expr", cel("What must hold.")), ("say", text_of("Said when it does not."))];
    let keys = vec![
        ("length", whole("So many digits are the answer.")),
        ("terminator", one_of("The key that ends the digits.", &["#", "*"])),
        ("map", json!({"type": "object", "description": "Key -> value.", "propertyNames": {"pattern": "^[0-9*#]$"}})),
    ];
    let fields = vec![
        ("type", text_of("An entity or a kind.")),
        ("ask", text_of("The question.")),
        ("reprompt", reference("texts")),
        ("validate", required(object("A rule.", validate), &["expr", "say"])),
        (
            "confirm",
            json!({"type": "string", "pattern": "^(never|implicit|explicit|below\\([0-9.]+\\))$", "description": "When the value is read back: never, implicit, explicit or below(0.8)."}),
        ),
        ("confirm_say", text_of("How it is read back.")),
        ("bias", one_of("date, month, datetime: which side an unclear one is on.", &["past", "future"])),
        ("chunked", flag("Digits may come in groups over several turns.")),
        ("dtmf", object("How it is answered on the keypad.", keys)),
        ("sensitive", flag("Personal data: never logged, masked for the person.")),
        ("keep", one_of("How long the value lives.", &["flow", "call"])),
        (
            "max_tries",
            json!({"type": "integer", "minimum": 1, "maximum": 10, "description": "Then the no_match ladder ends it."}),
        ),
    ];
    required(object("What a flow asks for.", fields), &["type", "ask"])
}

fn action() -> Value {
    let http = vec![
        ("get", text_of("`${crm}/path?x=${slot}`: a query.")),
        ("post", text_of("`${crm}/path`: arguments travel as JSON.")),
    ];
    let grpc =
        vec![("service", text_of("`crm.Orders`: its first part is the back end.")), ("method", text_of("The method."))];
    let filler = vec![
        ("after_ms", millis("How long the caller waits before it is said.")),
        ("every_ms", millis("Said again after so long.")),
        ("say", text_of("What bridges the wait.")),
    ];
    let fields = vec![
        ("http", object("The request over HTTP.", http)),
        ("grpc", required(object("The request over gRPC.", grpc), &["service", "method"])),
        ("timeout_ms", millis("For one try.")),
        (
            "retries",
            json!({"type": "integer", "minimum": 0, "maximum": 5, "description": "More tries after a failure."}),
        ),
        ("filler", required(object("Said while it is slow.", filler), &["say"])),
        ("safe", flag("It only looks something up: it may run ahead of the caller's last word.")),
        ("requires", list("What must have happened before.", one_of("", &["confirm", "identity"]))),
        ("args", named("Argument -> expression.", cel("A value."))),
        (
            "result",
            json!({"type": "object", "description": "Path in the answer -> variable.", "additionalProperties": {"type": "string"}}),
        ),
        ("idempotency", text_of("The same key is done once: `${call.id}:order`.")),
        ("mock", json!({"description": "The answer in tests and chats without a back end; `error` fails."})),
    ];
    object("A request to a back end: `http` or `grpc`.", fields)
}

fn guardrail() -> Value {
    let fields = vec![
        ("must_say", text_of("A prompt that comes before something.")),
        ("before", text_of("`first_reply`, or the label of a step.")),
        ("never_say", text_of("A regular expression of what is not said.")),
        ("until", cel("It may be said once this holds.")),
        ("never_call", text_of("An action that is not called.")),
        ("unless", cel("It may be called while this holds.")),
        ("max_turns", whole("After so many turns a person takes over.")),
        ("max_pitch", whole("How often a flow may be entered in one call.")),
        ("flow", text_of("The flow that `max_pitch` counts.")),
    ];
    object("One of `must_say`, `never_say`, `never_call`, `max_turns`, `max_pitch`.", fields)
}

/// A step begins with one verb; each verb has its own fields.
fn step() -> Value {
    let manners = || [("barge_in", flag("Whether the caller may interrupt it.")), ("listen", reference("listen"))];
    let asks = |mut fields: Vec<(&'static str, Value)>| {
        fields.extend(manners());
        fields
    };
    let option = vec![
        ("intent", text_of("An intent that chooses it.")),
        ("dtmf", key("A key that chooses it.")),
        ("value", json!({"anyOf": [word(), list("Words.", word())], "description": "Words that choose it."})),
        ("steps", reference("steps")),
    ];
    let choose = vec![
        ("prompt", text_of("The question.")),
        ("again", text_of("The question when the bot comes back to it.")),
        (
            "options",
            list(
                "The answers; without any the bot listens for what starts flows.",
                required(object("An answer.", option), &["steps"]),
            ),
        ),
    ];
    let verbs = vec![
        (
            "say",
            "Says a text or a prompt.",
            vec![
                ("say", reference("texts")),
                ("must_say", flag("Said again when it was interrupted before it was heard whole.")),
                ("barge_in", flag("Whether the caller may interrupt it.")),
            ],
        ),
        (
            "collect",
            "Asks for a slot unless it is filled.",
            asks(vec![("collect", text_of("The slot.")), ("when", cel("Asked only while this holds."))]),
        ),
        (
            "confirm",
            "Asks yes or no; a barrier before actions that require it.",
            asks(vec![
                ("confirm", text_of("The question.")),
                ("set", text_of("A variable that takes the answer.")),
                ("yes", reference("steps")),
                ("no", reference("steps")),
                ("yes_by", intents("Intents that say yes to it.")),
                ("no_by", intents("Intents that say no to it.")),
            ]),
        ),
        (
            "call",
            "Calls an action.",
            vec![
                ("call", text_of("The action.")),
                ("args", named("Further arguments.", cel("A value."))),
                ("ok", reference("steps")),
                ("error", reference("steps")),
            ],
        ),
        (
            "if",
            "Branches.",
            vec![("if", cel("The condition.")), ("then", reference("steps")), ("else", reference("steps"))],
        ),
        (
            "choose",
            "Asks and branches by the answer.",
            asks(vec![("choose", required(object("The question and its answers.", choose), &["options"]))]),
        ),
        ("set", "Sets variables.", vec![("set", named("Variable -> expression.", cel("A value.")))]),
        (
            "flow",
            "Enters another flow.",
            vec![("flow", text_of("The flow.")), ("return", flag("Whether it comes back; true by default."))],
        ),
        ("goto", "Jumps to a label of this flow.", vec![("goto", text_of("The label."))]),
        ("handoff", "Hands the call to a person.", vec![("handoff", text_of("The queue."))]),
        ("end", "Ends the call.", vec![("end", text_of("The disposition."))]),
        ("resume", "Goes back to what was interrupted; in global intents alone.", vec![("resume", flag("True."))]),
    ];
    let one = |(verb, about, mut fields): (&'static str, &str, Vec<(&'static str, Value)>)| {
        fields.push(("label", text_of("A name for `goto` and guardrails.")));
        required(object(about, fields), &[verb])
    };
    json!({"anyOf": verbs.into_iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests;
