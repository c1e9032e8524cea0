//! Plots as text: horizontal bars on a logarithmic scale or in percent, in plain SVG that looks right on light and dark pages.

use std::fmt::Write as _;

/// One bar: two values of the same unit and what is written beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// At its left.
    pub name: String,
    /// The smaller value, drawn dark over the larger one.
    pub inner: f64,
    /// The larger value.
    pub outer: f64,
    /// At its right.
    pub label: String,
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 180.0;
const ROW: f64 = 22.0;
const TOP: f64 = 48.0;

/// A plot of bars. The scale goes over whole powers of ten that hold all values above zero.
pub fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let values = bars.iter().flat_map(|bar| [bar.inner, bar.outer]).filter(|value| *value > 0.0);
    let (least, most) =
        values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let low = if least.is_finite() { least.log10().floor() } else { 0.0 };
    let high = most.log10().ceil().max(low + 1.0);
    let x = |value: f64| if value > 0.0 { (value.log10() - low) / (high - low) } else { 0.0 };
    let ticks: Vec<f64> = (low as i32..=high as i32).map(|power| 10_f64.powi(power)).collect();
    draw(title, unit, bars, &ticks, x)
}

/// A plot of bars of percents, from 0 to 100.
pub fn shares(title: &str, unit: &str, bars: &[Bar]) -> String {
    draw(title, unit, bars, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0], |value| value / 100.0)
}

/// `part` says how far to the right a value stands, from 0 to 1.
fn draw(title: &str, unit: &str, bars: &[Bar], ticks: &[f64], part: impl Fn(f64) -> f64) -> String {
    let x = |value: f64| LEFT + part(value).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let bottom = TOP + ROW * bars.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n",
        bottom + 24.0
    );
    let _ = writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>");
    let _ = writeln!(
        svg,
        "<text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"bold\">{}</text>",
        escaped(title)
    );
    let _ = writeln!(svg, "<text x=\"8\" y=\"36\" fill=\"#555\">{}</text>", escaped(unit));
    for value in ticks {
        let at = x(*value);
        let _ = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{value}</text>",
            bottom + 16.0
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let text = y + 15.0;
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{text}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            escaped(&bar.name)
        );
        for (value, colour) in [(bar.outer, "#9ec5e8"), (bar.inner, "#1f5f99")] {
            let width = x(value) - LEFT;
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"14\" fill=\"{colour}\"/>",
                y + 4.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{text}\">{}</text>",
            x(bar.outer) + 6.0,
            escaped(&bar.label)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_values() {
        let bar = |outer: f64| Bar { name: "a<b".to_owned(), inner: 1.0, outer, label: "x & y".to_owned() };
        let svg = bars("T", "ms", &[bar(10.0), bar(1_000.0), bar(0.0)]);
        let width =
            |line: &str| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>();
        let light: Vec<f64> =
            svg.lines().filter(|line| line.contains("#9ec5e8")).map(|line| width(line).unwrap()).collect();
        assert_eq!(light, [150.0, 450.0, 0.0]);
        assert!(svg.contains("a&lt;b") && svg.contains("x &amp; y") && svg.ends_with("</svg>\n"));
        assert!(bars("none", "ms", &[]).contains("<svg"));
        let half = shares("T", "%", &[bar(50.0)]);
        assert!(half.contains("width=\"225.0\" height=\"14\" fill=\"#9ec5e8\""), "{half}");
    }
}
