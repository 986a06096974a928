//! Plots as geometry: dots, ticks, a line. The template draws them as SVG.
//!
//! The one idea: a plot is worked out in whole numbers, so that the page is the same bytes everywhere.
//! The axis of cost doubles from tick to tick and is straight in between, which needs no logarithm.
//!
//! Invariant: dots that lie on one place are one dot with several names; a name is drawn only where it
//! covers no other.
//!
//! What it is not: a general plotting library.

use serde::Serialize;

use crate::report::model::Ratio;
use crate::report::text::grouped;

/// Size of a plot, and the room of its axes.
const WIDTH: u64 = 560;
const HEIGHT: u64 = 356;
const LEFT: u64 = 48;
const RIGHT: u64 = 34;
const TOP: u64 = 34;
const BOTTOM: u64 = 46;

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct Point {
    /// What it stands for.
    pub name: String,
    /// Where on the axis of cost.
    pub cost: Ratio,
    /// How many contracts are survived.
    pub survived: u64,
    /// Whether nothing else gives as much for less.
    pub unbeaten: bool,
}

/// A plot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plot {
    /// What its axes mean, in a sentence for those who do not see it.
    pub about: String,
    /// The axis of cost in words.
    pub axis: String,
    /// The axis of survival in words.
    pub upward: String,
    /// Size.
    pub width: u64,
    /// Size.
    pub height: u64,
    /// Edges of the field: left, top, right, bottom.
    pub field: [u64; 4],
    /// Vertical lines.
    pub x_ticks: Vec<Tick>,
    /// Horizontal lines.
    pub y_ticks: Vec<Tick>,
    /// Dots.
    pub dots: Vec<Dot>,
    /// Lines through dots, as lists of places.
    pub lines: Vec<String>,
}

/// A line of the net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// Where.
    pub at: u64,
    /// What it says.
    pub label: String,
}

/// A dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dot {
    /// Where.
    pub x: u64,
    /// Where.
    pub y: u64,
    /// How large.
    pub r: u64,
    /// Whether one of its names is unbeaten.
    pub unbeaten: bool,
    /// All that lies here, and its figures.
    pub title: String,
    /// The name that is drawn, if there is room.
    pub label: Option<Label>,
}

/// A drawn name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Where its line begins or ends.
    pub x: u64,
    /// Where its line stands.
    pub y: u64,
    /// `start` or `end`.
    pub anchor: &'static str,
    /// The text.
    pub text: String,
}

/// A ratio in thousandths, rounded down.
fn thousandths(ratio: Ratio) -> u64 {
    let per = u128::from(ratio.per.max(1));
    u64::try_from(u128::from(ratio.of) * 1000 / per).unwrap_or(u64::MAX)
}

/// The doubling axis from `least` (thousandths) on: steps passed, in thousandths of a step.
fn doublings(value: u64, least: u64) -> u64 {
    let mut from = least.max(1);
    let mut steps = 0;
    while from <= value / 2 {
        from *= 2;
        steps += 1;
    }
    steps * 1000 + value.saturating_sub(from).saturating_mul(1000) / from
}

/// A number of thousandths without zeros that say nothing: `4`, `0.5`, `0.13`.
fn short(value: u64) -> String {
    let text = Ratio::new(value, 1000).to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Works out a plot; `most` is the number of contracts there are. Without names dots are told how many
/// points they are, if more than one.
#[must_use]
pub fn plot(axis: &str, upward: &str, points: &[Point], most: u64, names: bool) -> Plot {
    let costs: Vec<u64> = points.iter().map(|point| thousandths(point.cost)).collect();
    // The axis begins at the power of two below the least, from an eighth on.
    let least_cost = costs.iter().copied().filter(|cost| *cost > 0).min().unwrap_or(1000);
    let mut least = 125;
    while least * 2 <= least_cost {
        least *= 2;
    }
    let greatest = costs.iter().copied().max().unwrap_or(1000).max(least);
    let steps = doublings(greatest, least).div_ceil(1000).max(1);
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let x_of = |cost: u64| {
        LEFT + (right - LEFT) * doublings(cost.max(least), least).min(steps * 1000) / (steps * 1000)
    };
    let y_of = |survived: u64| bottom - (bottom - TOP) * survived.min(most) / most.max(1);
    let x_ticks = (0..=steps).map(|step| {
        let value = least << step;
        Tick { at: x_of(value), label: short(value) }
    });
    let every = most.div_ceil(14).max(1);
    let y_ticks = (0..=most)
        .filter(|n| n % every == 0 || *n == most)
        .map(|n| Tick { at: y_of(n), label: n.to_string() });
    let mut merged: Vec<(u64, u64, Vec<usize>)> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let (x, y) = (x_of(costs[i]), y_of(point.survived));
        match merged.iter_mut().find(|dot| (dot.0, dot.1) == (x, y)) {
            Some(dot) => dot.2.push(i),
            None => merged.push((x, y, vec![i])),
        }
    }
    merged.sort_by_key(|dot| (dot.1, dot.0));
    let mut taken: Vec<[u64; 4]> =
        merged.iter().map(|dot| [dot.0 - 6, dot.1 - 6, dot.0 + 6, dot.1 + 6]).collect();
    let dots = merged.iter().map(|(x, y, of)| {
        let mine: Vec<&Point> = of.iter().map(|&i| &points[i]).collect();
        let text = match &mine[..] {
            [_] if !names => String::new(),
            all if !names => all.len().to_string(),
            [one] => one.name.clone(),
            [one, two] => format!("{}, {}", one.name, two.name),
            [one, more @ ..] => format!("{} +{}", one.name, more.len()),
            [] => String::new(),
        };
        let title: Vec<&str> = mine.iter().take(12).map(|point| &point.name[..]).collect();
        let more = match mine.len().saturating_sub(12) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Dot {
            x: *x,
            y: *y,
            r: match mine.len() {
                1 => 5,
                2..=4 => 6,
                _ => 7,
            },
            unbeaten: mine.iter().any(|point| point.unbeaten),
            title: format!(
                "{}{more}: {} of {most}, at {}",
                title.join(", "),
                mine[0].survived,
                mine[0].cost
            ),
            label: place(*x, *y, text, right, &mut taken),
        }
    });
    let dots: Vec<Dot> = dots.collect();
    Plot {
        about: format!("{upward} against {axis}: {} in {} dots", points.len(), dots.len()),
        axis: axis.to_owned(),
        upward: upward.to_owned(),
        width: WIDTH,
        height: HEIGHT,
        field: [LEFT, TOP, right, bottom],
        x_ticks: x_ticks.collect(),
        y_ticks: y_ticks.collect(),
        dots,
        lines: Vec::new(),
    }
}

/// Finds room for a name beside its dot.
fn place(x: u64, y: u64, text: String, right: u64, taken: &mut Vec<[u64; 4]>) -> Option<Label> {
    if text.is_empty() {
        return None;
    }
    let wide = text.chars().count() as u64 * 7;
    for (anchor, from, base) in [
        ("start", x + 9, y + 4),
        ("end", x.saturating_sub(9 + wide), y + 4),
        ("start", x.saturating_sub(4), y.saturating_sub(10)),
        ("start", x.saturating_sub(4), y + 20),
        ("end", (x + 4).saturating_sub(wide), y.saturating_sub(10)),
        ("end", (x + 4).saturating_sub(wide), y + 20),
    ] {
        let area = [from, base.saturating_sub(11), from + wide, base + 3];
        let free = taken.iter().all(|other| {
            area[2] <= other[0] || other[2] <= area[0] || area[3] <= other[1] || other[3] <= area[1]
        });
        if free
            && from >= LEFT
            && from + wide <= right + RIGHT
            && (TOP..HEIGHT - 30).contains(&base)
        {
            taken.push(area);
            let x = if anchor == "end" { from + wide } else { from };
            return Some(Label { x, y: base, anchor, text });
        }
    }
    None
}

/// A round step, 1, 2 or 5 and zeros, of which at most five make `most`.
fn round(most: u64) -> u64 {
    let mut ten = 1u64;
    loop {
        for step in [1, 2, 5].map(|digit| ten.saturating_mul(digit)) {
            if most / step <= 5 {
                return step;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// A curve: how many were seen after so many blocks, one line for each name.
#[must_use]
pub fn curve(axis: &str, upward: &str, lines: &[(&str, Vec<(u64, u64)>)]) -> Plot {
    let all = || lines.iter().flat_map(|line| &line.1);
    let most = all().map(|place| place.1).max().unwrap_or(1).max(1);
    let greatest = all().map(|place| place.0).max().unwrap_or(1).max(1);
    let steps = doublings(greatest, 1).div_ceil(1000).max(1);
    let (right, bottom) = (WIDTH - RIGHT - 60, HEIGHT - BOTTOM);
    let left = LEFT + 20;
    let x_of = |at: u64| left + (right - left) * doublings(at.max(1), 1) / (steps * 1000);
    let y_of = |n: u64| {
        bottom
            - u64::try_from(u128::from(bottom - TOP) * u128::from(n) / u128::from(most))
                .unwrap_or(0)
    };
    let mut plot = Plot {
        about: format!("{upward} against {axis}"),
        axis: axis.to_owned(),
        upward: upward.to_owned(),
        width: WIDTH,
        height: HEIGHT,
        field: [left, TOP, right, bottom],
        x_ticks: (0..=steps)
            .filter(|step| step % steps.div_ceil(8).max(1) == 0)
            .map(|step| Tick { at: x_of(1 << step), label: (1u64 << step).to_string() })
            .collect(),
        y_ticks: (0..=most / round(most))
            .map(|n| n * round(most))
            .map(|n| Tick { at: y_of(n), label: grouped(n) })
            .collect(),
        dots: Vec::new(),
        lines: Vec::new(),
    };
    for (name, places) in lines {
        let path: Vec<String> =
            places.iter().map(|&(at, n)| format!("{},{}", x_of(at), y_of(n))).collect();
        plot.lines.push(path.join(" "));
        for (i, &(at, n)) in places.iter().enumerate() {
            let (x, y) = (x_of(at), y_of(n));
            let last = i + 1 == places.len();
            let text = (*name).to_owned();
            plot.dots.push(Dot {
                x,
                y,
                r: 3,
                unbeaten: true,
                title: format!("{name}: {n} after {at}"),
                label: last.then(|| Label { x: x + 7, y: y + 4, anchor: "start", text }),
            });
        }
    }
    plot
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str, cost: u64, survived: u64) -> Point {
        Point { name: name.to_owned(), cost: Ratio::new(cost, 100), survived, unbeaten: false }
    }

    #[test]
    fn the_axis_of_cost_doubles_and_never_goes_back() {
        assert_eq!(doublings(1000, 1000), 0);
        assert_eq!(doublings(1500, 1000), 500);
        assert_eq!(doublings(2000, 1000), 1000);
        assert_eq!(doublings(8000, 1000), 3000);
        assert!((1..5000).map(|v| doublings(v, 125)).is_sorted());
        assert_eq!([1, 5, 6, 13, 1865, u64::MAX / 3].map(round)[..5], [1, 1, 2, 5, 500]);
        assert_eq!([125, 500, 4000, 64_000].map(short), ["0.13", "0.5", "4", "64"]);
    }

    #[test]
    fn dots_stay_in_the_field_and_names_cover_no_other() {
        let points: Vec<Point> = (0..40)
            .map(|i| point(&format!("journal-{i}"), 1 + 37 * (i % 7), i % 10))
            .chain([point("none", 0, 0), point("most", u64::MAX / 2000, 9)])
            .collect();
        let plot = plot("cost", "survived", &points, 9, true);
        let [left, top, right, bottom] = plot.field;
        for dot in &plot.dots {
            assert!((left..=right).contains(&dot.x) && (top..=bottom).contains(&dot.y), "{dot:?}");
        }
        let of: usize = plot.dots.iter().map(|dot| dot.title.matches(", ").count()).sum();
        assert!(of >= points.len() - plot.dots.len(), "{of}");
        let boxes: Vec<(u64, u64, u64)> = plot
            .dots
            .iter()
            .filter_map(|dot| dot.label.as_ref())
            .map(|label| {
                let wide = label.text.len() as u64 * 7;
                let from = if label.anchor == "end" { label.x - wide } else { label.x };
                (from, from + wide, label.y)
            })
            .collect();
        assert!(!boxes.is_empty());
        for (i, one) in boxes.iter().enumerate() {
            for other in &boxes[..i] {
                let apart = one.1 <= other.0 || other.1 <= one.0 || one.2.abs_diff(other.2) >= 14;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}
