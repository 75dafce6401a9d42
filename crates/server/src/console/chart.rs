//! Lines over time as SVG, drawn on the server: no script, readable in both colour schemes, with a legend in words.

use maud::{Markup, html};

use super::parts;
use super::visitor::Visitor;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 46.0;
const BELOW: f64 = 8.0;

/// One line: values at even distances, the oldest first.
pub(crate) struct Line<'l> {
    /// What it shows.
    pub(crate) name: &'l str,
    /// Its colour, as of a badge.
    pub(crate) tone: &'l str,
    /// What is drawn.
    pub(crate) values: Vec<f64>,
}

/// Lines on one scale from zero. `ends`: the instants of the first and the last value; `None`: there is nothing yet.
pub(crate) fn lines(visitor: &Visitor, name: &str, lines: &[Line<'_>], ends: Option<(&str, &str)>) -> Markup {
    let Some((first, last)) = ends.filter(|_| lines.iter().any(|line| line.values.len() > 1)) else {
        return parts::nothing(visitor.say("Nothing was recorded yet.", "Todavía no hay registros."));
    };
    let most = lines.iter().flat_map(|line| &line.values).fold(1.0_f64, |most, value| most.max(*value));
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(name) {
            line.axis x1=(LEFT) x2=(WIDTH) y1=(HEIGHT - BELOW) y2=(HEIGHT - BELOW) {}
            line.axis x1=(LEFT) x2=(WIDTH) y1=(BELOW) y2=(BELOW) {}
            text x="0" y=(BELOW + 4.0) { (most) }
            text x="0" y=(HEIGHT - BELOW + 4.0) { "0" }
            @for line in lines { polyline class={ "line " (line.tone) } points=(points(&line.values, most)) {} }
        }
        div.legend {
            (parts::instant(first))
            @for line in lines { (parts::badge(line.tone, line.name)) }
            (parts::instant(last))
        }
    }
}

fn points(values: &[f64], most: f64) -> String {
    let step = (WIDTH - LEFT) / (values.len().max(2) - 1) as f64;
    let height = HEIGHT - 2.0 * BELOW;
    let place = |(index, value): (usize, &f64)| {
        format!("{:.1},{:.1}", LEFT + step * index as f64, HEIGHT - BELOW - height * (value / most).clamp(0.0, 1.0))
    };
    values.iter().enumerate().map(place).collect::<Vec<_>>().join(" ")
}

/// A line of a few values without axes, beside a figure. What is missing is left out.
pub(crate) fn sparkline(name: &str, values: &[Option<f64>]) -> Markup {
    let (least, most) = values
        .iter()
        .flatten()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
    let range = (most - least).max(0.001);
    let (width, height) = (120.0, 26.0);
    let step = width / (values.len().max(2) - 1) as f64;
    let place = |index: usize, value: f64| {
        format!("{:.1},{:.1}", step * index as f64, height - 2.0 - (height - 4.0) * (value - least) / range)
    };
    let mut runs: Vec<Vec<String>> = vec![Vec::new()];
    for (index, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => run.push(place(index, *value)),
            (_, Some(run)) if run.is_empty() => {}
            _ => runs.push(Vec::new()),
        }
    }
    html! {
        svg.spark viewBox={ "0 0 " (width) " " (height) } preserveAspectRatio="none" role="img" aria-label=(name) {
            @for run in runs.iter().filter(|run| !run.is_empty()) { polyline.line points=(run.join(" ")) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{points, sparkline};

    #[test]
    fn values_are_spread_over_the_width_and_scaled_to_the_greatest() {
        assert_eq!(points(&[0.0, 2.0], 2.0), "46.0,142.0 560.0,8.0");
        assert_eq!(points(&[5.0], 2.0), "46.0,8.0", "never outside");
        assert_eq!(points(&[], 2.0), "");
    }

    #[test]
    fn what_is_missing_leaves_a_gap() {
        let drawn = sparkline("x", &[Some(1.0), None, Some(3.0), Some(2.0)]).into_string();
        assert_eq!(drawn.matches("<polyline").count(), 2, "{drawn}");
        assert!(!sparkline("x", &[None, None]).into_string().contains("polyline"));
        assert!(!sparkline("x", &[]).into_string().contains("inf"));
    }
}
