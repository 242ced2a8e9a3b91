//! Charts as SVG: boxes sized to their text, arrows as smooth lines, charts on shelves from left to right.

use super::chart::{Chart, Shape};
use super::layout::{self, Layout, Size};
use std::fmt::Write as _;

/// Text is broken after so many half-width columns ...
const COLUMNS: usize = 24;
/// ... and cut after so many lines.
const LINES: usize = 5;
const FONT: f32 = 13.0;
const LINE: f32 = 18.0;
const PAD: f32 = 10.0;
const RISE: f32 = 46.0;
/// Around a chart.
const MARGIN: f32 = 18.0;
const TITLE: f32 = 30.0;
/// A shelf of charts is about so wide.
const SHELF: f32 = 1_800.0;

/// Draws the charts on one page.
pub(super) fn draw(bot: &str, charts: &[Chart]) -> String {
    let mut body = String::new();
    let (mut x, mut y, mut shelf, mut width) = (MARGIN, MARGIN, 0.0_f32, 0.0_f32);
    for chart in charts {
        let drawn = Drawn::of(chart);
        if x > MARGIN && x + drawn.width > SHELF {
            (x, y, shelf) = (MARGIN, y + shelf + MARGIN, 0.0);
        }
        drawn.write(x, y, &mut body);
        x += drawn.width + MARGIN;
        shelf = shelf.max(drawn.height);
        width = width.max(x);
    }
    let height = y + shelf + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"Noto Sans CJK SC, PingFang SC, Microsoft YaHei, \
         WenQuanYi Micro Hei, sans-serif\" font-size=\"{FONT}\">\n<title>{}</title>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n",
        escape(bot)
    )
}

/// One chart with its sizes known.
struct Drawn<'a> {
    chart: &'a Chart,
    texts: Vec<Vec<String>>,
    sizes: Vec<Size>,
    layout: Layout,
    width: f32,
    height: f32,
}

impl<'a> Drawn<'a> {
    fn of(chart: &'a Chart) -> Self {
        let texts: Vec<Vec<String>> = chart.boxes.iter().map(|drawn| wrap(&drawn.text)).collect();
        let sizes: Vec<Size> = texts
            .iter()
            .map(|lines| {
                let columns = lines.iter().map(|line| text_columns(line)).max().unwrap_or(0);
                Size { width: columns_width(columns) + 2.0 * PAD, height: lines_height(lines.len()) + PAD }
            })
            .collect();
        let layout = layout::place(chart, &sizes, RISE);
        let title = columns_width(text_columns(&chart.title));
        let width = layout.width.max(title) + 2.0 * MARGIN;
        let height = layout.height + TITLE + 2.0 * MARGIN;
        Self { chart, texts, sizes, layout, width, height }
    }

    fn write(&self, x: f32, y: f32, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<g id=\"flow-{id}\" transform=\"translate({x:.1} {y:.1})\">\n<rect width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" \
             fill=\"#f7f8fa\" stroke=\"#d5d9e0\"/>\n<text x=\"{MARGIN}\" y=\"24\" font-weight=\"bold\" fill=\"#223\">{}</text>\n\
             <g transform=\"translate({:.1} {:.1})\">\n",
            self.width,
            self.height,
            escape(&self.chart.title),
            (self.width - self.layout.width) / 2.0,
            TITLE + MARGIN,
            id = escape(&self.chart.id),
        );
        for (arrow, path) in self.chart.arrows.iter().zip(&self.layout.paths) {
            let _ =
                writeln!(out, "<path d=\"{}\" fill=\"none\" stroke=\"#667\" marker-end=\"url(#tip)\"/>", curve(path));
            if let (Some(start), false) = (path.first(), arrow.label.is_empty()) {
                // Between the box and where the line has turned to its target.
                let next = path.get(1).unwrap_or(start);
                let (lx, ly) = (start.0 + (next.0 - start.0) * 0.32, start.1 + (next.1 - start.1) * 0.42);
                let _ = writeln!(
                    out,
                    "<text x=\"{lx:.1}\" y=\"{ly:.1}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#445\" stroke=\"#f7f8fa\" \
                     stroke-width=\"4\" paint-order=\"stroke\">{}</text>",
                    escape(&arrow.label)
                );
            }
        }
        for i in 0..self.chart.boxes.len() {
            self.write_box(i, out);
        }
        out.push_str("</g>\n</g>\n");
    }

    fn write_box(&self, i: usize, out: &mut String) {
        let drawn = &self.chart.boxes[i];
        let ((x, y), Size { width, height }) = (self.layout.corners[i], self.sizes[i]);
        let (fill, stroke, corner) = match drawn.shape {
            Shape::Say => ("#ffffff", "#8a94a6", 4.0),
            Shape::Ask => ("#e8f1ff", "#3b78d8", 12.0),
            Shape::Decide => ("#fff6dd", "#c79a1b", 2.0),
            Shape::Act => ("#e9f7ec", "#3c9a55", 2.0),
            Shape::Enter => ("#f1eafe", "#7a5bc7", 4.0),
            Shape::Person => ("#ffe9e4", "#cf5a3c", 12.0),
            Shape::End => ("#eceef2", "#6b7280", 12.0),
        };
        if let Some(link) = &drawn.link {
            let _ = write!(out, "<a href=\"#flow-{}\">", escape(link));
        }
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{corner}\" fill=\"{fill}\" stroke=\"{stroke}\"/>"
        );
        for (line, text) in self.texts[i].iter().enumerate() {
            let (cx, cy) = (x + width / 2.0, y + PAD / 2.0 + lines_height(line) + LINE * 0.72);
            let _ = write!(
                out,
                "<text x=\"{cx:.1}\" y=\"{cy:.1}\" text-anchor=\"middle\" fill=\"#223\">{}</text>",
                escape(text)
            );
        }
        out.push_str(if drawn.link.is_some() { "</a>\n" } else { "\n" });
    }
}

/// A line through the points that leaves and arrives upright.
fn curve(path: &[(f32, f32)]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    let mut out = format!("M{:.1} {:.1}", first.0, first.1);
    let mut from = *first;
    for to in rest {
        let bend = (to.1 - from.1) / 2.0;
        if (from.0 - to.0).abs() < 0.5 {
            let _ = write!(out, "L{:.1} {:.1}", to.0, to.1);
        } else {
            let _ = write!(
                out,
                "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                from.0,
                from.1 + bend,
                to.0,
                to.1 - bend,
                to.0,
                to.1
            );
        }
        from = *to;
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "counts of characters and lines")]
fn columns_width(columns: usize) -> f32 {
    columns as f32 * FONT / 2.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines")]
fn lines_height(lines: usize) -> f32 {
    lines as f32 * LINE
}

/// Han characters and their signs are twice as wide as letters; letters a little wider than half.
fn columns(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

fn text_columns(text: &str) -> usize {
    let (ascii, wide): (Vec<char>, Vec<char>) = text.chars().partition(char::is_ascii);
    wide.len() * 2 + (ascii.len() * 6).div_ceil(5)
}

/// Breaks text into lines; letters and holes are broken only where they are longer than a line.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for word in words(text) {
        let own: usize = word.chars().map(columns).sum();
        // A sign never begins a line.
        let is_sign = matches!(word, "，" | "。" | "？" | "！" | "、" | "；" | "：" | "）");
        if width > 0 && width + own > COLUMNS && !is_sign {
            lines.push(String::new());
            width = 0;
        }
        for c in word.chars() {
            if width >= COLUMNS && !is_sign {
                lines.push(String::new());
                width = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            width += columns(c);
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.pop();
            last.push('…');
        }
    }
    lines
}

/// Each Han character or sign by itself, everything else in runs.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let run = rest.find(|c: char| !c.is_ascii() || c == ' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at(run.max(first.len_utf8()));
        rest = after;
        Some(word)
    })
}

/// Text inside XML; control characters have no place in it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::bot::Bot;

    #[test]
    fn a_flow_is_drawn_with_every_way_and_its_text_is_data() {
        let text = "
bot: {id: t, entry: main}
flows:
  main: {steps: [{say: \"<b>您好</b>\"}, {confirm: 办吗？, yes: [{flow: more}], no: [{end: no}]}]}
  more: {description: 更多, steps: [{handoff: general}]}
";
        let bot = Bot::from_texts(&[("bot.yaml", text)]).unwrap_or_else(|faults| panic!("{faults}"));
        let svg = super::super::svg(&bot, &[]).expect("the flows exist");
        for part in [
            "&lt;b&gt;您好&lt;/b&gt;",
            ">是</text>",
            ">否</text>",
            "href=\"#flow-more\"",
            "转人工 general",
            "more · 更多",
        ] {
            assert!(svg.contains(part), "`{part}` is not in {svg}");
        }
        assert!(!svg.contains("<b>"));
        let one = super::super::svg(&bot, &["more".to_owned()]).expect("the flow exists");
        assert!(!one.contains("flow-main"));
        assert!(super::super::svg(&bot, &["mroe".to_owned()]).expect_err("no such flow").contains("`more`"));
    }
}
