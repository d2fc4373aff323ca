//! Compose files as people write them, and as nobody should.

use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn parse(text: &str) -> Result<Compose, ComposeError> {
    Compose::parse(text, &environment(&[("TAG", "3.7"), ("HTTP_PROXY", "http://p")]))
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn a_shop_of_services() {
    let text = r#"
name: shop
x-base: &base
  platform: linux/amd64
  build: &build
    context: ./web
    args:
      VERSION: "${TAG}"
      DEBUG: true
      LEVEL: 3
      HTTP_PROXY:
      UNSET:
services:
  web:
    <<: *base
    image: shop/web:${TAG:-latest}
    ports: ["5000:5000"]
    environment: {PRICE: "$$5"}
  worker:
    <<: *base
    build:
      <<: *build
      target: worker
      dockerfile: docker/Dockerfile
      args: ["A=b=c", HTTP_PROXY, NOT_SET]
    profiles: [jobs]
  db:
    image: ${DB:-postgres:13}
    profiles: ["debug", "jobs"]
  inline:
    build:
      dockerfile_inline: |
        FROM python:${TAG}
        RUN echo $$HOME
volumes:
  data:
"#;
    let compose = parse(text).expect("a compose file");
    assert_eq!(compose.name.as_deref(), Some("shop"));
    let web = &compose.services["web"];
    assert_eq!((web.image.as_deref(), web.platform.as_deref()), (Some("shop/web:3.7"), Some("linux/amd64")));
    let args = |service: &str| compose.services[service].build.as_ref().expect("built").args.clone();
    let expected = [("DEBUG", "true"), ("HTTP_PROXY", "http://p"), ("LEVEL", "3"), ("VERSION", "3.7")];
    assert_eq!(args("web"), environment(&expected));
    assert_eq!(args("worker"), environment(&[("A", "b=c"), ("HTTP_PROXY", "http://p")]));
    let worker = compose.services["worker"].build.as_ref().expect("built");
    assert_eq!((worker.context.as_deref(), worker.target.as_deref()), (Some("./web"), Some("worker")));
    assert_eq!(compose.services["db"].image.as_deref(), Some("postgres:13"));
    let inline = compose.services["inline"].build.as_ref().and_then(|build| build.dockerfile_inline.as_deref());
    assert_eq!(inline, Some("FROM python:3.7\nRUN echo $HOME\n"));
    let names = |chosen: &[&str]| {
        let chosen: Vec<String> = chosen.iter().map(|name| (*name).into()).collect();
        compose.with_profiles(&chosen).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["inline", "web"]);
    assert_eq!(names(&["jobs"]), ["db", "inline", "web", "worker"]);
    assert_eq!(names(&["*"]).len(), 4);
}

#[test]
fn a_service_extends_another() {
    let text = "
services:
  a: {image: x, profiles: [p], entrypoint: [/run.sh], command: none, build: {context: ., args: {A: 1, B: 1}}}
  b: {extends: a, image: y, command: serve --name 'a b', build: {target: t, args: {B: 2}}}
  c: {extends: {service: b}, platform: linux/arm64, profiles: [p, q]}
  d: {extends: {service: z, file: other.yaml}, image: w}
";
    let services = parse(text).expect("a compose file").services;
    let c = &services["c"];
    let build = Build {
        context: Some(".".into()),
        target: Some("t".into()),
        args: environment(&[("A", "1"), ("B", "2")]),
        ..Build::default()
    };
    let expected = Service {
        image: Some("y".into()),
        build: Some(build),
        entrypoint: Some(vec!["/run.sh".into()]),
        command: Some(["serve", "--name", "a b"].map(String::from).to_vec()),
        platform: Some("linux/arm64".into()),
        profiles: vec!["p".into(), "q".into()],
        extends_file: None,
    };
    assert_eq!(c, &expected);
    assert_eq!(services["d"].extends_file, Some(("other.yaml".into(), "z".into())));
}

#[test]
fn errors_name_service_and_key() {
    let cases = [
        ("services: {web: {image: 3.7}}", r#"service "web": image is a number: expected text"#),
        ("services: {web: [1]}", r#"service "web": its value is a list: expected a map of its keys"#),
        ("services: {web: {build: [x]}}", r#"service "web": build is a list: expected a folder, or a map of its keys"#),
        ("services: {web: {build: {target: {}}}}", r#"service "web": build.target is a map: expected text"#),
        (
            "services: {web: {build: {args: [1]}}}",
            r#"service "web": build.args is a number: expected a map of names to values, or a list of NAME=value"#,
        ),
        ("services: {web: {profiles: x}}", r#"service "web": profiles is text: expected a list of texts"#),
        ("services: {web: {extends: {}}}", r#"service "web": extends.service is nothing: expected text"#),
        ("services: {web: {extends: b}}", r#"service "web": extends names "b", which is no service of this file"#),
        (
            "services: {a: {extends: b}, b: {extends: a}}",
            r#"service "a": extends goes in a circle, or over more than 32 services"#,
        ),
        ("a: 1", "the compose file has no services: expected services: and a name for each"),
        ("services: {}", "the compose file has no services: expected services: and a name for each"),
        ("", "the compose file has no services: expected services: and a name for each"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected);
    }
    let secret = error("services: {a: {image: 'x${NOT:?must be set}'}, b: hunter2");
    assert!(secret.starts_with("the compose file cannot be read: "), "{secret}");
    assert!(!secret.contains("hunter2"), "{secret}");
    assert!(error("services: {a: {image: 'x${NOT:?must be set}'}}").contains("NOT"), "the variable is named");
}

#[test]
fn bombs_end_in_an_error() {
    let laughs: String =
        (1..12).map(|n| format!("x{n}: &x{n} [{}]\n", vec![format!("*x{}", n - 1); 9].join(", "))).collect();
    let bombs = [
        format!("x0: &x0 lol\n{laughs}services: {{a: {{image: *x11}}}}"),
        "[".repeat(LONGEST),
        "{a: ".repeat(LONGEST / 4),
        "- ".repeat(LONGEST / 2),
        format!("x: &x {}\nservices: {{a: {{profiles: [{}]}}}}", "y".repeat(LONGEST / 2), "*x, ".repeat(40_000)),
        "a: &a {<<: *a}\nservices: {b: *a}\n".into(),
        format!("services:\n{}", "  a: {image: x}\n".repeat(60_000)),
        format!("services: {{a: {{image: '{}'}}}}", "${A:-".repeat(200_000)),
        "x".repeat(LONGEST + 1),
        format!(
            "services:\n  a: {{build: {{args: {{X: {}}}}}}}\n{}",
            "x".repeat(LONGEST / 2),
            (0..4000).map(|n| format!("  s{n}: {{extends: a}}\n")).collect::<String>()
        ),
    ];
    for bomb in bombs {
        let said = error(&bomb);
        assert!(said.len() < 2000, "{} bytes of error for {}", said.len(), &bomb[..40]);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "(services:|\n|  |a|: |\\$\\{A|:-|\\}|image|build|args|- |\\[|\\]|\\{|\\}|&a|\\*a|<<|'|\"|,|#|x){0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("services:\n  a:\n    {text}"));
    }
}
