//! Public English sets, whose test files other systems were measured on.

use super::sets::{self, Pairs};
use anyhow::Context;
use hualu_gateway::clock;
use hualu_nlu::intent::{Bands, Classifier, Scored, accuracy_left_out};
use hualu_nlu::utterance::Pronouncer;
use std::path::Path;
use std::time::Duration;

/// Prices of a violated margin that are tried.
const COSTS: [f32; 3] = [0.5, 1.0, 2.0];
/// The class of examples that belong to no intent.
const OUT: &str = "oos";
/// In-scope validation sentences that are kept.
const KEPT: f64 = 0.98;
/// Everything is accepted: these sets are judged by margin and by rank.
const OPEN: Bands = Bands { accept: f32::NEG_INFINITY, clarify: f32::NEG_INFINITY, oos: f32::NEG_INFINITY };

/// A trained model and how it came about.
struct Trained {
    model: Classifier,
    cost: f32,
    took: Duration,
}

fn train(samples: &Pairs, cost: f32) -> Trained {
    let start = clock::now();
    let model = Classifier::train_within(OPEN, samples, &Pronouncer::default(), cost);
    Trained { model, cost, took: start.elapsed() }
}

/// Trains with the price that does best on `validation`, the smaller one where two do equally well.
fn train_validated(samples: &Pairs, validation: &Pairs) -> Trained {
    let judged = COSTS.map(|cost| {
        let trained = train(samples, cost);
        (accuracy(&trained.model, validation), trained)
    });
    judged.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best }).expect("several prices").1
}

/// As [`train_validated`], by cross-validation where a set has no validation part.
fn train_cross_validated(samples: &Pairs) -> Trained {
    let judged = COSTS.map(|cost| (accuracy_left_out(samples, &Pronouncer::default(), cost), cost));
    let best = judged.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best });
    train(samples, best.expect("several prices").1)
}

fn scored(model: &Classifier, text: &str) -> Vec<Scored> {
    model.classify_text(text, &Pronouncer::default())
}

/// The share of sentences whose best intent is theirs.
fn accuracy(model: &Classifier, test: &Pairs) -> f64 {
    let right =
        |(intent, text): &&(String, String)| scored(model, text).first().is_some_and(|one| one.intent == *intent);
    test.iter().filter(right).count() as f64 / test.len().max(1) as f64
}

/// The margin of the best intent over that of belonging to none.
fn in_scope_score(scored: &[Scored]) -> f32 {
    let best = scored.iter().find(|one| one.intent != OUT).map_or(f32::NEG_INFINITY, |one| one.margin);
    best - scored.iter().find(|one| one.intent == OUT).map_or(0.0, |one| one.margin)
}

fn best_in_scope(scored: &[Scored]) -> Option<&str> {
    scored.iter().map(|one| one.intent.as_str()).find(|intent| *intent != OUT)
}

/// CLINC150: accuracy, and how much is rejected where [`KEPT`] of the in-scope validation part is kept.
pub(super) fn clinc150(root: &Path) -> anyhow::Result<()> {
    println!("## CLINC150, full\n");
    println!(
        "Rejected is what scores below the threshold; the threshold comes from in-scope validation sentences alone."
    );
    println!("Accuracy is without rejection, then with it.\n");
    println!(
        "| trained on | C | in-scope accuracy | at keep-98 | OOS recall at keep-98 | training |\n|---|---|---|---|---|---|"
    );
    let part = |file: &str, name: &str| -> anyhow::Result<Pairs> {
        let path = root.join("clinc150").join(file);
        sets::json(&path)?.remove(name).with_context(|| format!("{}: no part `{name}`", path.display()))
    };
    let file = "data_full.json";
    let (train, validation, test) = (part(file, "train")?, part(file, "val")?, part(file, "test")?);
    let out = part(file, "oos_test")?;
    for (name, more) in [
        ("in-scope examples", Vec::new()),
        ("and 100 out-of-scope ones as a class", part(file, "oos_train")?),
        ("and 250 (OOS+)", part("data_oos_plus.json", "oos_train")?),
    ] {
        let samples = [train.as_slice(), &more].concat();
        let trained = train_validated(&samples, &validation);
        let scores =
            |pairs: &Pairs| pairs.iter().map(|(_, text)| in_scope_score(&scored(&trained.model, text))).collect();
        let threshold = quantile(scores(&validation), 1.0 - KEPT);
        let judge = |(intent, text): &(String, String)| {
            let scored = scored(&trained.model, text);
            let is_right = best_in_scope(&scored) == Some(intent);
            (is_right, is_right && in_scope_score(&scored) >= threshold)
        };
        let judged: Vec<(bool, bool)> = test.iter().map(judge).collect();
        let of = |count: usize| 100.0 * count as f64 / test.len() as f64;
        let right = of(judged.iter().filter(|(right, _)| *right).count());
        let kept = of(judged.iter().filter(|(_, kept)| *kept).count());
        let out_scores: Vec<f32> = scores(&out);
        let rejected = out_scores.iter().filter(|score| **score < threshold).count() as f64 / out.len() as f64;
        println!(
            "| {name} | {} | {right:.2} | {kept:.2} | {:.1} | {:.1} s |",
            trained.cost,
            100.0 * rejected,
            trained.took.as_secs_f64()
        );
    }
    println!("\n{}", include_str!("published_clinc150.md"));
    Ok(())
}

/// The sentences with five and ten examples of each intent, and all of them.
pub(super) fn full_and_few(root: &Path) -> anyhow::Result<()> {
    println!("## BANKING77, HWU64, and few examples\n");
    println!(
        "| set | accuracy, all examples | C | training | 10 of each intent | 5 of each |\n|---|---|---|---|---|---|"
    );
    let few = root.join("fewshot-splits");
    let bank = (sets::csv(&root.join("banking77/train.csv"))?, sets::csv(&root.join("banking77/test.csv"))?);
    let hwu = |part: &str| sets::lines(&few.join("HWU64").join(part));
    let mut clinc = sets::json(&root.join("clinc150/data_full.json"))?;
    let clinc_test = clinc.remove("test").context("CLINC150 has no part `test`")?;
    let shots = |set: &str, test: &Pairs| -> anyhow::Result<[f64; 2]> {
        let of = |shots: &str| -> anyhow::Result<f64> {
            // So few examples leave nothing to choose a price by.
            let samples = sets::lines(&few.join(set).join(shots))?;
            Ok(100.0 * accuracy(&train(&samples, 1.0).model, test))
        };
        Ok([of("train_10")?, of("train_5")?])
    };
    let row = |set: &str, trained: &Trained, test: &Pairs| -> anyhow::Result<()> {
        let right = 100.0 * accuracy(&trained.model, test);
        let ([ten, five], cost, took) = (shots(set, test)?, trained.cost, trained.took.as_secs_f64());
        println!("| {set} | {right:.2} | {cost} | {took:.1} s | {ten:.1} | {five:.1} |");
        Ok(())
    };
    row("BANKING77", &train_cross_validated(&bank.0), &bank.1)?;
    row("HWU64", &train_validated(&hwu("train")?, &hwu("valid")?), &hwu("test")?)?;
    let [ten, five] = shots("CLINC150", &clinc_test)?;
    println!("| CLINC150 | above | | | {ten:.1} | {five:.1} |");
    println!("\n{}", include_str!("published_full_and_few.md"));
    Ok(())
}

/// HINT3: three bots of real companies, with what their users really asked.
pub(super) fn hint3(root: &Path) -> anyhow::Result<()> {
    const NONE: &str = "NO_NODES_DETECTED";
    println!("## HINT3 v1, full training sets\n");
    println!(
        "In-scope accuracy / AUROC of the margin, in scope against out of it / best accuracy over all thresholds.\n"
    );
    let mut cells = Vec::new();
    for bot in ["curekart", "powerplay11", "sofmattress"] {
        let read = |part: &str| sets::csv(&root.join(format!("hint3/dataset/v1/{part}/{bot}_{part}.csv")));
        let (samples, test) = (read("train")?, read("test")?);
        let trained = train_cross_validated(&samples);
        // Margin, in scope, right.
        let mut judged: Vec<(f32, bool, bool)> = Vec::with_capacity(test.len());
        for (intent, text) in &test {
            let best = scored(&trained.model, text).into_iter().next();
            let margin = best.as_ref().map_or(f32::NEG_INFINITY, |best| best.margin);
            judged.push((margin, intent != NONE, best.is_some_and(|best| best.intent == *intent)));
        }
        let in_scope = judged.iter().filter(|(_, known, _)| *known).count();
        let right = judged.iter().filter(|(_, known, right)| *known && *right).count();
        cells.push(format!(
            "{:.1} / **{:.3}** / {:.1} (C={})",
            100.0 * right as f64 / in_scope as f64,
            auroc(&judged),
            100.0 * best_total(&mut judged),
            trained.cost
        ));
    }
    println!("| | Curekart | Powerplay11 | SOFMattress |\n|---|---|---|---|\n| **Hualu** | {} |", cells.join(" | "));
    println!("{}", include_str!("published_hint3.md"));
    Ok(())
}

/// The chance that a sentence in scope scores above one out of it; a tie counts half.
fn auroc(judged: &[(f32, bool, bool)]) -> f64 {
    let of = |known: bool| judged.iter().filter(move |(_, is_known, _)| *is_known == known).map(|(margin, ..)| *margin);
    let (mut wins, mut pairs) = (0.0, 0.0);
    for inside in of(true) {
        for outside in of(false) {
            wins += if inside > outside {
                1.0
            } else if inside == outside {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    wins / pairs
}

/// The best share of right answers, where rejecting what is out of scope is right, over all thresholds.
fn best_total(judged: &mut [(f32, bool, bool)]) -> f64 {
    judged.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut right = judged.iter().filter(|(_, known, _)| !known).count();
    let mut best = right;
    for (_, is_known, is_right) in judged.iter() {
        right += usize::from(*is_known && *is_right);
        right -= usize::from(!is_known);
        best = best.max(right);
    }
    best as f64 / judged.len() as f64
}

/// The value below which `share` of all lie.
fn quantile(mut values: Vec<f32>, share: f64) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get((share * values.len() as f64) as usize).copied().unwrap_or(f32::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_parts_perfectly_has_an_auroc_of_one() {
        let mut judged = [(0.9, true, true), (0.1, false, false), (0.8, true, false), (0.2, false, false)];
        assert!((auroc(&judged) - 1.0).abs() < 1e-9);
        assert!((best_total(&mut judged) - 0.75).abs() < 1e-9);
        let tied = [(0.5, true, true), (0.5, false, false)];
        assert!((auroc(&tied) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn out_of_scope_examples_lower_the_score() {
        let scored = |intent: &str, margin| Scored { intent: intent.to_owned(), margin };
        let scored = [scored(OUT, 0.5), scored("pay", 0.25)];
        assert_eq!(best_in_scope(&scored), Some("pay"));
        assert!((in_scope_score(&scored) + 0.25).abs() < 1e-6);
    }
}
