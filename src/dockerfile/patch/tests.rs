//! Files before and after.

use insta::assert_snapshot;

use super::super::tests::WORKSHOP;
use super::*;

pub(super) const DEBIAN: Distro = Distro {
    manager: Some(Manager::Apt),
    has_shell: true,
    has_pip: true,
    has_compiler: true,
    is_root: true,
    libc: Libc::Glibc,
};
pub(super) const ALPINE: Distro = Distro { manager: Some(Manager::Apk), libc: Libc::Musl, ..DEBIAN };
pub(super) const UBI: Distro = Distro { manager: Some(Manager::Microdnf), ..DEBIAN };
pub(super) const BARE: Distro =
    Distro { manager: None, has_shell: false, has_pip: false, has_compiler: false, ..DEBIAN };

pub(super) fn to(base: &str, new: Distro) -> Change {
    let (digest, missing_packages, build_packages, compiled) = Default::default();
    let (base, same_release) = (base.into(), true);
    Change {
        base,
        digest,
        old: DEBIAN,
        new,
        same_release,
        missing_packages,
        build_packages,
        compiled,
        apart: Apart::No,
    }
}

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// The last stage, adapted, and the same once more.
pub(super) fn adapt(text: &str, change: &Change) -> Patched {
    let file = parse(text);
    let stage = file.target(None).expect("a stage").index;
    let patched = file.adapt(stage, change).expect("adapted");
    let again = parse(&patched.text);
    let last = again.target(None).expect("a stage").index;
    assert_eq!(again.adapt(last, change).expect("adapted again").text, patched.text, "not the same when done again");
    patched
}

/// The change as a patch without its head, and the notes below it.
fn shown(text: &str, change: &Change) -> String {
    let patched = adapt(text, change);
    let diff = unified_diff(text, &patched.text, "Dockerfile");
    let body: Vec<&str> = diff.lines().skip(3).collect();
    let notes: Vec<String> =
        patched.notes.iter().map(|note| format!("{} {:?}: {}", note.line, note.kind, note.what)).collect();
    format!("{}\n{}", body.join("\n"), notes.join("\n"))
}

#[test]
fn the_workshops_file() {
    assert_snapshot!(shown(WORKSHOP, &to("python:3.7-slim", DEBIAN)), @"
     # Use an official Python runtime as a parent image
    -FROM python:3.7
    +FROM python:3.7-slim
     
     # Set the working directory to /app
     WORKDIR /app
    @@ -8,7 +8,7 @@
     ADD . /app
     
     # Install any needed packages specified in requirements.txt
    -RUN pip install --trusted-host pypi.python.org -r requirements.txt
    +RUN pip install --no-cache-dir --trusted-host pypi.python.org -r requirements.txt
     
     # Make port 80 available to the world outside this container
     EXPOSE 5000
    2 Changed: python:3.7 becomes python:3.7-slim
    11 Changed: pip keeps no cache in the image
    ");
}

#[test]
fn the_workshops_file_in_two_stages() {
    let change =
        Change { apart: Apart::Venv, missing_packages: vec!["libpq5".into()], ..to("python:3.7-slim", DEBIAN) };
    assert_snapshot!(adapt(WORKSHOP, &change).text, @r#"
    # Use an official Python runtime as a parent image
    FROM python:3.7 AS build
    WORKDIR /app
    ADD . /app
    RUN python3 -m venv /opt/venv
    ENV PATH=/opt/venv/bin:$PATH
    RUN pip install --trusted-host pypi.python.org -r requirements.txt

    FROM python:3.7-slim
    RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && rm -rf /var/lib/apt/lists/*

    # Set the working directory to /app
    WORKDIR /app

    # Copy the current directory contents into the container at /app
    ADD . /app

    # Install any needed packages specified in requirements.txt
    COPY --from=build /opt/venv /opt/venv
    ENV PATH=/opt/venv/bin:$PATH

    # Make port 80 available to the world outside this container
    EXPOSE 5000

    LABEL maintainer="workshop" version=1.0

    # Define environment variable
    ENV NAME World

    # Run app.py when the container launches
    ENTRYPOINT ["python", "app.py"]
    "#);
}

#[test]
fn the_workshops_file_on_a_base_without_a_shell() {
    let text = WORKSHOP.replace("ENTRYPOINT [\"python\", \"app.py\"]", "CMD python3 app.py");
    let change = Change { apart: Apart::Folder, ..to("gcr.io/distroless/python3", BARE) };
    assert_snapshot!(shown(&text, &change), @r#"
     # Use an official Python runtime as a parent image
    -FROM python:3.7
    +FROM python:3.7 AS build
    +WORKDIR /app
    +ADD . /app
    +RUN pip install --target=/opt/packages --trusted-host pypi.python.org -r requirements.txt
    +
    +FROM gcr.io/distroless/python3
     
     # Set the working directory to /app
     WORKDIR /app
    @@ -8,7 +13,8 @@
     ADD . /app
     
     # Install any needed packages specified in requirements.txt
    -RUN pip install --trusted-host pypi.python.org -r requirements.txt
    +COPY --from=build /opt/packages /opt/packages
    +ENV PYTHONPATH=/opt/packages
     
     # Make port 80 available to the world outside this container
     EXPOSE 5000
    @@ -19,4 +25,4 @@
     ENV NAME World
     
     # Run app.py when the container launches
    -CMD python3 app.py
    +CMD ["python3", "app.py"]
    2 Changed: python:3.7 becomes gcr.io/distroless/python3
    11 Changed: pip installs in a stage build on the old base; gcr.io/distroless/python3 gets what it made
    11 Look: a package that links to a library of the old base needs that library on the new one too
    22 Changed: CMD no longer asks for a shell, which the new base has not
    "#);
    let alone = Change { apart: Apart::No, ..change };
    assert_snapshot!(shown(&text, &alone), @r#"
     # Use an official Python runtime as a parent image
    -FROM python:3.7
    +FROM gcr.io/distroless/python3
     
     # Set the working directory to /app
     WORKDIR /app
    @@ -19,4 +19,4 @@
     ENV NAME World
     
     # Run app.py when the container launches
    -CMD python3 app.py
    +CMD ["python3", "app.py"]
    2 Changed: python:3.7 becomes gcr.io/distroless/python3
    11 Look: the new base has no shell to RUN this: do it in a build stage and COPY what it makes
    22 Changed: CMD no longer asks for a shell, which the new base has not
    "#);
}

const APT: &str = "\
ARG VERSION=3.7
ARG IMAGE=\"python:${VERSION}\"
FROM --platform=linux/amd64 ${IMAGE} as Base
RUN apt-get update && apt-get install -y \\
    # for the download
    curl ca-certificates \\
    gcc
RUN apt-get update && apt install -y git && rm -rf /var/lib/apt/lists/* && useradd app
RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm run build
RUN [\"apt-get\", \"install\", \"vim\"]
RUN (apt-get install x) # why

FROM base
RUN <<EOF
apt-get install -y y
EOF
CMD flask run
HEALTHCHECK CMD curl -f http://localhost || exit 1
";

#[test]
fn package_managers() {
    assert_snapshot!(shown(APT, &to("python:3.7-slim", DEBIAN)), @r#"
    -ARG VERSION=3.7
    +ARG VERSION=3.7-slim
     ARG IMAGE="python:${VERSION}"
     FROM --platform=linux/amd64 ${IMAGE} as Base
    -RUN apt-get update && apt-get install -y \
    +RUN apt-get update && apt-get install -y --no-install-recommends \
         # for the download
         curl ca-certificates \
         gcc
    -RUN apt-get update && apt install -y git && rm -rf /var/lib/apt/lists/* && useradd app
    -RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm run build
    +RUN apt-get update && apt install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* && useradd app
    +RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm cache clean --force && npm run build
     RUN ["apt-get", "install", "vim"]
    -RUN (apt-get install x) # why
    +RUN (apt-get install --no-install-recommends x) # why
     
     FROM base
     RUN <<EOF
    3 Changed: python:3.7 becomes python:3.7-slim
    4 Changed: apt-get no longer installs recommended packages: name those that are needed
    4 Look: compilers and headers stay in the image: what they build could be built in a stage of its own
    8 Changed: apt-get no longer installs recommended packages: name those that are needed
    9 Changed: npm keeps no cache in the image
    11 Changed: apt-get no longer installs recommended packages: name those that are needed
    "#);
    assert_snapshot!(shown(APT, &to("python:3.7-alpine", ALPINE)), @r#"
    -ARG VERSION=3.7
    +ARG VERSION=3.7-alpine
     ARG IMAGE="python:${VERSION}"
     FROM --platform=linux/amd64 ${IMAGE} as Base
    -RUN apt-get update && apt-get install -y \
    -    # for the download
    -    curl ca-certificates \
    -    gcc
    -RUN apt-get update && apt install -y git && rm -rf /var/lib/apt/lists/* && useradd app
    -RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm run build
    +RUN apk add --no-cache curl ca-certificates gcc musl-dev
    +RUN apk add --no-cache git && useradd app
    +RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm cache clean --force && npm run build
     RUN ["apt-get", "install", "vim"]
     RUN (apt-get install x) # why
     
    3 Changed: python:3.7 becomes python:3.7-alpine
    4 Changed: apt-get becomes the new base's package manager, with its names of the packages
    8 Changed: apt-get becomes the new base's package manager, with its names of the packages
    8 Look: useradd is not on Alpine by itself: busybox has adduser and addgroup, and sh
    9 Changed: npm keeps no cache in the image
    9 Look: wheels for glibc do not run on musl: packages without a musllinux wheel are compiled
    9 Look: native modules are built against another C library on the new base
    10 Look: apt-get in an exec form: the new base has another package manager
    11 Look: apt-get is not on the new base, and was not translated: the line is more than commands one after another
    14 Look: apt-get in a here document: the new base has another package manager
    "#);
    assert_snapshot!(shown(APT, &to("registry.access.redhat.com/ubi9/python-39", UBI)), @r#"
     ARG VERSION=3.7
     ARG IMAGE="python:${VERSION}"
    -FROM --platform=linux/amd64 ${IMAGE} as Base
    +FROM --platform=linux/amd64 registry.access.redhat.com/ubi9/python-39 as Base
     RUN apt-get update && apt-get install -y \
         # for the download
         curl ca-certificates \
         gcc
    -RUN apt-get update && apt install -y git && rm -rf /var/lib/apt/lists/* && useradd app
    -RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm run build
    +RUN microdnf install -y --setopt=install_weak_deps=0 git && microdnf clean all && useradd app
    +RUN --mount=type=cache,target=/root/.cache/pip pip3 install -r r.txt && npm ci && npm cache clean --force && npm run build
     RUN ["apt-get", "install", "vim"]
     RUN (apt-get install x) # why
     
    3 Changed: python:3.7 becomes registry.access.redhat.com/ubi9/python-39
    3 Look: the new name stands in FROM itself, where ${IMAGE} was: a --build-arg no longer changes it
    4 Look: apt-get is not on the new base, and was not translated: no other name is known here for curl
    8 Changed: apt-get becomes the new base's package manager, with its names of the packages
    9 Changed: npm keeps no cache in the image
    10 Look: apt-get in an exec form: the new base has another package manager
    11 Look: apt-get is not on the new base, and was not translated: the line is more than commands one after another
    14 Look: apt-get in a here document: the new base has another package manager
    "#);
}

#[test]
fn lists_stay_while_a_later_line_installs_from_them() {
    let text = "FROM a\nRUN apt-get update && apt-get -y install x\nRUN apt-get install -y y\nRUN apt-get update && apt-get install z\n";
    let made = "FROM b\nRUN apt-get update && apt-get -y install --no-install-recommends x\nRUN apt-get install -y --no-install-recommends y && rm -rf /var/lib/apt/lists/*\nRUN apt-get update && apt-get install --no-install-recommends z && rm -rf /var/lib/apt/lists/*\n";
    assert_eq!(adapt(text, &to("b", DEBIAN)).text, made);
    let apk = "FROM b\nRUN apk add --no-cache curl\nCMD c\n";
    let text = "FROM a\nRUN apt-get update\nRUN apt-get install curl\nRUN apt-get clean && \\\n  rm -rf /var/lib/apt/lists/*\nCMD c\n";
    assert_eq!(adapt(text, &to("b", ALPINE)).text, apk);
}

#[test]
fn what_may_not_fit_is_told() {
    let looks = |text: &str, change: &Change| {
        let notes = adapt(text, change).notes;
        let looks = notes.into_iter().filter(|note| note.kind == NoteKind::Look);
        looks.map(|note| format!("{}: {}", note.line, note.what)).collect::<Vec<_>>().join("\n")
    };
    let folder = Change { apart: Apart::Folder, ..to("x", BARE) };
    let two = "FROM python:3.7\nRUN pip install a && pip install b\nRUN apt-get update && apt-get install curl\nCMD [\"run.sh\"]";
    assert_snapshot!(looks(two, &folder), @"
    2: build what pip installs in a stage on the old base; not done here: pip installs more than once, which into a folder is not the same
    2: the new base has no shell to RUN this: do it in a build stage and COPY what it makes
    3: the new base has no shell to RUN this: do it in a build stage and COPY what it makes
    4: CMD runs a shell script, and the new base has no shell
    ");
    let lists = "FROM python:3.7\nRUN pip install a\nRUN apt-get install curl";
    assert_snapshot!(looks(lists, &Change { apart: Apart::Venv, ..to("x", DEBIAN) }), @"2: build what pip installs in a stage on the old base; not done here: line 3 installs from lists that another line got");
    let copies = "FROM golang AS build\nFROM python:3.7\nCOPY --from=build /x /x\nFROM 1\nFROM python:3.7";
    let patched = parse(copies).adapt(1, &Change { missing_packages: vec!["odd".into()], ..to("x", ALPINE) });
    let notes = patched.expect("adapted").notes;
    assert_snapshot!(notes.iter().map(|note| format!("{}: {}", note.line, note.what)).collect::<Vec<_>>().join("\n"), @"
    2: python:3.7 becomes x
    2: the new base lacks odd: install what it calls them
    3: what comes from build was built for another C library, unless it needs none
    ");
    let shared = "FROM python:3.7 AS a\nFROM a AS b\nFROM a\nRUN pip install x";
    assert_snapshot!(looks(shared, &Change { missing_packages: vec!["curl".into()], ..to("x", BARE) }), @"
    1: the new base lacks curl and cannot install packages: copy the files from a build stage
    2: stage b is built on the changed one too
    4: the new base has no shell to RUN this: do it in a build stage and COPY what it makes
    ");
}

/// What `FROM` lines become.
fn from(text: &str, change: &Change) -> String {
    let text = adapt(text, change).text;
    text.lines().filter(|line| line.starts_with("FROM") || line.starts_with("ARG")).collect::<Vec<_>>().join("; ")
}

#[test]
fn names_are_written_where_they_come_from() {
    let slim = to("python:3.7-slim", DEBIAN);
    let pinned = Change { digest: Some("sha256:0123".into()), ..slim.clone() };
    for (text, change, made) in [
        ("FROM python:3.7 AS x", &slim, "FROM python:3.7-slim AS x"),
        ("FROM python:3.7@sha256:99", &slim, "FROM python:3.7-slim"),
        ("FROM python:3.7@sha256:99", &pinned, "FROM python:3.7-slim@sha256:0123"),
        ("FROM python:3.7", &pinned, "FROM python:3.7-slim"),
        ("ARG V=3.7\nFROM python:$V", &slim, "ARG V=3.7-slim; FROM python:$V"),
        ("ARG A=1 V='3.7'\nFROM python:${V}", &slim, "ARG A=1 V='3.7-slim'; FROM python:${V}"),
        ("ARG I=python:3.7\nFROM $I", &slim, "ARG I=python:3.7-slim; FROM $I"),
        ("ARG V=3.7\nARG I=python:$V\nFROM $I", &slim, "ARG V=3.7-slim; ARG I=python:$V; FROM $I"),
        ("ARG V=3.7\nFROM python:$V-x", &slim, "ARG V=3.7; FROM python:3.7-slim"),
        ("ARG V=3.7\nFROM x:$V\nFROM python:$V", &slim, "ARG V=3.7; FROM x:$V; FROM python:3.7-slim"),
        ("ARG V=3.7\nFROM python:$V\nARG V", &slim, "ARG V=3.7; FROM python:3.7-slim; ARG V"),
        ("FROM ${I:-python:3.7}", &slim, "FROM python:3.7-slim"),
        ("FROM python:3.7 AS a\nFROM y\nFROM a", &slim, "FROM python:3.7-slim AS a; FROM y; FROM a"),
        ("FROM scratch", &slim, "FROM scratch"),
    ] {
        assert_eq!(from(text, change), made, "{text}");
    }
    let given = parse("ARG V\nFROM python:$V").with_args([("V".to_owned(), "3.7".to_owned())]);
    let patched = given.adapt(0, &slim).expect("adapted");
    assert_eq!(patched.text, "ARG V\nFROM python:3.7-slim");
    assert_eq!(patched.notes.iter().map(|note| note.kind).collect::<Vec<_>>(), [NoteKind::Changed, NoteKind::Look]);
}

#[test]
fn what_is_not_touched_stays() {
    let text = "\u{feff}# c\r\nfrom  python:3.7\r\n\r\n  run\tpip install \\\r\n\t\tx # y\r\nCMD x";
    let made = "\u{feff}# c\r\nfrom  python:3.7-slim\r\nRUN apt-get update && apt-get install -y --no-install-recommends a b && rm -rf /var/lib/apt/lists/*\r\n\r\n  run\tpip install --no-cache-dir \\\r\n\t\tx # y\r\nCMD x";
    let change = Change { missing_packages: vec!["a".into(), "b".into()], ..to("python:3.7-slim", DEBIAN) };
    assert_eq!(adapt(text, &change).text, made);
}

#[test]
fn stages_are_parted_only_where_that_is_sure() {
    let change = Change { apart: Apart::Venv, ..to("python:3.7-slim", DEBIAN) };
    let reason = |text: &str| {
        let notes = adapt(text, &change).notes;
        let note = notes
            .iter()
            .find(|note| note.what.contains("not done here"))
            .unwrap_or_else(|| panic!("{text}: {notes:?}"));
        note.what.rsplit_once("not done here: ").expect("a reason").1.to_owned()
    };
    for (text, why) in [
        ("FROM python:3.7\nRUN pip install x && make", "line 2 does more than install"),
        ("FROM python:3.7\nRUN pip install -e .", ""),
        ("FROM python:3.7\nRUN pip install x\nRUN make", "line 3 does more than install"),
        ("FROM python:3.7\nUSER app\nRUN pip install x", "another user installs"),
        (
            "FROM python:3.7\nRUN pip install x\nCMD /usr/local/bin/x",
            "line 3 runs /usr/local/bin/x, which may lie elsewhere then",
        ),
        ("FROM python:3.7\nSHELL [\"/bin/bash\", \"-c\"]\nRUN pip install x", "line 2 changes what commands mean"),
        ("FROM python:3.7\nENV PATH=/x:$PATH\nRUN pip install x", "the file has a PATH or PYTHONPATH of its own"),
        ("FROM python:3.7\nRUN pip install x; (y)", ""),
    ] {
        if !why.is_empty() {
            assert_eq!(reason(text), why);
        }
        let lines: Vec<String> = adapt(text, &change).text.lines().map(str::to_owned).collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("FROM")).count(), 1, "{text}");
    }
    let tools = "FROM python:3.7 AS build\nRUN apt-get update && apt-get install -y gcc libpq-dev\nCOPY r.txt .\nRUN pip install \\\n  -r r.txt\nRUN apt-get update && apt-get install -y curl\nUSER app\nRUN pip3 install x\nCMD gunicorn x\n";
    let text = tools.replace("USER app\nRUN pip3 install x\n", "RUN pip3 install x\nUSER app\n");
    assert_snapshot!(adapt(&text, &change).text, @r"
    FROM python:3.7 AS build2
    RUN apt-get update && apt-get install -y gcc libpq-dev
    COPY r.txt .
    RUN python3 -m venv /opt/venv
    ENV PATH=/opt/venv/bin:$PATH
    RUN pip install \
      -r r.txt
    RUN apt-get update && apt-get install -y curl
    RUN pip3 install x

    FROM python:3.7-slim AS build
    COPY r.txt .
    COPY --from=build2 /opt/venv /opt/venv
    ENV PATH=/opt/venv/bin:$PATH
    RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
    USER app
    CMD gunicorn x
    ");
}

#[test]
fn a_large_change_is_still_a_patch() {
    let old = format!("FROM a\n{}", "RUN apt-get install x\n".repeat(10_000));
    let new = adapt(&old, &to("b", DEBIAN)).text;
    assert!(unified_diff(&old, &new, "Dockerfile").lines().count() > 20_000);
}
