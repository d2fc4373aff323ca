//! A terminal's text as a picture, for the README: SVG, so that a change of it can be read.

use std::fmt::Write as _;

/// Columns and lines to pixels, for a monospaced font of 13 pixels.
const COLUMN: f32 = 7.83;
const LINE: usize = 18;
const MARGIN: usize = 16;

/// Text with SGR sequences (ECMA-48), as wide as this many columns. The fonts are those of whoever looks.
pub(crate) fn picture(text: &str, columns: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (width, height) = (columns as f32 * COLUMN + 2.0 * MARGIN as f32, lines.len() * LINE + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" width=\"{width:.0}\" \
         height=\"{height}\">\n<style>\ntext {{ font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; \
         fill: #d8dee9; white-space: pre }}\n.s1 {{ font-weight: bold; fill: #ffffff }} .s2 {{ fill: #8b949e }} \
         .s31 {{ fill: #ff7b72 }} .s32 {{ fill: #7ee787 }} .s33 {{ fill: #e3b341 }}\n</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN + 13 + number * LINE;
        for (column, class, text) in runs(line).into_iter().filter(|(.., text)| !text.trim().is_empty()) {
            let (x, length) = (column as f32 * COLUMN + MARGIN as f32, text.chars().count() as f32 * COLUMN);
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let attributes = format!("x=\"{x:.1}\" y=\"{y}\" textLength=\"{length:.1}\"");
            writeln!(svg, "<text {attributes} xml:space=\"preserve\" class=\"{class}\">{text}</text>").unwrap();
        }
    }
    svg + "</svg>\n"
}

/// Pieces of a line that look the same: where each begins, its class, its text.
fn runs(line: &str) -> Vec<(usize, String, String)> {
    let (mut column, mut class) = (0, "s0".to_owned());
    let mut found = Vec::new();
    for (at, piece) in line.split('\u{1b}').enumerate() {
        let text = match piece.strip_prefix('[').and_then(|rest| rest.split_once('m')).filter(|_| at > 0) {
            Some((code, text)) => {
                class = format!("s{}", shade(code));
                text
            }
            None => piece,
        };
        found.push((column, class.clone(), text.to_owned()));
        column += text.chars().count();
    }
    found
}

/// `38;5;9` is how comfy-table says red.
fn shade(code: &str) -> &str {
    match code {
        "38;5;9" => "31",
        "38;5;10" => "32",
        "38;5;11" => "33",
        "39" => "0",
        other => other,
    }
}
