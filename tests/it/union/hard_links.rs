//! Hard links: names of one file, in one layer and across layers.

use super::Beside::{Nobody, Podman};
use super::{stacked, stacked_image};
use crate::support::{Header, ImageSpec, Tar};

#[test]
fn linked_names_are_one_file() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          file /a "data"
          hard /b /a
          hard /c /b
        "#, Podman), @"
    /a file 4 0644 0:0
    /b file 4 0644 0:0 = /a
    /c file 4 0644 0:0 = /a
    visible 4 B
    ");
}

#[test]
fn the_header_of_a_link_is_carried_out_on_the_file() {
    let mut tar = Tar::new();
    tar.file("a", "data").entry(&Header { mode: 0o4711, uid: 5, gid: 6, ..Header::hard("b", "a") }, b"");
    insta::assert_snapshot!(stacked_image("a link that says more", ImageSpec::of_tars([tar.finish()]), Podman), @"
    /a file 4 4711 5:6
    /b file 4 4711 5:6 = /a
    visible 4 B
    ");
}

#[test]
fn a_link_may_stand_before_its_target() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          hard /b /a
          hard /c /b
          file /a "data"
        "#, Nobody("podman unpacks in order, and refuses")), @"
    /a file 4 0644 0:0
    /b file 4 0644 0:0 = /a
    /c file 4 0644 0:0 = /a
    visible 4 B
    ");
}

#[test]
fn a_link_leads_to_what_is_there_when_it_is_unpacked() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "old"
        layer "above"
          hard /b /a
          file /a "new data"
        "#, Podman), @"
    /a file 8 0644 0:0
    /b file 3 0644 0:0
    visible 11 B
    ");
}

#[test]
fn a_link_to_a_lower_layers_file_is_one_more_name_of_it() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "data"
        layer "above"
          hard /b /a
        "#, Nobody("podman's vfs driver links within its copy of the layer below, with an inode of its own")), @"
    /a file 4 0644 0:0
    /b file 4 0644 0:0 = /a
    visible 4 B
    ");
}

#[test]
fn a_file_is_visible_while_one_of_its_names_is() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "data"
          hard /b /a
        layer "above"
          whiteout /a
        "#, Podman), @"
    /b file 4 0644 0:0
    visible 4 B
    ");
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "data"
          hard /b /a
        layer "above"
          file /a "more data"
        "#, Podman), @"
    /a file 9 0644 0:0
    /b file 4 0644 0:0
    visible 13 B
    ");
}

#[test]
fn the_last_name_to_go_decides_the_fate() {
    insta::assert_snapshot!(stacked(r#"
        layer "one"
          file /a "data"
          hard /b /a
        layer "two"
          whiteout /a
        layer "three"
          file /b "other"
        "#, Podman), @"
    /b file 5 0644 0:0
    visible 5 B, content_replaced 4 B in 1
    ");
}

#[test]
fn a_link_may_stand_before_the_whiteout_of_its_target() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "data"
          hard /b /a
        layer "above"
          hard /c /b
          whiteout /b
        "#, Nobody("podman unpacks in order: the whiteout comes after the link")), @"
    /a file 4 0644 0:0
    /c file 4 0644 0:0 = /a
    visible 4 B
    ");
}

#[test]
fn links_to_links_may_be_linked() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          link /l nowhere
          hard /m /l
        "#, Podman), @"
    /l symlink 7 0000 0:0 -> nowhere
    /m symlink 7 0000 0:0 -> nowhere
    visible 0 B
    ");
}

#[test]
fn a_link_to_nothing_is_passed_over_and_told() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          file /a "data"
          hard /b /nothing
          hard /c /d
          hard /d /c
        "#, Nobody("podman refuses")), @"
    /a file 4 0644 0:0
    visible 4 B
    ");
}

#[test]
fn a_link_keeps_the_file_that_loses_its_name_in_the_same_layer() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          dir /d
          file /d/a "data"
          hard /b /d/a
          file /d "a file"
        "#, Nobody("podman's tar-split refuses a path twice")), @"
    /b file 4 0644 0:0
    /d file 6 0644 0:0
    visible 10 B
    ");
}

#[test]
fn names_may_go_one_by_one_over_many_layers() {
    insta::assert_snapshot!(stacked(r#"
        layer "one"
          dir /d
          file /d/a "data"
          hard /d/b /d/a
          hard /c /d/b
        layer "two"
          dir /d
          opaque /d
        layer "three"
          file /e "new"
          hard /c /e
        layer "four"
          whiteout /e
        "#, Podman), @"
    /c file 3 0644 0:0
    /d dir 0 0755 0:0
    visible 3 B, content_replaced 4 B in 1
    ");
}
