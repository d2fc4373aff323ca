//! Entries of each type in the place of each other, and what a marker does not reach.

use super::Beside::Podman;
use super::stacked;

#[test]
fn each_type_takes_the_place_of_each_other() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /dir-dir
          file /dir-dir/old "1"
          dir /dir-file
          file /dir-file/old "22"
          dir /dir-link
          file /dir-link/old "333"
          file /file-dir "4444"
          file /file-file "55555"
          file /file-link "666666"
          link /link-dir dir-dir
          link /link-file dir-dir
          link /link-link dir-dir
        layer "above"
          dir /dir-dir
          file /dir-file "new"
          link /dir-link dir-dir
          dir /file-dir
          file /file-dir/new "new"
          file /file-file "new"
          link /file-link dir-dir
          dir /link-dir
          file /link-dir/new "new"
          file /link-file "new"
          link /link-link /
        "#, Podman), @"
    /dir-dir dir 0 0755 0:0
    /dir-dir/old file 1 0644 0:0
    /dir-file file 3 0644 0:0
    /dir-link symlink 7 0000 0:0 -> dir-dir
    /file-dir dir 0 0755 0:0
    /file-dir/new file 3 0644 0:0
    /file-file file 3 0644 0:0
    /file-link symlink 7 0000 0:0 -> dir-dir
    /link-dir dir 0 0755 0:0
    /link-dir/new file 3 0644 0:0
    /link-file file 3 0644 0:0
    /link-link symlink 1 0000 0:0 -> /
    visible 16 B, content_replaced 5 B in 1, type_replaced 15 B in 4
    ");
}

#[test]
fn a_whiteout_of_a_link_leaves_what_it_points_at() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /usr
          file /usr/a "one"
          link /folder usr
          link /file usr/a
        layer "above"
          whiteout /folder
          whiteout /file
        "#, Podman), @"
    /usr dir 0 0755 0:0
    /usr/a file 3 0644 0:0
    visible 3 B
    ");
}

#[test]
fn markers_reach_through_no_link() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /usr
          file /usr/a "one"
          link /lib usr
        layer "above"
          dir /lib
          whiteout /lib/a
          opaque /lib
        "#, Podman), @"
    /lib dir 0 0755 0:0
    /usr dir 0 0755 0:0
    /usr/a file 3 0644 0:0
    visible 3 B
    ");
}

#[test]
fn an_opaque_root_hides_all_layers_below() {
    insta::assert_snapshot!(stacked(r#"
        layer "one"
          file /a "one"
          dir /d
          file /d/a "two"
        layer "two"
          file /d/b "three"
        layer "three"
          opaque /
          file /c "four"
        "#, Podman), @"
    /c file 4 0644 0:0
    visible 4 B, opaque 11 B in 3
    ");
}

#[test]
fn a_folder_that_is_removed_and_made_anew_is_new() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          dir /d 755 owner=1:1
          file /d/old "old"
          dir /d/e
          file /d/e/old "old"
        layer "above"
          whiteout /d
          dir /d 700
          dir /d/e 711
          file /d/e/new "new"
        "#, Podman), @"
    /d dir 0 0700 0:0
    /d/e dir 0 0711 0:0
    /d/e/new file 3 0644 0:0
    visible 3 B, deleted 6 B in 2
    ");
}

#[test]
fn modes_keep_their_high_bits() {
    insta::assert_snapshot!(stacked(r#"
        layer "below"
          file /suid 4755 "x"
          file /sgid 2755 "x"
          dir /tmp 1777
        layer "above"
          file /suid 755 "x"
          dir /tmp 3777
        "#, Podman), @"
    /sgid file 1 2755 0:0
    /suid file 1 0755 0:0
    /tmp dir 0 3777 0:0
    visible 2 B, metadata_only 1 B in 1
    ");
}
