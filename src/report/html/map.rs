//! Treemaps: an image's directories as rectangles. The picture stands as it is; the script zooms in it.

use maud::{Markup, html};

use super::squarify::{Rect, squarify};
use crate::analyze::{Area, AreaKind};
use crate::report::human;
use crate::report::page::{Column, Section, Table, Text, Tone, left, right};

/// The picture, in units of its own; `page.js` has the same numbers.
const WHOLE: Rect = Rect { x: 0.0, y: 0.0, w: 960.0, h: 540.0 };
/// Room for a directory's name above what is in it.
const HEAD: f64 = 18.0;
const EDGE: f64 = 2.0;
/// About as wide as a letter is.
const LETTER: f64 = 6.8;
/// Layers' colours, which come again after so many.
const COLOURS: u32 = 12;
/// The longest name that is kept, in characters.
const NAME: usize = 100;
/// How many directories the table has.
const ROWS: usize = 100;

/// An image's map.
#[derive(Clone, Debug)]
pub struct Map {
    /// The image's name.
    pub label: Text,
    /// How many layers it has.
    pub layers: u64,
    /// Its bytes.
    pub area: Area,
}

/// The maps, side by side.
pub(super) fn figures(maps: &[Map]) -> Markup {
    html! {
        section.maps aria-label="Maps" {
            @for (at, map) in maps.iter().enumerate() { (figure(at, map)) }
        }
    }
}

fn figure(at: usize, map: &Map) -> Markup {
    html! {
        figure.map {
            figcaption {
                strong { (map.label.text) }
                ": every file of every layer, as large as its bytes"
            }
            fieldset {
                legend { "Colour by" }
                label { input.layer type="radio" name={ "colour-" (at) } checked; " layer" }
                label { input.waste type="radio" name={ "colour-" (at) }; " share that is lost" }
            }
            svg role="tree" aria-label={ "Map of " (map.label.text) } viewBox={ "0 0 " (WHOLE.w) " " (WHOLE.h) } {
                (cells(&map.area))
            }
            (keys(map))
        }
    }
}

/// What the colours mean.
fn keys(map: &Map) -> Markup {
    let shares = ["nothing lost", "under 10%", "under half", "more", "all lost"];
    html! {
        ul.keys.layer aria-label="Layers" {
            @for layer in 0..map.layers { li { (chip(&format!("l{}", layer % u64::from(COLOURS)))) (layer) } }
        }
        ul.keys.waste aria-label="Shares" {
            @for (at, share) in shares.iter().enumerate() { li { (chip(&format!("w{at}"))) (share) } }
        }
    }
}

fn chip(class: &str) -> Markup {
    html! { svg.chip aria-hidden="true" { g class=(class) { rect width="100%" height="100%" {} } } }
}

/// One `g` for every area, a directory before what is in it.
fn cells(area: &Area) -> Markup {
    let mut cells = Vec::new();
    cell(area, [0, 0, SCALE, SCALE], Some(WHOLE), 1, &mut cells);
    html! { @for cell in cells { (cell) } }
}

/// Places inside of a directory count from 0 to this.
const SCALE: u64 = 10_000;

/// `place` is where it lies in its directory, for the script; `rect` where it is drawn, if it is.
fn cell(area: &Area, place: [u64; 4], rect: Option<Rect>, level: usize, out: &mut Vec<Markup>) {
    let name = name(area);
    let open = !area.parts.is_empty();
    let inner = rect.filter(|_| level <= 2).and_then(|rect| inner(rect, level));
    let label = format!("{name}: {}", told(area));
    let place = place.map(|part| part.to_string()).join(" ");
    let class = format!("l{} w{}", area.layer.map_or("r".into(), |layer| (layer % COLOURS).to_string()), waste(area));
    let expanded = open.then(|| inner.is_some().to_string());
    let shown = rect.is_none().then_some("none");
    let text = rect.filter(|_| level > 1).map_or_else(String::new, |rect| fitting(&name, rect));
    let Rect { x, y, w, h } = rect.unwrap_or(Rect { x: 0.0, y: 0.0, w: 0.0, h: 0.0 }).rounded();
    let (left, base) = (x + 4.0, y + 13.0);
    out.push(html! {
        g class=(class) role="treeitem" tabindex=(if level == 1 { "0" } else { "-1" }) aria-level=(level)
            aria-label=(label) aria-expanded=[expanded] display=[shown] data-name=(name) data-place=(place) {
            rect x=(x) y=(y) width=(w) height=(h) {}
            text x=(left) y=(base) aria-hidden="true" { (text) }
        }
    });
    let sizes: Vec<u64> = area.parts.iter().map(Area::bytes).collect();
    for (part, rect) in area.parts.iter().zip(squarify(&sizes, WHOLE)) {
        let unit = [rect.x / WHOLE.w, rect.y / WHOLE.h, rect.w / WHOLE.w, rect.h / WHOLE.h];
        let drawn = inner.map(|inner| Rect {
            x: inner.x + inner.w * unit[0],
            y: inner.y + inner.h * unit[1],
            w: inner.w * unit[2],
            h: inner.h * unit[3],
        });
        cell(part, unit.map(|part| (part * SCALE as f64).round() as u64), drawn, level + 1, out);
    }
}

impl Rect {
    fn rounded(self) -> Self {
        let round = |number: f64| (number * 10.0).round() / 10.0;
        Self { x: round(self.x), y: round(self.y), w: round(self.w), h: round(self.h) }
    }
}

/// Where a directory's parts are drawn, if there is room: the root's fill the picture.
fn inner(rect: Rect, level: usize) -> Option<Rect> {
    if level == 1 {
        return Some(rect);
    }
    let Rect { x, y, w, h } = rect;
    (w > 3.0 * HEAD && h > 2.0 * HEAD).then_some(Rect {
        x: x + EDGE,
        y: y + HEAD,
        w: w - 2.0 * EDGE,
        h: h - HEAD - EDGE,
    })
}

fn name(area: &Area) -> String {
    let text = Text::of(String::from_utf8_lossy(&area.name)).text;
    let cut = text.char_indices().nth(NAME).map_or(text.clone(), |(end, _)| format!("{}…", &text[..end]));
    match area.kind {
        AreaKind::Directory => format!("{cut}/"),
        AreaKind::File => cut,
        AreaKind::Rest => "the rest".into(),
    }
}

/// A name where there is room for all of it: a part of a word would be none of its label's.
fn fitting(name: &str, rect: Rect) -> String {
    let room = ((rect.w - 8.0) / LETTER).max(0.0) as usize;
    if rect.h < HEAD - EDGE || name.chars().count() > room { String::new() } else { name.into() }
}

/// `703.4 MB in 1,234 files, most in layer 3, 21.6% lost`
fn told(area: &Area) -> String {
    let layer = area.layer.map_or_else(String::new, |layer| match area.kind {
        AreaKind::File if area.files == 1 => format!(", layer {layer}"),
        _ => format!(", most in layer {layer}"),
    });
    let lost = if area.lost > 0 { format!(", {} lost", human::percent(lost(area))) } else { String::new() };
    format!("{} in {}{layer}{lost}", human::bytes(area.bytes()), human::counted(area.files, "file"))
}

fn lost(area: &Area) -> f64 {
    if area.bytes() == 0 { 0.0 } else { area.lost as f64 / area.bytes() as f64 }
}

/// How much of it is lost, as a colour.
fn waste(area: &Area) -> u8 {
    match lost(area) {
        _ if area.lost == 0 => 0,
        share if share < 0.1 => 1,
        share if share < 0.5 => 2,
        _ if area.visible > 0 => 3,
        _ => 4,
    }
}

/// The same numbers as tables: directories, the largest first.
pub(super) fn directories(maps: &[Map]) -> Vec<Section> {
    maps.iter().map(|map| directory_table(map, maps.len() > 1)).collect()
}

fn directory_table(map: &Map, named: bool) -> Section {
    let mut found = Vec::new();
    collect(&map.area, String::new(), &mut found);
    found.sort_by_key(|(_, area)| std::cmp::Reverse(area.bytes()));
    found.truncate(ROWS);
    let most = map.area.bytes();
    let row = |(path, area): (String, &Area)| {
        let lost_tone = if area.lost > 0 { Tone::Bad } else { Tone::Dim };
        vec![
            Text::bytes(area.bytes(), most),
            Text::from(human::bytes(area.lost)).toned(lost_tone),
            human::count(area.files).into(),
            area.layer.map(|layer| layer.to_string()).unwrap_or_default().into(),
            Text::of(path),
        ]
    };
    let columns: Vec<Column> =
        vec![right("bytes"), right("lost"), right("files"), right("most in layer"), left("directory")];
    let table = Table { columns, rows: found.into_iter().map(row).collect(), one_line: false };
    let of = if named { format!(" of {}", map.label.text) } else { String::new() };
    let title = format!("Directories{of}, the largest first: all layers, with what is lost").into();
    Section { title, level: 2, lines: Vec::new(), table }
}

fn collect<'a>(area: &'a Area, path: String, found: &mut Vec<(String, &'a Area)>) {
    if area.kind == AreaKind::Directory {
        for part in &area.parts {
            let name = String::from_utf8_lossy(&part.name);
            collect(part, format!("{}/{name}", path.trim_end_matches('/')), found);
        }
        found.push((if path.is_empty() { "/".into() } else { path }, area));
    }
}
