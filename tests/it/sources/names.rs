//! What a person types.

use layerscope::model::ImageRef;
use layerscope::source::locate;

use super::{app, error, typed};
use crate::support::{Layout, Sandbox};

#[test]
fn paths_are_told_from_names() {
    let sandbox = Sandbox::new();
    let layout = Layout::of(&[app("x:1")]);
    layout.write_dir(&sandbox.path("lay:out"));
    sandbox.write("a.tar.gz", "");
    let at = |text: &str| {
        locate(&format!("{}/{text}", sandbox.path("").display())).map_err(|e| sandbox.filter(&e.to_string()))
    };
    let printed = |text: &str| at(text).map(|reference| sandbox.filter(&reference.to_string()).replace("//", "/"));
    assert_eq!(printed("lay:out"), Ok("oci:[DIR]/lay:out".into()));
    assert_eq!(printed("lay:out:tag"), Ok("oci:[DIR]/lay:out:tag".into()));
    assert_eq!(printed("a.tar.gz:x/y:1"), Ok("[DIR]/a.tar.gz:x/y:1".into()));
    let digest = format!("@sha256:{}", "0".repeat(64));
    assert_eq!(printed(&format!("a.tar.gz{digest}")), Ok(format!("[DIR]/a.tar.gz{digest}")));
    for name in ["python:3.11", "a/b", "localhost:5000/a.tar/b", "docker://x", "x.tar.gz.example.org/a:b"] {
        assert!(matches!(locate(name), Ok(ImageRef::Registry(_))), "{name}");
    }
    assert!(matches!(locate("-"), Ok(ImageRef::Stdin)));
    assert!(matches!(locate("docker-archive:/nowhere/x.tar:y"), Ok(ImageRef::Archive { .. })));
}

#[test]
fn paths_that_lead_nowhere_are_no_names() {
    let sandbox = Sandbox::new();
    sandbox.write("folder/file", "");
    insta::assert_snapshot!(error(&sandbox, "nowhere.tar"), @"nowhere.tar: no such file or folder");
    insta::assert_snapshot!(error(&sandbox, "./nowhere:tag"), @"./nowhere:tag: no such file or folder");
    insta::assert_snapshot!(error(&sandbox, "../nowhere.tar.gz:x:1"), @"../nowhere.tar.gz:x:1: no such file or folder");
    insta::assert_snapshot!(error(&sandbox, typed("", &sandbox.path("folder"), "")), @"[DIR]/folder is no image: expected a folder with `oci-layout` in it, or a .tar of an image");
    insta::assert_snapshot!(error(&sandbox, typed("", &sandbox.path("folder/file"), ":x")), @"[DIR]/folder/file:x: no such file or folder");
    insta::assert_snapshot!(error(&sandbox, typed("oci-archive:", &sandbox.path("none.tar"), "")), @"cannot read [DIR]/none.tar: No such file or directory (os error 2)");
}

#[test]
fn a_folder_named_as_a_scheme_is_none() {
    let sandbox = Sandbox::new();
    Layout::of(&[app("x:1")]).write_dir(&sandbox.path("oci"));
    for name in ["oci:oci", "oci:oci:1", "oci"] {
        sandbox.ok(["inspect", name]);
    }
}
