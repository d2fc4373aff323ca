//! Whiteouts, opaque directories, entries of one type over another, copies.

use super::Beside::{Nobody, Podman};
use super::stacked;

#[test]
fn a_whiteout_acts_on_lower_layers_wherever_it_stands() {
    let before = r#"
        layer "below"
          dir /d
          file /d/a "one"
          file /d/b "two"
        layer "above"
          whiteout /d/a
          file /d/c "three"
        "#;
    let after = r#"
        layer "below"
          dir /d
          file /d/a "one"
          file /d/b "two"
        layer "above"
          file /d/c "three"
          whiteout /d/a
        "#;
    insta::assert_snapshot!(stacked(before, Podman), @"
    /d dir 0 0755 0:0
    /d/b file 3 0644 0:0
    /d/c file 5 0644 0:0
    visible 8 B, deleted 3 B in 1
    ");
    assert_eq!(stacked(before, Podman), stacked(after, Podman));
}

#[test]
fn a_whiteout_beside_a_new_file_of_the_name_hides_only_the_old_one() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "old"
        layer "above"
          whiteout /a
          file /a "newer"
        "#, Nobody("podman applies entries in order, Docker keeps the new file")), @"
    /a file 5 0644 0:0
    visible 5 B, deleted 3 B in 1
    ");
}

#[test]
fn a_whiteout_takes_a_whole_directory() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d
          dir /d/e
          file /d/e/f "one"
          file /g "two"
        layer "above"
          whiteout /d
        "#, Podman), @"
    /g file 3 0644 0:0
    visible 3 B, deleted 3 B in 1
    ");
}

#[test]
fn a_whiteout_of_nothing_does_nothing() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "one"
        layer "above"
          whiteout /b
          whiteout /no/such
        "#, Nobody("podman leaves the directory /no that the marker lies in, as we do, with a mode of its own")), @"
    /a file 3 0644 0:0
    /no dir 0 0755 0:0
    visible 3 B
    ");
}

#[test]
fn a_whiteout_below_a_replaced_parent_does_nothing() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /a "one"
        layer "above"
          dir /a
          whiteout /a/b
          file /a/c "two"
        "#, Podman), @"
    /a dir 0 0755 0:0
    /a/c file 3 0644 0:0
    visible 3 B, type_replaced 3 B in 1
    ");
}

#[test]
fn an_opaque_marker_in_the_first_layer_hides_nothing() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          dir /d
          file /d/a "one"
          opaque /d
          file /d/b "two"
        "#, Podman), @"
    /d dir 0 0755 0:0
    /d/a file 3 0644 0:0
    /d/b file 3 0644 0:0
    visible 6 B
    ");
}

#[test]
fn an_opaque_marker_acts_on_lower_layers_only() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d
          file /d/old "old"
          dir /d/e
          file /d/e/old "old"
        layer "above"
          dir /d
          file /d/new "new"
          opaque /d
        "#, Podman), @"
    /d dir 0 0755 0:0
    /d/new file 3 0644 0:0
    visible 3 B, opaque 6 B in 2
    ");
}

#[test]
fn a_file_takes_a_directorys_place_with_all_below() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d
          file /d/a "one"
          file /f "two"
          link /l f
        layer "above"
          file /d "three"
          dir /f
          file /f/b "four"
          dir /l
        "#, Podman), @"
    /d file 5 0644 0:0
    /f dir 0 0755 0:0
    /f/b file 4 0644 0:0
    /l dir 0 0755 0:0
    visible 9 B, type_replaced 6 B in 2
    ");
}

#[test]
fn a_link_takes_a_directorys_place() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /usr
          dir /usr/lib
          file /usr/lib/b "two"
          dir /lib
          file /lib/a "one"
        layer "above"
          link /lib usr/lib
        "#, Podman), @"
    /lib symlink 7 0000 0:0 -> usr/lib
    /usr dir 0 0755 0:0
    /usr/lib dir 0 0755 0:0
    /usr/lib/b file 3 0644 0:0
    visible 3 B, type_replaced 3 B in 1
    ");
}

#[test]
fn a_layer_that_writes_below_a_link_makes_a_directory_of_it() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /usr
          dir /usr/lib
          file /usr/lib/a "one"
          link /lib usr/lib
        layer "above"
          dir /lib
          file /lib/b "two"
        "#, Podman), @"
    /lib dir 0 0755 0:0
    /lib/b file 3 0644 0:0
    /usr dir 0 0755 0:0
    /usr/lib dir 0 0755 0:0
    /usr/lib/a file 3 0644 0:0
    visible 6 B
    ");
}

#[test]
fn a_directory_over_a_directory_merges() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d 755
          file /d/a "one"
        layer "above"
          dir /d 700 owner=7:8
          file /d/b "two"
        "#, Podman), @"
    /d dir 0 0700 7:8
    /d/a file 3 0644 0:0
    /d/b file 3 0644 0:0
    visible 6 B
    ");
}

#[test]
fn copies_are_told_by_what_changed() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /same "aaaaa"
          file /mode "bbbb"
          file /owner "ccc"
          file /xattr "dd"
          file /content "e"
          file /empty
        layer "above"
          file /same "aaaaa" mtime=5
          file /mode 600 "bbbb"
          file /owner "ccc" owner=1:2
          file /xattr "dd" xattr.user.k="v"
          file /content "f"
          file /empty
        "#, Podman), @"
    /content file 1 0644 0:0
    /empty file 0 0644 0:0
    /mode file 4 0600 0:0
    /owner file 3 0644 1:2
    /same file 5 0644 0:0
    /xattr file 2 0644 0:0
    visible 15 B, content_replaced 1 B in 1, metadata_only 9 B in 3, unchanged_copy 5 B in 2
    ");
}

#[test]
fn markers_of_aufs_are_no_files() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          dir /.wh..wh.plnk 700
          file /.wh..wh.plnk/1.2 "linked"
          file /.wh..wh.aufs ""
          dir /.wh..wh.orph 700
          file /a "one"
        "#, Nobody("podman leaves the folder /.wh..wh.plnk empty")), @"
    /.wh..wh.plnk dir 0 0755 0:0
    /.wh..wh.plnk/1.2 file 6 0644 0:0
    /a file 3 0644 0:0
    visible 9 B
    ");
}

#[test]
fn whiteouts_of_no_name_hide_nothing() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d
          file /d/a "one"
        layer "above"
          file /d/.wh. ""
          file /d/.wh.. ""
          file /d/.wh... ""
        "#, Nobody("podman refuses the image")), @"
    /d dir 0 0755 0:0
    /d/a file 3 0644 0:0
    visible 3 B
    ");
}

#[test]
fn overlays_own_forms_are_markers() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d
          file /d/a "one"
          file /b "two"
        layer "above"
          dir /d 755 xattr.trusted.overlay.opaque="y"
          file /d/c "three"
          char /b 0 0:0
        "#, Nobody("overlay takes them for its own, vfs does not")), @"
    /d dir 0 0755 0:0
    /d/c file 5 0644 0:0
    visible 5 B, deleted 3 B in 1, opaque 3 B in 1
    ");
}

#[test]
fn a_path_twice_in_one_layer_is_its_last() {
    insta::assert_snapshot!(stacked(r#"
        layer "only"
          file /a "first"
          file /a "last!!"
          dir /d
          file /d/x "gone"
          file /d "a file"
        "#, Nobody("podman refuses a path twice")), @"
    /a file 6 0644 0:0
    /d file 6 0644 0:0
    visible 12 B, same_layer 9 B in 2
    ");
}

#[test]
fn a_deleted_file_may_come_back() {
    insta::assert_snapshot!(stacked(r#"
        layer "one"
          file /a "one"
        layer "two"
          whiteout /a
        layer "three"
          file /a "one"
        layer "four"
          file /a "four"
        "#, Podman), @"
    /a file 4 0644 0:0
    visible 4 B, content_replaced 3 B in 1, deleted 3 B in 1
    ");
}

#[test]
fn devices_and_pipes_stay() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /dev
          char /dev/null 666 1:3
          block /dev/disk 660 8:1
          fifo /dev/pipe 600
          file /dev/file "data"
        layer "above"
          char /dev/file 600 1:5
        "#, Podman), @"
    /dev dir 0 0755 0:0
    /dev/disk block 0 0660 0:0
    /dev/file char 0 0600 0:0
    /dev/null char 0 0666 0:0
    /dev/pipe fifo 0 0600 0:0
    visible 0 B, type_replaced 4 B in 1
    ");
}
