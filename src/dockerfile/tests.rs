//! Dockerfiles as people write them.

use proptest::prelude::*;

use super::*;
use crate::model::{Healthcheck, RuntimeConfig};

/// The workshop's.
pub(super) const WORKSHOP: &str = "\
# Use an official Python runtime as a parent image
FROM python:3.7

# Set the working directory to /app
WORKDIR /app

# Copy the current directory contents into the container at /app
ADD . /app

# Install any needed packages specified in requirements.txt
RUN pip install --trusted-host pypi.python.org -r requirements.txt

# Make port 80 available to the world outside this container
EXPOSE 5000

LABEL maintainer=\"workshop\" version=1.0

# Define environment variable
ENV NAME World

# Run app.py when the container launches
ENTRYPOINT [\"python\", \"app.py\"]
";

const STAGES: &str = r#"# syntax=docker/dockerfile:1
ARG GO=1.22
ARG REGISTRY=docker.io/library
ARG BASE=${REGISTRY}/debian:bookworm-slim

FROM --platform=$BUILDPLATFORM ${REGISTRY}/golang:${GO:-1.21} AS Build
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/root/.cache \
    # the cache stays
    go mod download \

    && go build -o /out/app .

FROM build as test
RUN ["go", "test", "it's"]

FROM $BASE
COPY --from=build /out/app /usr/bin/app
COPY --from=0 /out/app /x
COPY --from=nginx:1.25 /etc/nginx /etc/nginx
USER 1000:1000
CMD app --port $PORT
"#;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn error(text: &str) -> String {
    Dockerfile::parse(text).expect_err(text).to_string()
}

fn args(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).into()).collect()
}

#[test]
fn the_workshops_file() {
    let file = parse(WORKSHOP);
    let stage = file.target(None).expect("one stage");
    assert_eq!((stage.index, stage.from.line, stage.image.as_str()), (0, 2, "python:3.7"));
    assert_eq!(&WORKSHOP[stage.image_span.clone()], "python:3.7");
    assert_eq!(&WORKSHOP[stage.from.span.clone()], "FROM python:3.7");
    assert_eq!(file.chain(0), Ok((vec![0], Base::Image("python:3.7".into()))));
    let commands = file.build_commands(0).expect("commands");
    assert_eq!(commands, ["pip install --trusted-host pypi.python.org -r requirements.txt"]);
    let base = RuntimeConfig {
        env: words(&["PATH=/usr/bin", "NAME=nobody"]),
        cmd: Some(words(&["python3"])),
        working_dir: "/".into(),
        ..RuntimeConfig::default()
    };
    let made = file.runs_with(0, &base).expect("a config");
    assert_eq!(made.env, ["PATH=/usr/bin", "NAME=World"]);
    assert_eq!((made.cmd, made.entrypoint), (None, Some(words(&["python", "app.py"]))));
    assert_eq!((made.working_dir.as_str(), made.labels["version"].as_str()), ("/app", "1.0"));
    assert_eq!(made.labels["maintainer"], "workshop");
    assert!(made.exposed_ports.contains_key("5000/tcp"));
}

#[test]
fn stages_and_what_they_are_built_on() {
    let file = parse(STAGES);
    assert_eq!(file.globals().len(), 3);
    assert_eq!(file.base(0), Ok(Base::Image("docker.io/library/golang:1.22".into())));
    assert_eq!(file.base(1), Ok(Base::Stage(0)));
    assert_eq!(file.base(2), Ok(Base::Image("docker.io/library/debian:bookworm-slim".into())));
    assert_eq!(file.chain(1), Ok((vec![1, 0], Base::Image("docker.io/library/golang:1.22".into()))));
    assert_eq!(file.stages()[0].platform.as_deref(), Some("$BUILDPLATFORM"));
    let place = |name| file.target(Some(name)).map(|stage| stage.index);
    assert_eq!((place("build"), place("TEST"), place("2")), (Ok(0), Ok(1), Ok(2)));
    assert_eq!(place("x").expect_err("none").to_string(), r#"there is no stage "x": the stages are Build, test, 2"#);
    let copied = [Base::Stage(0), Base::Stage(0), Base::Image("nginx:1.25".into())];
    assert_eq!(file.copies_from(2).as_deref(), Ok(copied.as_slice()));
    let images: Vec<_> =
        file.external().into_iter().map(|(stage, image)| (stage.index, image.expect("known"))).collect();
    assert_eq!(images.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(
        file.build_commands(1).expect("commands"),
        ["go mod download     && go build -o /out/app .", r"go test 'it'\''s'"]
    );
    let given = file.with_args(args(&[("GO", "1.23"), ("BASE", "scratch")]));
    assert_eq!(given.base(0), Ok(Base::Image("docker.io/library/golang:1.23".into())));
    assert_eq!(given.base(2), Ok(Base::Scratch));
}

#[test]
fn what_only_a_build_knows_is_asked_for() {
    let file = parse("FROM alpine-$TARGETARCH\nARG TARGETARCH\nENV A=$TARGETARCH\n");
    assert_eq!(
        file.base(0).expect_err("unknown").to_string(),
        "line 1: TARGETARCH is only known in a build: give it with --build-arg TARGETARCH=VALUE"
    );
    let platform = "linux/arm64/v8".parse().expect("a platform");
    let file = file.with_platform(&platform);
    assert_eq!(file.base(0), Ok(Base::Image("alpine-arm64".into())));
    assert_eq!(file.runs_with(0, &RuntimeConfig::default()).expect("a config").env, ["A=arm64"]);
    for (text, said) in [
        (
            "ARG V\nFROM python:$V",
            r#"line 2: FROM python:$V is "python:", which names no image: give --build-arg V=VALUE"#,
        ),
        ("FROM ${V}", r#"line 1: FROM ${V} is "", which names no image: give --build-arg V=VALUE"#),
        (
            "ARG V=$TARGETOS\nFROM x$V",
            "line 1: TARGETOS is only known in a build: give it with --build-arg TARGETOS=VALUE",
        ),
        ("FROM ${TARGETOS}x", "line 1: TARGETOS is only known in a build: give it with --build-arg TARGETOS=VALUE"),
        ("FROM x${V:?}", "line 1: V is not set: "),
    ] {
        assert_eq!(parse(text).base(0).expect_err(text).to_string(), said);
    }
    let undeclared = parse("FROM x\nENV A=$TARGETARCH").runs_with(0, &RuntimeConfig::default());
    assert_eq!(undeclared.expect("a stage sees what it declares").env, ["A="]);
    assert_eq!(parse("ARG SUFFIX\nFROM python:3.7$SUFFIX").base(0), Ok(Base::Image("python:3.7".into())));
}

#[test]
fn a_config_is_made_as_a_build_makes_it() {
    let text = r#"
ARG G=global
FROM base AS one
ARG G
ARG D=default
ENV PATH=/opt/bin:$PATH A=1
ENV A=2 B=$A G=env
ARG G=hidden
ENV C=$G
CMD echo $A  \
  # not this
  two
WORKDIR /srv
WORKDIR app/../lib
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1
VOLUME ["/data", "/${D}"]
EXPOSE 53/UDP 8000-8001 $A
ONBUILD ENV LATE=$A
FROM one
ARG D
ENV SAW=$D
ENTRYPOINT exec thing
STOPSIGNAL SIG${SAW}
USER ${A}:${B:-x}
LABEL "a b"="c d" e=f\ g
"#;
    let base = RuntimeConfig {
        env: words(&["PATH=/bin"]),
        on_build: Some(words(&["ENV FIRST=1", "RUN x"])),
        cmd: Some(words(&["base"])),
        entrypoint: Some(words(&["base"])),
        ..RuntimeConfig::default()
    };
    let file = parse(text);
    let one = file.runs_with(0, &base).expect("a config");
    assert_eq!(one.cmd, Some(words(&["/bin/sh", "-c", "echo $A    two"])));
    assert_eq!(one.entrypoint, Some(words(&["base"])));
    assert_eq!(one.env, ["PATH=/opt/bin:/bin", "FIRST=1", "A=2", "B=1", "G=env", "C=env"]);
    assert_eq!(one.on_build, Some(words(&["ENV LATE=$A"])));
    let last = file.runs_with(1, &base).expect("a config");
    assert_eq!(last.env[6..], ["LATE=2", "SAW="]);
    assert_eq!((last.cmd, last.on_build), (None, None));
    assert_eq!(last.entrypoint, Some(words(&["/bin/bash", "-c", "exec thing"])));
    assert_eq!((last.working_dir.as_str(), last.user.as_str()), ("/srv/lib", "2:1"));
    assert_eq!(last.stop_signal.as_deref(), Some("SIG"));
    let test = words(&["CMD-SHELL", "curl -f http://localhost/ || exit 1"]);
    assert_eq!(last.healthcheck, Some(Healthcheck { test, ..Healthcheck::default() }));
    let keys = |map: &BTreeMap<String, serde_json::Value>| map.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&last.exposed_ports), "2/tcp 53/udp 8000/tcp 8001/tcp");
    assert_eq!(keys(&last.volumes), "/data /default");
    assert_eq!((last.labels["a b"].as_str(), last.labels["e"].as_str()), ("c d", "f g"));
}

#[test]
fn a_command_before_an_entrypoint_stays() {
    let made = |text| parse(text).runs_with(0, &RuntimeConfig { cmd: Some(words(&["b"])), ..Default::default() });
    assert_eq!(made("FROM x\nCMD [\"a\"]\nENTRYPOINT [\"e\"]").expect("config").cmd, Some(words(&["a"])));
    assert_eq!(made("FROM x\nENTRYPOINT [\"e\"]").expect("config").cmd, None);
    assert_eq!(made("FROM x\nHEALTHCHECK NONE").expect("config").healthcheck.expect("set").test, ["NONE"]);
}

#[test]
fn here_documents() {
    let text = "\
FROM x
RUN <<EOF
apt-get update
FROM not-a-stage
EOF
RUN python3 - <<-'PY' >/log && cat <<B
\timport this
\tPY
b
B
COPY <<one.txt <<two.txt /dir/
RUN no
one.txt
two
two.txt
RUN echo $((1<<2)) a<<b cat <<<word \"<<no\"
CMD [\"x\"]
";
    let file = parse(text);
    let steps = &file.stages()[0].steps;
    let shape: Vec<_> = steps.iter().map(|step| (step.place.line, step.place.end_line)).collect();
    assert_eq!(shape, [(2, 5), (6, 10), (11, 15), (16, 16), (17, 17)]);
    let commands = file.build_commands(0).expect("commands");
    assert_eq!(commands[0], "apt-get update\nFROM not-a-stage\n");
    assert_eq!(commands[1], "python3 - <<-'PY' >/log && cat <<B\nimport this\nPY\nb\nB");
    assert_eq!(commands[2], "echo $((1<<2)) a<<b cat <<<word \"<<no\"");
    let Instruction::Copy { sources, target, .. } = &steps[2].instruction else { panic!("{:?}", steps[2]) };
    assert_eq!((sources, target.as_str()), (&words(&["<<one.txt", "<<two.txt"]), "/dir/"));
    assert_eq!(error("FROM x\nRUN <<E\na\n"), "line 2: the here document <<E has no line E to end it");
}

#[test]
fn escapes_marks_and_line_ends() {
    let windows = "# escape=`\r\nFROM x\r\nRUN dir C:\\ `\r\n  /b\r\nRUN <<E\r\na\r\nE\r\nENV A=b`\r\n  C=d\r\n";
    let file = parse(windows);
    assert_eq!(file.build_commands(0).expect("commands"), ["dir C:\\   /b", "a\r\n"]);
    assert_eq!(file.runs_with(0, &RuntimeConfig::default()).expect("config").env, ["A=b", "C=d"]);
    let marked = "\u{feff}FROM y AS z\nCMD x";
    let file = parse(marked);
    assert_eq!(&marked[file.stages()[0].image_span.clone()], "y");
    assert_eq!(&marked[file.stages()[0].steps[0].place.span.clone()], "CMD x");
    let twice = parse("FROM x\nRUN a \\\\\nRUN b\\\n\\\n c\n").build_commands(0).expect("commands");
    assert_eq!(twice, ["a \\\\", "b c"]);
    let path = parse("FROM x\nENV A=C:\\\\\nENV B=1").runs_with(0, &RuntimeConfig::default());
    assert_eq!(path.expect("config").env, ["A=C:\\", "B=1"]);
    let odd = "from a as b\n  run\tx\n\n#c\nOnBuild copy . /x\nfrom B\nmaintainer me\n";
    assert_eq!(parse(odd).chain(1).expect("chain").0, [1, 0]);
}

#[test]
fn what_is_no_dockerfile_says_where() {
    for (text, line) in
        [("FROM x\nFOO bar\n", "line 2: "), ("RUN x\n", "line 1: "), ("", "line 1: "), ("FROM x\nENV A\n", "line 2: ")]
    {
        assert!(error(text).starts_with(line), "{}", error(text));
    }
    assert_eq!(error("FROM x\nENV A=1 B\n"), "line 2: expected NAME=VALUE, or NAME and a value");
}

#[test]
fn what_is_too_much_is_an_error() {
    let deep = format!("FROM x\nENV A={}", "${A:-".repeat(100_000));
    assert!(parse(&deep).runs_with(0, &RuntimeConfig::default()).is_err());
    let doubling = format!("FROM x\nENV A=xxxxxxxx\n{}", "ENV A=$A$A\n".repeat(40));
    assert!(parse(&doubling).runs_with(0, &RuntimeConfig::default()).is_err());
    let folders = format!("FROM x\n{}", "WORKDIR a\n".repeat(100_000));
    assert!(parse(&folders).runs_with(0, &RuntimeConfig::default()).is_err());
    let ports = format!("FROM x\n{}", "EXPOSE 1-65535\n".repeat(60_000));
    assert!(parse(&ports).runs_with(0, &RuntimeConfig::default()).is_err());
    assert!(error(&"FROM x\n".repeat(100_000)).contains("more than 500 stages"));
    assert!(error(&format!("{}FROM x\n", "ARG A\n".repeat(100_000))).contains("more than 5000 lines"));
    assert!(error(&"x".repeat(LONGEST + 1)).contains("at most"));
    let lines = format!("FROM x\nRUN a {}", "\\\n".repeat(LONGEST / 2 - 10));
    assert!(Dockerfile::parse(&lines).is_ok());
    let documents = format!("FROM x\nRUN {}\n", "<<A ".repeat(200_000));
    assert!(Dockerfile::parse(&documents).is_err());
}

/// Lines that make a Dockerfile, more or less.
pub(super) fn any_file() -> impl Strategy<Value = String> {
    let line = "(FROM python:3.7|FROM x AS a|FROM a|ARG A=1|ENV A=\\$A B|RUN apt-get update|RUN <<E|E|COPY <<E /x|RUN a \\\\|# c| b \\\\|CMD x|CMD \\[\"x\"\\]|WORKDIR \\$\\{A:-|ONBUILD RUN <<E|HEALTHCHECK CMD x|USER \"|\u{feff}|[ -~é]{0,12})";
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    prop::collection::vec((line, end), 0..12)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    #[test]
    fn nothing_panics(text in any_file(), base in "FROM a\n|") {
        if let Ok(file) = Dockerfile::parse(&format!("{base}{text}")) {
            for stage in file.stages() {
                let _ = (file.runs_with(stage.index, &RuntimeConfig::default()), file.build_commands(stage.index));
                let _ = (file.copies_from(stage.index), file.chain(stage.index));
                for step in &stage.steps {
                    assert!(!file.text()[step.place.span.clone()].is_empty());
                }
            }
        }
    }
}
