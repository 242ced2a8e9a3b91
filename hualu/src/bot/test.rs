//! `hualu bot test`: plays a bot's scripts and says where they fail.

use super::{assistant, print, voice};
use anyhow::bail;
use clap::Args;
use hualu_nlu::script::{self, Script, ScriptRun};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Args)]
pub struct TestArgs {
    /// The bot's directory; its scripts are in its `tests` folder.
    dir: PathBuf,
    /// Play only scripts whose name or file contains this.
    #[arg(long)]
    filter: Option<String>,
    /// Read the scripts from this file or folder instead.
    #[arg(long)]
    scripts: Option<PathBuf>,
    /// Play every N-th spoken script as a real call over SIP and RTP on loopback, after the text.
    #[arg(long, value_name = "N")]
    voice: Option<usize>,
    /// Print every conversation, not only those that fail.
    #[arg(long)]
    show: bool,
}

/// Plays the scripts; whether all went as written.
pub async fn test(args: TestArgs) -> anyhow::Result<bool> {
    let assistant = assistant(&args.dir)?;
    let files = match script::load(args.scripts.as_deref().unwrap_or(&args.dir)) {
        Ok(files) => files,
        Err(faults) => bail!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    let wanted = |path: &str, script: &Script| {
        args.filter.as_ref().is_none_or(|filter| script.name.contains(filter) || path.contains(filter))
    };
    let mut chosen: Vec<(String, u64, &Script)> = Vec::new();
    for file in &files {
        let path = file.path.display().to_string();
        let own = file.scripts.iter().filter(|script| wanted(&path, &script.value));
        chosen.extend(own.map(|script| (path.clone(), script.referenced.line(), &script.value)));
    }
    if chosen.is_empty() {
        bail!("no scripts: write some in {}, see docs/bots.md", args.dir.join("tests").display());
    }
    let mut failed = 0;
    for (path, line, script) in &chosen {
        match script::play(&assistant, script) {
            Ok(run) => {
                failed += usize::from(!run.passed());
                if args.show || !run.passed() {
                    print(&told(path, *line, &run))?;
                }
            }
            Err(reason) => {
                failed += 1;
                print(&format!("FAIL {path}:{line} {}\n     {reason}\n", script.name))?;
            }
        }
    }
    print(&format!("{} scripts: {} passed, {failed} failed\n", chosen.len(), chosen.len() - failed))?;
    let mut good = failed == 0;
    if let Some(every) = args.voice {
        let spoken: Vec<&Script> =
            chosen.iter().map(|(_, _, script)| *script).filter(|script| script.is_spoken()).collect();
        good &= voice::play(&args.dir, &assistant, &spoken, every).await?;
    }
    Ok(good)
}

/// A script's run: its verdict, where it failed, and the conversation.
fn told(path: &str, line: u64, run: &ScriptRun) -> String {
    let verdict = if run.passed() { "pass" } else { "FAIL" };
    let mut text = format!("{verdict} {path}:{line} {}\n", run.name);
    for turn in &run.turns {
        // Writing to a String cannot fail.
        for difference in &turn.differences {
            let _ = writeln!(text, "     {path}:{}: {difference}", turn.line);
        }
    }
    for turn in &run.turns {
        let reply = &turn.reply;
        let _ = writeln!(text, "       {:>4}  caller  {}", turn.line, turn.caller);
        let calls = if reply.calls.is_empty() { String::new() } else { format!("  [{}]", reply.calls.join(", ")) };
        let _ = writeln!(text, "             {} {:.2}{calls}  {}", reply.intent, reply.score, reply.act);
        let _ = writeln!(text, "             bot     {}", reply.text);
    }
    if !run.passed() {
        let _ = writeln!(text, "       trace  {}", run.trace.join(" | "));
    }
    text
}
