//! Places boxes in layers from top to bottom with few crossings: longest paths give the layers, long arrows are led
//! through every layer between, neighbours' means order the layers and then place their boxes.

use super::chart::{Arrow, Chart};

/// Between two boxes side by side.
const GAP: f32 = 24.0;
/// What an arrow that only passes through a layer takes up.
const LANE: f32 = 14.0;
/// Rounds of ordering and of placing; more change nothing in flows of this size.
const ROUNDS: usize = 12;

/// The size of a box, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub width: f32,
    pub height: f32,
}

/// A chart with places.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// The upper left corner of each box.
    pub corners: Vec<(f32, f32)>,
    /// The points that each arrow goes through, from box to box.
    pub paths: Vec<Vec<(f32, f32)>>,
    pub width: f32,
    pub height: f32,
}

/// A box, or an arrow on its way through a layer.
#[derive(Clone, Debug)]
struct Item {
    layer: usize,
    width: f32,
    /// The middle.
    x: f32,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places the boxes of `chart`, whose sizes are `sizes`, with `rise` between the layers.
pub(super) fn place(chart: &Chart, sizes: &[Size], rise: f32) -> Layout {
    let count = sizes.len();
    let backward = backward(&chart.arrows, count);
    let layers = layers(&chart.arrows, &backward, count);
    let mut items: Vec<Item> = (0..count)
        .map(|i| Item { layer: layers[i], width: sizes[i].width, x: 0.0, above: Vec::new(), below: Vec::new() })
        .collect();
    let chains: Vec<Vec<usize>> =
        chart.arrows.iter().zip(&backward).map(|(arrow, back)| chain(arrow, *back, &mut items)).collect();
    let mut rows = rows(&items);
    order(&mut rows, &items);
    settle(&rows, &mut items);
    finish(chart, sizes, rise, &items, &rows, &chains)
}

/// Which arrows lead back to a box on the way to them.
fn backward(arrows: &[Arrow], count: usize) -> Vec<bool> {
    let mut backward = vec![false; arrows.len()];
    // 0: not yet seen, 1: on the way, 2: done.
    let mut state = vec![0_u8; count];
    for root in 0..count {
        if state[root] > 0 {
            continue;
        }
        state[root] = 1;
        let mut open = vec![(root, 0)];
        while let Some((at, next)) = open.pop() {
            let Some((i, arrow)) = arrows.iter().enumerate().skip(next).find(|(_, arrow)| arrow.from == at) else {
                state[at] = 2;
                continue;
            };
            open.push((at, i + 1));
            match state[arrow.to] {
                0 => {
                    state[arrow.to] = 1;
                    open.push((arrow.to, 0));
                }
                1 => backward[i] = true,
                _ => {}
            }
        }
    }
    backward
}

/// The longest way from the top to each box.
fn layers(arrows: &[Arrow], backward: &[bool], count: usize) -> Vec<usize> {
    let mut layers = vec![0; count];
    for _ in 0..count {
        let mut changed = false;
        for (arrow, _) in arrows.iter().zip(backward).filter(|(_, back)| !**back) {
            if layers[arrow.to] < layers[arrow.from] + 1 {
                layers[arrow.to] = layers[arrow.from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    layers
}

/// The items that an arrow goes through, in the order of its direction; lanes are added for the layers between.
fn chain(arrow: &Arrow, is_backward: bool, items: &mut Vec<Item>) -> Vec<usize> {
    let (upper, lower) = if is_backward { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
    let mut chain = vec![upper];
    for layer in items[upper].layer + 1..items[lower].layer {
        items.push(Item { layer, width: LANE, x: 0.0, above: Vec::new(), below: Vec::new() });
        chain.push(items.len() - 1);
    }
    if upper != lower {
        chain.push(lower);
    }
    for pair in chain.windows(2) {
        items[pair[0]].below.push(pair[1]);
        items[pair[1]].above.push(pair[0]);
    }
    if is_backward {
        chain.reverse();
    }
    chain
}

fn rows(items: &[Item]) -> Vec<Vec<usize>> {
    let count = items.iter().map(|item| item.layer + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); count];
    for (i, item) in items.iter().enumerate() {
        rows[item.layer].push(i);
    }
    rows
}

/// Orders each layer by the mean place of its neighbours, down and up in turn; the order with the fewest crossings stays.
fn order(rows: &mut Vec<Vec<usize>>, items: &[Item]) {
    let mut best = (crossings(rows, items), rows.clone());
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let count = rows.len();
        for step in 1..count {
            let layer = if down { step } else { count - 1 - step };
            let neighbour = if down { layer - 1 } else { layer + 1 };
            let place = places(&rows[neighbour], items.len());
            let mut keyed: Vec<(f32, usize)> = rows[layer]
                .iter()
                .enumerate()
                .map(|(own, i)| {
                    let next = if down { &items[*i].above } else { &items[*i].below };
                    (mean(next.iter().map(|next| place[*next])).unwrap_or(as_place(own)), *i)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[layer] = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let now = crossings(rows, items);
        if now < best.0 {
            best = (now, rows.clone());
        }
    }
    *rows = best.1;
}

fn as_place(index: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "an index into a row of boxes")]
    let place = index as f32;
    place
}

fn places(row: &[usize], count: usize) -> Vec<f32> {
    let mut places = vec![0.0; count];
    for (place, i) in row.iter().enumerate() {
        places[*i] = as_place(place);
    }
    places
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn crossings(rows: &[Vec<usize>], items: &[Item]) -> usize {
    let mut found = 0;
    for pair in rows.windows(2) {
        let place = places(&pair[1], items.len());
        let ends: Vec<(usize, f32)> = pair[0]
            .iter()
            .enumerate()
            .flat_map(|(own, i)| items[*i].below.iter().map(move |next| (own, *next)))
            .map(|(own, next)| (own, place[next]))
            .collect();
        for (i, a) in ends.iter().enumerate() {
            found += ends[i + 1..].iter().filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count();
        }
    }
    found
}

/// Moves each row's items towards the mean of their neighbours without changing their order.
fn settle(rows: &[Vec<usize>], items: &mut [Item]) {
    for row in rows {
        let mut x = 0.0;
        for i in row {
            items[*i].x = x + items[*i].width / 2.0;
            x += items[*i].width + GAP;
        }
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let layers: Vec<usize> = if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for layer in layers {
            let wanted: Vec<f32> = rows[layer]
                .iter()
                .map(|i| {
                    let item = &items[*i];
                    let (first, second) = if down { (&item.above, &item.below) } else { (&item.below, &item.above) };
                    let next = if first.is_empty() { second } else { first };
                    mean(next.iter().map(|next| items[*next].x)).unwrap_or(item.x)
                })
                .collect();
            let widths: Vec<f32> = rows[layer].iter().map(|i| items[*i].width).collect();
            for (i, x) in rows[layer].iter().zip(spread(&wanted, &widths)) {
                items[*i].x = x;
            }
        }
    }
}

/// The places nearest to `wanted`, by least squares, at which items of these widths stand in order with gaps between:
/// what is left after taking off the widths must not fall, and pooling neighbours that do fall gives the best such row.
fn spread(wanted: &[f32], widths: &[f32]) -> Vec<f32> {
    let mut offsets = Vec::with_capacity(widths.len());
    let mut offset = 0.0;
    for (i, width) in widths.iter().enumerate() {
        if i > 0 {
            offset += widths[i - 1] / 2.0 + GAP + width / 2.0;
        }
        offsets.push(offset);
    }
    // Pools: sum of what is left, and how many items.
    let mut pools: Vec<(f32, f32)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        pools.push((wanted - offset, 1.0));
        while let [.., before, last] = pools.as_slice() {
            if before.0 / before.1 <= last.0 / last.1 {
                break;
            }
            let merged = (before.0 + last.0, before.1 + last.1);
            pools.truncate(pools.len() - 2);
            pools.push(merged);
        }
    }
    let mut left = pools.iter().flat_map(|(sum, count)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of items")]
        let items = *count as usize;
        std::iter::repeat_n(sum / count, items)
    });
    offsets.iter().map(|offset| offset + left.next().unwrap_or_default()).collect()
}

fn finish(
    chart: &Chart,
    sizes: &[Size],
    rise: f32,
    items: &[Item],
    rows: &[Vec<usize>],
    chains: &[Vec<usize>],
) -> Layout {
    let left = items.iter().map(|item| item.x - item.width / 2.0).fold(f32::INFINITY, f32::min);
    let right = items.iter().map(|item| item.x + item.width / 2.0).fold(f32::NEG_INFINITY, f32::max);
    let mut tops = Vec::new();
    let mut y = 0.0;
    for row in rows {
        let height = row.iter().filter_map(|i| sizes.get(*i)).map(|size| size.height).fold(0.0, f32::max);
        tops.push((y, height));
        y += height + rise;
    }
    // Boxes hang from the top of their layer, so that arrows into one row end at one height.
    let corner = |i: usize| (items[i].x - left - items[i].width / 2.0, tops[items[i].layer].0);
    let paths = chart
        .arrows
        .iter()
        .zip(chains)
        .map(|(arrow, chain)| {
            let mut path = Vec::new();
            let goes_up = items[arrow.from].layer >= items[arrow.to].layer;
            for i in chain {
                let x = items[*i].x - left;
                let (top, height) = tops[items[*i].layer];
                match sizes.get(*i) {
                    // A lane: straight through the layer.
                    None if goes_up => path.extend([(x, top + height), (x, top)]),
                    None => path.extend([(x, top), (x, top + height)]),
                    Some(size) if *i == arrow.from => path.push((x, if goes_up { top } else { top + size.height })),
                    Some(size) => path.push((x, if goes_up { top + size.height } else { top })),
                }
            }
            path
        })
        .collect();
    Layout {
        corners: (0..sizes.len()).map(corner).collect(),
        paths,
        width: (right - left).max(0.0),
        height: (y - rise).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(arrows: &[(usize, usize)]) -> Chart {
        let arrows = arrows.iter().map(|(from, to)| Arrow { from: *from, to: *to, label: String::new() }).collect();
        Chart { id: String::new(), title: String::new(), boxes: Vec::new(), arrows }
    }

    fn sizes(count: usize) -> Vec<Size> {
        vec![Size { width: 100.0, height: 40.0 }; count]
    }

    #[test]
    fn boxes_never_overlap_and_arrows_lead_down() {
        let chart = chart(&[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (0, 4)]);
        let layout = place(&chart, &sizes(5), 30.0);
        for (i, a) in layout.corners.iter().enumerate() {
            for b in &layout.corners[i + 1..] {
                assert!((a.0 - b.0).abs() >= 100.0 || (a.1 - b.1).abs() >= 40.0, "{:?}", layout.corners);
            }
        }
        for (arrow, path) in chart.arrows.iter().zip(&layout.paths) {
            assert!(path.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{arrow:?} {path:?}");
        }
        assert_eq!(layout.paths[6].len(), 4, "the long arrow has a lane of its own");
        let lane = layout.paths[6][1].0;
        let middle: Vec<f32> = layout.corners[1..4].iter().map(|corner| corner.0).collect();
        assert!(middle.iter().all(|x| lane <= *x || lane >= x + 100.0), "the lane goes through no box");
    }

    #[test]
    fn a_loop_leads_back_up() {
        let layout = place(&chart(&[(0, 1), (1, 2), (2, 0), (1, 1)]), &sizes(3), 30.0);
        assert!(layout.corners[0].1 < layout.corners[1].1 && layout.corners[1].1 < layout.corners[2].1);
        let back = &layout.paths[2];
        assert!(back.first().expect("points").1 > back.last().expect("points").1);
    }

    #[test]
    fn places_are_the_nearest_that_do_not_overlap() {
        assert_eq!(spread(&[50.0, 50.0], &[100.0, 100.0]), [-12.0, 112.0]);
        assert_eq!(spread(&[0.0, 500.0], &[100.0, 100.0]), [0.0, 500.0]);
    }

    #[test]
    fn an_empty_chart_has_no_size() {
        let layout = place(&chart(&[]), &[], 30.0);
        assert_eq!((layout.width, layout.height), (0.0, 0.0));
    }
}
