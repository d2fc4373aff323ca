//! The change of a Dockerfile: what it installs, what it builds apart, what it says, and how it is written.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Output, Sandbox, need};

/// A full base and a slim one of the same release, one of the next, and applications on the full one.
const IMAGES: &str = r##"
tree system
  file /bin/sh 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /usr/bin/apt-get 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 755 elf="soname=ld-linux-x86-64.so.2"
  link /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  file /lib/x86_64-linux-gnu/libc.so.6 755 elf="soname=libc.so.6 provides=GLIBC_2.34"
  file /usr/local/bin/python3.11 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 exports=PyModule_Create2"
  link /usr/local/bin/python3 python3.11
  file /usr/local/bin/pip 755 "#!/usr/local/bin/python3\n"
  file /usr/local/lib/python3.11/os.py "#\n"
  file /usr/local/lib/python3.11/ensurepip/__init__.py "#\n"
image py:1 linux/amd64
layer full
  include system
  file /etc/os-release "ID=debian\nVERSION_ID=\"12\"\n"
  file /lib/x86_64-linux-gnu/libextra.so.1 755 elf="soname=libextra.so.1"
  file /usr/bin/fetch 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /usr/bin/gcc 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /var/lib/dpkg/info/fetch.list "/usr/bin/fetch\n/usr/lib/fetcher/private/libextra.so.1\n"
  file /var/lib/dpkg/info/libextra1:amd64.list "/usr/lib/x86_64-linux-gnu/libextra.so.1\n"
  file /usr/share/doc/manual size=200k
image py:1-slim linux/amd64
layer slim
  include system
  file /etc/os-release "ID=debian\nVERSION_ID=\"12\"\n"
image next:2-slim linux/amd64
layer next
  include system
  file /etc/os-release "ID=debian\nVERSION_ID=\"13\"\n"
image app:plain linux/amd64
from py:1
layer "COPY app /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.34"
entrypoint ["/app/run"]
image app:linked linux/amd64
from py:1
layer "COPY app /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libextra.so.1,libc.so.6"
entrypoint ["/app/run"]
image app:wheels linux/amd64
from py:1
layer "RUN pip install ready"
  file /usr/local/lib/python3.11/site-packages/ready/_x.cpython-311-x86_64-linux-gnu.so 755 elf="needed=libc.so.6 undefined=PyModule_Create2"
  file /usr/local/lib/python3.11/site-packages/ready-1.0.dist-info/WHEEL "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\n"
  file /usr/local/lib/python3.11/site-packages/plain-1.0.egg-info/top_level.txt "plain\n"
  file /usr/lib/python3/dist-packages/apts-1.0.dist-info/WHEEL "Tag: cp311-cp311-linux_x86_64\n"
cmd ["python3"]
image app:compiled linux/amd64
from app:wheels
layer "RUN pip install made"
  file /usr/local/lib/python3.11/site-packages/made-2.0.dist-info/WHEEL "Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n"
  file /usr/local/lib/python3.11/site-packages/_old.cpython-311-x86_64-linux-gnu.so 755 elf="needed=libc.so.6 undefined=PyModule_Create2"
  file /usr/local/lib/python3.11/site-packages/Old-2.0.egg-info/top_level.txt "_old\n"
"##;

/// The images, and a Dockerfile.
struct Room {
    sandbox: Sandbox,
    layout: String,
}

impl Room {
    fn new(dockerfile: &str) -> Self {
        let sandbox = Sandbox::new();
        let layout = sandbox.oci(IMAGES);
        // Names with repositories, as a Dockerfile has them.
        let index = Path::new(layout.strip_prefix("oci:").unwrap()).join("index.json");
        let mut document: Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
        for image in document["manifests"].as_array_mut().unwrap() {
            let name = &mut image["annotations"]["org.opencontainers.image.ref.name"];
            let repository = match name.as_str().unwrap() {
                "1" | "1-slim" => "py",
                "2-slim" => "next",
                _ => "app",
            };
            *name = format!("{repository}:{}", name.as_str().unwrap()).into();
        }
        std::fs::write(index, document.to_string()).unwrap();
        sandbox.write("Dockerfile", dockerfile);
        Self { sandbox, layout }
    }

    fn recommend(&self, app: &str, more: &[&str]) -> Output {
        let (image, from) = (format!("{}:app:{app}", self.layout), format!("{}:py:1", self.layout));
        let args = ["recommend", "--offline", &image, "--from", &from, "--dockerfile", "Dockerfile"];
        self.sandbox.layerscope(args.iter().chain(more)).run()
    }

    fn candidate(&self, app: &str) -> (Value, Value) {
        let document = self.recommend(app, &["--format", "json"]).json();
        let all = document["candidates"].as_array().unwrap();
        let slim = all.iter().find(|one| one["reference"].as_str().unwrap().ends_with(":py:1-slim")).unwrap().clone();
        (document, slim)
    }

    /// What a run said on standard error, without the name of this layout.
    fn said(&self, run: &Output) -> String {
        run.stderr.replace(&self.sandbox.filter(&self.layout), "[LAYOUT]")
    }

    fn dockerfile(&self) -> String {
        std::fs::read_to_string(self.sandbox.path("Dockerfile")).unwrap()
    }
}

#[test]
fn a_library_that_a_package_has_is_installed_and_the_verdict_stays() {
    let room = Room::new("FROM py:1\nCOPY app /app\nENTRYPOINT [\"/app/run\"]\n");
    let (document, slim) = room.candidate("linked");
    assert_eq!((slim["verdict"].as_str(), slim["verdict_with_patch"].as_str()), (Some("breaks"), Some("works")));
    assert_eq!(document["recommended"], Value::Null);
    assert_eq!(document["worth_a_try"], slim["reference"]);
    let reason = &slim["reasons"][0];
    assert_eq!(reason["supplied_by"], "the package libextra1 of the old base", "{reason:#}");
    assert_eq!(reason["patch_installs"], serde_json::json!(["libextra1"]));

    let printed = room.recommend("linked", &["--patch"]);
    assert_snapshot!(room.said(&printed), @"
    WARN no slimmer base is known to work; this is the change to [LAYOUT]:py:1-slim: try it
    WARN breaks: the library libextra.so.1 is not there; the change installs libextra1
    ");
    assert_snapshot!(printed.ok(), @r#"
    --- a/Dockerfile
    +++ b/Dockerfile
    @@ -1,3 +1,4 @@
    -FROM py:1
    +FROM py:1-slim
    +RUN apt-get update && apt-get install -y --no-install-recommends libextra1 && rm -rf /var/lib/apt/lists/*
     COPY app /app
     ENTRYPOINT ["/app/run"]
    "#);

    let told = room.recommend("linked", &["--write"]).fails();
    assert!(told.contains("nothing is written") && told.contains("py:1-slim"), "{told}");
    assert!(room.dockerfile().starts_with("FROM py:1\nCOPY"));
}

#[test]
fn on_another_release_a_package_may_have_another_name() {
    let room = Room::new("FROM py:1\nCOPY app /app\n");
    let next = format!("{}:next:2-slim", room.layout);
    let document = room.recommend("linked", &["--format", "json", "--candidate", &next]).json();
    let all = document["candidates"].as_array().unwrap();
    let next = all.iter().find(|one| one["reference"].as_str().unwrap().ends_with("next:2-slim")).unwrap();
    assert_eq!(next["verdict_with_patch"], "breaks");
    assert!(!next["dockerfile_patch"].as_str().unwrap().contains("libextra1"), "{next:#}");
    let notes = next["dockerfile_notes"].as_array().unwrap();
    let look = notes.iter().find(|note| note["what"].as_str().unwrap().contains("libextra1")).unwrap();
    assert_eq!(look["look"], true);
}

#[test]
fn a_program_that_the_build_runs_is_installed_before_it() {
    let room = Room::new("FROM py:1\nRUN X=\"$(fetch \"$URL\")\" && echo \"$X\" >/x\nCOPY app /app\n");
    let printed = room.recommend("plain", &["--patch"]);
    assert_eq!(printed.stderr, "");
    assert_snapshot!(printed.ok(), @r#"
    --- a/Dockerfile
    +++ b/Dockerfile
    @@ -1,3 +1,4 @@
    -FROM py:1
    +FROM py:1-slim
    +RUN apt-get update && apt-get install -y --no-install-recommends fetch && rm -rf /var/lib/apt/lists/*
     RUN X="$(fetch "$URL")" && echo "$X" >/x
     COPY app /app
    "#);
}

#[test]
fn what_pip_compiled_is_built_apart_where_no_compiler_is() {
    let text = "FROM py:1\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCMD [\"python3\"]\n";
    let room = Room::new(text);
    let (_, wheels) = room.candidate("wheels");
    assert!(!wheels["dockerfile_patch"].as_str().unwrap().contains("AS build"), "{wheels:#}");
    let (_, slim) = room.candidate("compiled");
    assert_eq!(slim["verdict"], "works", "{slim:#}");
    let remark = slim["reasons"].as_array().unwrap().iter().find(|one| one["rule"] == "rebuild-compiler").unwrap();
    assert_eq!(remark["missing"], "made, old");
    let printed = room.recommend("compiled", &["--patch"]);
    assert_snapshot!(room.said(&printed), @"");
    assert_snapshot!(printed.ok(), @r#"
    --- a/Dockerfile
    +++ b/Dockerfile
    @@ -1,4 +1,11 @@
    -FROM py:1
    +FROM py:1 AS build
     COPY requirements.txt .
    +RUN python3 -m venv /opt/venv
    +ENV PATH=/opt/venv/bin:$PATH
     RUN pip install -r requirements.txt
    +
    +FROM py:1-slim
    +COPY requirements.txt .
    +COPY --from=build /opt/venv /opt/venv
    +ENV PATH=/opt/venv/bin:$PATH
     CMD ["python3"]
    "#);

    // Where that is not sure, a person has to look.
    let room = Room::new("FROM py:1\nRUN pip install -r requirements.txt && make\nCMD [\"python3\"]\n");
    assert_snapshot!(room.recommend("compiled", &["--patch"]).stderr, @"
    WARN line 2: build what pip installs in a stage on the old base; not done here: line 2 does more than install
    WARN line 2: pip compiles made, old, and the new base has no compiler: the build fails, or does without
    ");
}

#[test]
fn without_the_image_a_person_has_to_look_at_what_pip_compiles() {
    let room = Room::new("");
    let from = format!("FROM {}:py:1\nRUN pip install x\nCMD [\"python3\"]\n", room.layout);
    room.sandbox.write("Dockerfile", from);
    let args = ["recommend", "--offline", "--dockerfile", "Dockerfile"];
    let printed = room.sandbox.layerscope(args.iter().chain(&["--patch"])).run();
    assert_snapshot!(room.said(&printed), @"
    WARN no slimmer base is known to work; this is the change to [LAYOUT]:py:1-slim: try it
    WARN undecided: what building it brings is not known: pip install x
    WARN line 2: the new base has no compiler: a package that pip has to compile fails, or does without; the built image tells
    ");
    assert!(printed.ok().contains("+FROM py:1-slim"));
    let told = room.sandbox.fails(args.iter().chain(&["--write"]));
    assert!(told.contains("nothing is written"), "{told}");
}

/// Applies what `--patch` printed.
fn applied(room: &Room, patch: &[u8]) -> Option<()> {
    let program = need("patch")?;
    room.sandbox.write("p", patch);
    let mut command = Command::new(program);
    command.args(["--binary", "-s", "-p1", "-i", "p"]).current_dir(room.sandbox.path("")).stdin(Stdio::null());
    assert!(command.status().unwrap().success());
    Some(())
}

#[test]
fn what_is_written_is_what_the_patch_makes() {
    for end in ["\n", "\r\n"] {
        let text =
            "FROM py:1\n# why\nRUN pip install x \\\n  y\nRUN fetch z\nENTRYPOINT [\"/app/run\"]".replace('\n', end);
        let (one, other) = (Room::new(&text), Room::new(&text));
        if applied(&one, &one.recommend("plain", &["--patch"]).bytes).is_none() {
            return;
        }
        assert_eq!(other.recommend("plain", &["--write"]).ok(), "");
        assert_eq!(one.dockerfile(), other.dockerfile());
        assert!(
            one.dockerfile().starts_with(&format!("FROM py:1-slim{end}RUN apt-get update")),
            "{}",
            one.dockerfile()
        );
        assert_eq!(one.dockerfile().matches('\r').count(), if end == "\n" { 0 } else { 6 });
        // Once more there is nothing to do.
        let before = other.sandbox.path("Dockerfile").metadata().unwrap().modified().unwrap();
        let again = other.recommend("plain", &["--write"]);
        assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);
        assert_eq!(other.sandbox.path("Dockerfile").metadata().unwrap().modified().unwrap(), before);
        assert_eq!(other.recommend("plain", &["--patch"]).ok(), "");
    }
}

#[test]
fn a_link_stays_one_and_a_mode_stays_as_it_is() {
    for mode in [0o600, 0o666, 0o755] {
        let room = Room::new("FROM py:1\n");
        let real = room.sandbox.path("real/Dockerfile");
        std::fs::create_dir(room.sandbox.path("real")).unwrap();
        std::fs::rename(room.sandbox.path("Dockerfile"), &real).unwrap();
        std::fs::set_permissions(&real, PermissionsExt::from_mode(mode)).unwrap();
        symlink("real/Dockerfile", room.sandbox.path("Dockerfile")).unwrap();
        room.recommend("plain", &["--write"]).ok();
        assert!(room.sandbox.path("Dockerfile").symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "FROM py:1-slim\n");
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o7777, mode);
        let left: Vec<_> = std::fs::read_dir(room.sandbox.path("real")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn a_patch_goes_where_output_goes_and_a_change_nowhere_else() {
    let room = Room::new("FROM py:1\n");
    assert_eq!(room.recommend("plain", &["--patch", "-o", "p.diff"]).ok(), "");
    let patch = std::fs::read_to_string(room.sandbox.path("p.diff")).unwrap();
    assert_eq!(patch, room.recommend("plain", &["--patch"]).ok());
    assert!(patch.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n"), "{patch}");
    for more in [&["--write", "-o", "x"][..], &["--write", "--patch"]] {
        room.recommend("plain", more).fails();
    }
    assert_eq!(room.dockerfile(), "FROM py:1\n");
    // A path from the root is named from here, where the patch is applied.
    let (image, from) = (format!("{}:app:plain", room.layout), format!("{}:py:1", room.layout));
    let whole = room.sandbox.path("Dockerfile").canonicalize().unwrap();
    let args = ["recommend", "--offline", &image, "--from", &from, "--patch", "--dockerfile", whole.to_str().unwrap()];
    assert_eq!(room.sandbox.ok(args), patch);
}
