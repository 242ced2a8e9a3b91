//! A bot's flows as a picture: one chart for each flow, in SVG, for people who do not read YAML.

mod chart;
mod layout;
mod svg;

use crate::bot::Bot;
use crate::bot::fault::nearest;
use chart::Chart;

/// Draws the flows named in `only`, or all when it is empty.
///
/// # Errors
/// A sentence that names the flow that does not exist.
pub fn svg(bot: &Bot, only: &[String]) -> Result<String, String> {
    if let Some(unknown) = only.iter().find(|id| !bot.flows.iter().any(|flow| flow.id == **id)) {
        let hint = nearest(unknown, bot.flows.iter().map(|flow| flow.id.as_str()));
        return Err(format!("there is no flow `{unknown}`; {hint}"));
    }
    let chosen = |id: &String| only.is_empty() || only.contains(id);
    let charts: Vec<Chart> = std::iter::once(bot.entry)
        .chain((0..bot.flows.len()).filter(|i| *i != bot.entry))
        .filter(|i| chosen(&bot.flows[*i].id))
        .map(|i| Chart::of(bot, i))
        .collect();
    Ok(svg::draw(bot.id(), &charts))
}
