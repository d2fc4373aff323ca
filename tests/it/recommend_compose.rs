//! `recommend --compose`: each service, what their images share, and what they would on one base.

use serde_json::{Value, json};

use crate::recommend::BASES;
use crate::support::{Layout, Sandbox, images};

/// Applications on bases that are under their own names, as a layout that was copied from a registry has them.
const IMAGES: &str = r#"
image shop/web:1 linux/amd64
from tool:1
layer "COPY web /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.34"
  file /app/data size=10k
entrypoint ["/app/run"]
image shop/jobs:1 linux/amd64
from tool:1-slim
layer "COPY jobs /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"
  file /app/data size=20k seed=7
entrypoint ["/app/run"]
image shop/linked:1 linux/amd64
from tool:1
layer "COPY linked /app"
  file /app/run 755 elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libextra.so.1,libc.so.6"
entrypoint ["/app/run"]
image shop/static:1 linux/amd64
layer "COPY static /"
  file /static 755 "x"
entrypoint ["/static"]
"#;

/// A folder `shop` with a layout `images` of all of them, and a compose file.
struct Shop {
    sandbox: Sandbox,
}

impl Shop {
    fn new(compose: &str) -> Self {
        let sandbox = Sandbox::new();
        let mut layout = Layout::default();
        for image in images(&format!("{BASES}{IMAGES}")) {
            let manifest = layout.put_image(&image);
            layout.tag(&image.name, manifest);
        }
        layout.write_dir(&sandbox.path("shop/images"));
        sandbox.write("shop/compose.yaml", compose);
        Self { sandbox }
    }

    fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["recommend", "--offline", "--compose", "shop/compose.yaml"], more].concat()
    }

    fn table(&self, more: &[&str]) -> String {
        self.sandbox.ok(Self::args(more))
    }

    fn json(&self, more: &[&str]) -> Value {
        self.sandbox.layerscope(Self::args(&[&["--format", "json"], more].concat())).run().json()
    }

    fn fails(&self, more: &[&str]) -> String {
        self.sandbox.fails(Self::args(more))
    }
}

fn bytes(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number of bytes"))
}

/// What must hold of every document: sharing never costs, and the advice is the least of the three.
#[track_caller]
fn is_consistent(document: &Value) {
    let all = [&document["now"], &document["each_best"], &document["one_base"]];
    for shared in all.into_iter().filter(|shared| !shared.is_null()) {
        assert!(bytes(&shared["pull_bytes"]) <= bytes(&shared["stored_bytes"]), "{shared:#}");
        let saved = bytes(&document["now"]["pull_bytes"]) as i64 - bytes(&shared["pull_bytes"]) as i64;
        assert_eq!(shared["saved"]["pull_bytes"], json!(saved));
        let least = &document[document["recommended"].as_str().unwrap()]["pull_bytes"];
        assert!(bytes(least) <= bytes(&shared["pull_bytes"]), "{document:#}");
    }
    assert!(document["one_base"].is_null() || document["one_base"]["saved"]["pull_bytes"].as_i64() >= Some(0));
}

const TWO: &str = "
services:
  web: {image: 'oci:shop/images:shop/web:1'}
  jobs: {image: 'oci:shop/images:shop/jobs:1'}
";

#[test]
fn two_services_come_together_on_the_slim_base() {
    let shop = Shop::new(TWO);
    insta::assert_snapshot!(shop.table(&[]), @"
    shop/compose.yaml
    service  base                           stored  best alone                  verdict   stored
    jobs     oci:shop/images:tool:1-slim   21.4 kB  -                           -              -       -
    web      oci:shop/images:tool:1       216.3 kB  oci:shop/images:tool:1-sli  works    11.2 kB  -94.8%
                                                    m

    Together
    → all on oci:shop/images:tool:1-slim
    2 images; 1.3 kB of equal files are in more than one
    cold start: docker over office (100 Mbit/s, 20 ms), with the numbers that ship
                    sum  pull of all          shared  layers  pull time          saved
    now        237.8 kB     237.8 kB             0 B       0     0.48 s
    each best   32.6 kB      32.1 kB  -86.5%   549 B       1     0.43 s  no difference
    one base    32.6 kB      32.1 kB  -86.5%   549 B       1     0.43 s  no difference

    One base: oci:shop/images:tool:1-slim
    jobs  works  stands on it
    web   works  moves to it
    ");
    let document = shop.json(&[]);
    is_consistent(&document);
    assert_eq!(document["recommended"], "one_base");
    let one = &document["one_base"];
    assert_eq!((&one["shared_layers"], &document["now"]["shared_layers"]), (&json!(1), &json!(0)));
    let on: Vec<_> = one["services"].as_array().unwrap().iter().map(|on| (&on["service"], &on["already"])).collect();
    assert_eq!(on, [(&json!("jobs"), &json!(true)), (&json!("web"), &json!(false))]);
}

#[test]
fn what_one_alone_would_gain_may_cost_all_more() {
    let shop = Shop::new(
        "
services:
  web: {image: 'oci:shop/images:shop/web:1'}
  linked: {image: 'oci:shop/images:shop/linked:1'}
",
    );
    let document = shop.json(&[]);
    is_consistent(&document);
    assert_eq!(document["recommended"], "now", "{document:#}");
    let best = &document["services"][1]["recommend"]["recommended"];
    assert!(best.as_str().unwrap().ends_with("tool:1-slim"), "alone it would: {best}");
    assert!(document["each_best"]["saved"]["pull_bytes"].as_i64() < Some(0));
}

#[test]
fn what_can_t_be_had_is_told_and_the_others_are_looked_at() {
    let shop = Shop::new(
        "
services:
  web: {image: 'oci:shop/images:shop/web:1', build: web}
  again: {image: 'oci:shop/images:shop/web:1', build: web}
  gone: {image: 'oci:shop/images:gone:1'}
  pipe: {image: '-'}
  zero: {image: 'docker-archive:/dev/zero'}
  far: {build: 'https://example.com/x.git'}
  none: {command: x}
  odd: {image: 'oci:shop/images:shop/web:1', platform: nonsense}
  debug: {image: 'oci:shop/images:shop/jobs:1', profiles: [debug]}
  static: {image: 'oci:shop/images:shop/static:1'}
",
    );
    shop.sandbox.write("shop/web/Dockerfile", "FROM scratch\nCOPY x /x\n");
    insta::assert_snapshot!(shop.table(&[]), @r#"
    shop/compose.yaml
    again: build: shop/web/Dockerfile: the stage is built from scratch: there is no base to make slimmer; choose another stage with --target
    web: build: shop/web/Dockerfile: the stage is built from scratch: there is no base to make slimmer; choose another stage with --target

    service  base                      stored  best alone                   verdict   stored
    again    oci:shop/images:tool:1  216.3 kB  oci:shop/images:tool:1-slim  works    11.2 kB  -94.8%
    static   not known                   95 B  -                            -              -       -
    web      oci:shop/images:tool:1  216.3 kB  oci:shop/images:tool:1-slim  works    11.2 kB  -94.8%

    Together
    → each on the base that is best for it alone
    2 images; 0 B of equal files are in more than one
    cold start: docker over office (100 Mbit/s, 20 ms), with the numbers that ship
                    sum  pull of all          shared  layers  pull time          saved
    now        216.4 kB     216.4 kB             0 B       0     0.50 s
    each best   11.3 kB      11.3 kB  -94.8%     0 B       0     0.43 s  no difference

    Not looked at
    far    build: https://example.com/x.git is not here: it is fetched by the builder
    gone   shop/images has no image gone:1; it has: shop/jobs:1, shop/linked:1, shop/static:1,
           shop/web:1, tool:1, tool:1-slim
    none   it has neither image: nor build:
    odd    platform: "nonsense" is no platform: expected os/architecture or os/architecture/variant,
           such as linux/arm64/v8
    pipe   image: - is no image of a service
    zero   image: /dev/zero is no regular file
    debug  its profile was not chosen
    "#);
    let names = |document: &Value, key: &str| {
        let all = document[key].as_array().unwrap().iter();
        all.map(|one| one["service"].as_str().or(one["name"].as_str()).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let document = shop.json(&[]);
    is_consistent(&document);
    assert_eq!(names(&document, "services"), ["again", "static", "web"]);
    assert_eq!(document["now"]["images"], 2);
    assert_eq!(document["left_out"], json!(["debug"]));
    let more = shop.json(&["--compose-profile", "debug"]);
    assert_eq!(names(&more, "services"), ["again", "debug", "static", "web"]);
    is_consistent(&more);
    let run = shop.sandbox.layerscope(Shop::args(&["--format", "json"])).env("COMPOSE_PROFILES", "other, debug").run();
    assert_eq!(run.json()["left_out"], json!([]));
}

#[test]
fn one_service_shares_with_none() {
    let shop =
        Shop::new("services: {a: {image: 'oci:shop/images:shop/web:1'}, b: {image: 'oci:shop/images:shop/web:1'}}");
    let document = shop.json(&[]);
    is_consistent(&document);
    assert_eq!((&document["now"]["images"], &document["now"]["shared_layers"]), (&json!(1), &json!(0)));
    assert_eq!((&document["one_base"], &document["recommended"]), (&Value::Null, &json!("each_best")));
}

#[test]
fn what_a_service_starts_is_looked_for_on_the_base() {
    let image = format!("image: 'oci:{}/fixtures/workshop:python:3.7'", env!("CARGO_MANIFEST_DIR"));
    let on_slim = |services: &str| {
        let document = Shop::new(&format!("services:\n{}", services.replace("IMAGE", &image))).json(&[]);
        assert_eq!(document["now"]["images"], 1);
        let candidates = document["services"][0]["recommend"]["candidates"].as_array().unwrap().iter();
        let mut slim =
            candidates.filter(|one| one["reference"].as_str().is_some_and(|name| name.ends_with("3.7-slim")));
        slim.next().unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    // The base alone, of which nobody knows what is to run there.
    assert_eq!(on_slim("  a: {IMAGE}"), "undecided");
    assert_eq!(on_slim("  a: {IMAGE, command: python -m http.server}"), "works");
    assert_eq!(on_slim("  a: {IMAGE, entrypoint: [/usr/bin/curl], command: [--version]}"), "breaks");
    // Of services with one image, however they name it, all have to run.
    assert_eq!(
        on_slim("  a: {IMAGE, command: [python]}\n  b: {IMAGE, platform: linux/amd64, command: curl}"),
        "breaks"
    );
}

#[test]
fn none_to_be_had_is_an_error() {
    let shop = Shop::new("services: {a: {image: 'oci:shop/images:gone'}, b: {image: 'UPPER'}}");
    let said = shop.fails(&[]);
    assert!(said.contains("a: ") && said.contains("b: ") && said.contains("lower case"), "{said}");
    let debug = Shop::new("services: {a: {image: x, profiles: [p]}}").fails(&[]);
    assert!(debug.contains("--compose-profile"), "{debug}");
    let many: String = (0..65).map(|n| format!("  s{n}: {{image: x}}\n")).collect();
    assert!(Shop::new(&format!("services:\n{many}")).fails(&[]).contains("at most 64"));
    let circle = Shop::new("services: {a: {extends: {file: compose.yaml, service: a}}}").fails(&[]);
    assert!(circle.contains("circle"), "{circle}");
    let folder = Shop::new("services: {a: {extends: {file: images, service: a}}}").fails(&[]);
    assert!(folder.contains("shop/images: this is no file"), "{folder}");
}

/// Services that are built: one of an image that is there, one of which only the Dockerfile is.
const BUILT: &str = "
services:
  web:
    extends: {file: common/base.yaml, service: web}
    image: oci:shop/images:shop/web:${TAG}
  jobs:
    image: oci:shop/images:not/built:1
    build:
      context: jobs
      args: {BASE: 'oci:shop/images:tool:1'}
";

#[test]
fn dockerfiles_are_changed_by_one_patch() {
    let shop = Shop::new(BUILT);
    shop.sandbox.write("shop/.env", "TAG=1\n");
    shop.sandbox.write("shop/common/base.yaml", "services: {web: {build: {context: ../web, target: run}}}");
    shop.sandbox.write("shop/web/Dockerfile", "FROM tool:1 AS run\nCOPY . /app\nENTRYPOINT [\"/app/run\"]\nFROM run\n");
    shop.sandbox.write("shop/jobs/Dockerfile", "ARG BASE\nFROM ${BASE}\nCMD [\"/bin/sh\"]\n");
    let document = shop.json(&[]);
    is_consistent(&document);
    let services = document["services"].as_array().unwrap();
    assert_eq!(services[0]["dockerfile"], "shop/jobs/Dockerfile");
    assert_eq!(services[0]["recommend"]["built"], false);
    assert!(services[0]["notes"][0].as_str().unwrap().contains("of its Dockerfile"), "{:#}", services[0]["notes"]);
    assert_eq!(services[1]["dockerfile"], "shop/web/Dockerfile");
    assert_eq!(services[1]["recommend"]["built"], true);
    insta::assert_snapshot!(shop.table(&["--patch"]), @r#"
    --- a/shop/jobs/Dockerfile
    +++ b/shop/jobs/Dockerfile
    @@ -1,3 +1,3 @@
     ARG BASE
    -FROM ${BASE}
    +FROM tool:1-slim
     CMD ["/bin/sh"]
    --- a/shop/web/Dockerfile
    +++ b/shop/web/Dockerfile
    @@ -1,4 +1,4 @@
    -FROM tool:1 AS run
    +FROM tool:1-slim AS run
     COPY . /app
     ENTRYPOINT ["/app/run"]
     FROM run
    "#);
    assert_eq!(shop.table(&["--write"]), "");
    let written = |name: &str| std::fs::read_to_string(shop.sandbox.path(name)).unwrap();
    assert_eq!(written("shop/jobs/Dockerfile"), "ARG BASE\nFROM tool:1-slim\nCMD [\"/bin/sh\"]\n");
    assert!(written("shop/web/Dockerfile").starts_with("FROM tool:1-slim AS run\nCOPY . /app\n"));
    let said = Shop::new(TWO).fails(&["--patch"]);
    assert!(said.contains("no Dockerfile"), "{said}");
}
