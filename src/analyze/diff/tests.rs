//! Tests of comparing files: each small image pair is one thing that can differ.

use super::*;
use crate::analyze::testing::Fixture;
use crate::model::LayerPath;

fn diff(a: &[&str], b: &[&str]) -> FileDiff<'static> {
    diff_with(a, b, &Filter { wanted: &|_| true, times: false })
}

fn diff_with(a: &[&str], b: &[&str], filter: &Filter<'_>) -> FileDiff<'static> {
    // Differences point into the images.
    let [a, b] = [a, b].map(|layers| &Box::leak(Box::new(Fixture::new(layers))).tree);
    diff_files(a, b, filter)
}

fn shown(diff: &FileDiff<'_>) -> Vec<String> {
    let what = |what: &[What]| what.iter().map(|what| what.name()).collect::<Vec<_>>().join(",");
    let added = diff.added.iter().map(|file| format!("+ {} {}", file.path.display(), file.bytes));
    let removed = diff.removed.iter().map(|file| format!("- {} {}", file.path.display(), file.bytes));
    let changed = diff
        .changed
        .iter()
        .map(|file| format!("~ {} {}→{} {}", file.path.display(), file.a_bytes, file.b_bytes, what(&file.what)));
    let moved = diff.moved.iter().map(|file| {
        format!("> {} {} {} {}", file.from.display(), file.to.display(), file.size, what(&file.what)).trim_end().into()
    });
    added.chain(removed).chain(changed).chain(moved).collect()
}

#[test]
fn added_removed_and_changed_in_what() {
    let a = "file same 1 s\nfile gone 5 g\nfile text 10 x\nfile mode 2 m\nfile owner 3 o\nlink l to\nfile t 4 t mtime=1\ndir d";
    let b = "file same 1 s\nfile new 6 n\nfile text 12 y mtime=3\nfile mode 2 m mode=755\nfile owner 3 o gid=9\nlink l other mode=777\nfile t 4 t mtime=2\nfile d 7 d";
    let found = diff(&[a], &[b]);
    let expected = [
        "+ /new 6",
        "- /gone 5",
        "~ /d 0→7 type",
        "~ /l 0→0 link",
        "~ /mode 2→2 mode",
        "~ /owner 3→3 owner",
        "~ /text 10→12 content,mtime",
    ];
    assert_eq!(shown(&found), expected);
    let totals = found.totals;
    assert_eq!((totals.added, totals.removed), (Tally { names: 1, bytes: 6 }, Tally { names: 1, bytes: 5 }));
    assert_eq!((totals.changed, totals.growth), (Tally { names: 5, bytes: 19 }, 10));
}

#[test]
fn times_count_where_they_are_asked_for() {
    let (a, b) = (["file t 4 t mtime=1"], ["file t 4 t mtime=2"]);
    assert!(diff(&a, &b).is_empty());
    assert_eq!(shown(&diff_with(&a, &b, &Filter { wanted: &|_| true, times: true })), ["~ /t 4→4 mtime"]);
}

#[test]
fn only_wanted_names_count() {
    let wanted = |path: &LayerPath| path.file_name() != b"skip";
    let found = diff_with(&[""], &["file skip 1 s\ndir d\nfile d/skip 2 s"], &Filter { wanted: &wanted, times: false });
    assert_eq!(shown(&found), ["+ /d 0"]);
    let inside = |path: &LayerPath| path.starts_with(&"d/e".into());
    let found = diff_with(&[""], &["file d/e/f 1 s\nfile d/g 2 s"], &Filter { wanted: &inside, times: false });
    assert_eq!(shown(&found), ["+ /d/e 0", "+ /d/e/f 1"]);
}

#[test]
fn layers_do_not_matter_but_what_they_make_together() {
    assert!(diff(&["dir d\nfile d/x 1 x", "file y 2 y", "gone d"], &["file y 2 y"]).is_empty());
}

#[test]
fn a_move_prefers_its_own_name_and_needs_content() {
    let a = "file a/one 9 x\nfile a/two 9 x\nfile a/empty 0 e\nfile a/three 9 x";
    let b = "file b/q 9 x\nfile b/two 9 x mode=755\nfile b/empty 0 e";
    let expected = [
        "+ /b 0",
        "+ /b/empty 0",
        "- /a 0",
        "- /a/empty 0",
        "- /a/three 9",
        "> /a/one /b/q 9",
        "> /a/two /b/two 9 mode",
    ];
    let found = diff(&[a], &[b]);
    assert_eq!(shown(&found), expected);
    assert_eq!(found.totals.moved, Tally { names: 2, bytes: 18 });
}

#[test]
fn hard_linked_files_count_once() {
    // One more name of a file that stays costs nothing.
    assert_eq!(shown(&diff(&["file x 9 x"], &["file x 9 x\nhard a x"])), ["+ /a 0"]);
    // A new file with two names costs its bytes once.
    assert_eq!(shown(&diff(&[""], &["file x 9 x\nhard a x"])), ["+ /a 9", "+ /x 0"]);
    // Linked names that become separate files, and the other way round.
    let (linked, separate) = (["file x 9 x\nhard y x"], ["file x 9 x\nfile y 9 x"]);
    assert_eq!(shown(&diff(&linked, &separate)), ["~ /y 0→9 link"]);
    assert_eq!(diff(&separate, &linked).totals.growth, -9);
    // A file with two names moves as a whole.
    let moved = diff(&["file a/x 9 x\nhard a/y a/x"], &["file b/x 9 x\nhard b/y b/x"]);
    assert_eq!(shown(&moved)[2..], ["> /a/x /b/x 9", "> /a/y /b/y 0"]);
}

#[test]
fn rows_add_up_and_small_folders_stay_with_their_parents() {
    let big: String = (0..40).map(|n| format!("file usr/lib/py/m{n}/f 1000 m{n}\n")).collect();
    let b = format!("{big}file usr/share/doc/x 5 d\nfile etc/conf 20 c\nfile usr/bin/tool 90000 t");
    let found = diff(&["file etc/conf 10 b\nfile opt/old 30000 o"], &[&b]);
    let rows = roll_up(&found, 10);
    let shown: Vec<_> = rows.iter().map(|row| (row.path.display(), row.growth, row.rest)).collect();
    let expected =
        [("/", 15, true), ("/opt", -30000, false), ("/usr/bin", 90000, false), ("/usr/lib/py", 40000, false)];
    assert_eq!(shown, expected.map(|(path, growth, rest)| (path.to_owned(), growth, rest)));
    assert_eq!(rows.iter().map(|row| row.growth).sum::<i64>(), found.totals.growth);
    assert_eq!(rows.iter().map(|row| row.added.names).sum::<u64>(), found.totals.added.names);
}

#[test]
fn rows_are_no_more_than_asked_for() {
    let b: String = (0..50).map(|n| format!("file d{n}/f 1000 {n}\n")).collect();
    let found = diff(&[""], &[&b]);
    for rows in [1, 2, 7] {
        let table = roll_up(&found, rows);
        assert_eq!(table.len(), rows);
        assert_eq!(table.iter().map(|row| row.added.bytes).sum::<u64>(), 50_000);
    }
    assert!(roll_up(&FileDiff::default(), 5).is_empty());
}

#[test]
fn a_row_says_whether_others_are_below_it() {
    let b = "file u/i/x 500 x\nfile u/i/c/12/y 400 y\nfile u/l 300 z";
    let table = roll_up(&diff(&[""], &[b]), 10);
    let rows: Vec<_> = table.iter().map(|row| (row.path.display(), row.rest)).collect();
    let expected = [("/", true), ("/u", true), ("/u/i", true), ("/u/i/c/12", false)];
    assert_eq!(rows, expected.map(|(path, rest)| (path.to_owned(), rest)));
}
