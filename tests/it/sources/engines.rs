//! Docker's and podman's API sockets: one that is played, and the real podman's.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use layerscope::source::{Environment, Options};

use super::{app, diff_ids, open_with, options, typed};
use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::podman::Podman;
use crate::support::{ImageSpec, Sandbox, need};

/// Answers every request on a socket with these bytes, and says what was asked for.
fn play(socket: &Path, answer: Vec<u8>) -> std::sync::mpsc::Receiver<String> {
    let listener = UnixListener::bind(socket).unwrap();
    let (asked, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            asked.send(request_line(&mut stream)).ok();
            stream.write_all(&answer).ok();
        }
    });
    hear
}

fn request_line(stream: &mut UnixStream) -> String {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap().lines().next().unwrap_or_default().to_owned()
}

/// A body in chunks, as engines send it; not ended where `whole` is false.
fn chunked(body: &[u8], whole: bool) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(7001) {
        out.extend(format!("{:x}\r\n", piece.len()).bytes());
        out.extend(piece);
        out.extend(b"\r\n");
    }
    if whole {
        out.extend(b"0\r\n\r\n");
    }
    out
}

fn refused(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn with(variable: &str, socket: &Path) -> Options {
    let environment = Environment::bare("/nonexistent").with(variable, format!("unix://{}", socket.display()));
    Options { environment, ..options() }
}

#[test]
fn an_engine_streams_an_image() {
    let sandbox = Sandbox::new();
    let image = app("shop:1");
    for (n, bytes) in [docker_archive(std::slice::from_ref(&image)), old_docker_archive(std::slice::from_ref(&image))]
        .iter()
        .enumerate()
    {
        for (variable, typed, path) in [
            ("DOCKER_HOST", "docker-daemon:shop", "/images/shop:latest/get"),
            ("DOCKER_HOST", "docker-daemon:0123456789ab", "/images/0123456789ab/get"),
            (
                "CONTAINER_HOST",
                "podman:localhost/shop:1",
                "/v3.0.0/libpod/images/localhost/shop:1/get?format=docker-archive",
            ),
        ] {
            let socket = sandbox.path(format!("{n}-{}.sock", typed.len()));
            let asked = play(&socket, chunked(bytes, true));
            let (manifest, layers) = open_with(typed, &with(variable, &socket), "linux/amd64").unwrap();
            assert_eq!(manifest.reference, typed);
            assert_eq!(layers, [image.layers[0].tar.clone(), image.layers[1].tar.clone()]);
            assert_eq!(asked.recv().unwrap(), format!("GET {path} HTTP/1.1"));
        }
    }
}

#[test]
fn of_several_images_the_one_of_that_name_is_taken() {
    let sandbox = Sandbox::new();
    let socket = sandbox.path("x.sock");
    let images = [app("shop:1"), app("shop:2")];
    play(&socket, chunked(&old_docker_archive(&images), true));
    let (manifest, _) = open_with("docker-daemon:shop:2", &with("DOCKER_HOST", &socket), "linux/amd64").unwrap();
    assert_eq!(diff_ids(&manifest)[0], images[1].layers[0].diff_id());
}

#[test]
fn what_an_engine_says_is_passed_on() {
    let sandbox = Sandbox::new();
    let mut n = 0;
    let mut said = |answer: Vec<u8>| {
        n += 1;
        let socket = sandbox.path(format!("{n}.sock"));
        play(&socket, answer);
        sandbox.filter(&open_with("docker-daemon:shop", &with("DOCKER_HOST", &socket), "linux/amd64").unwrap_err())
    };
    insta::assert_snapshot!(said(refused("404 Not Found", r#"{"message":"reference does not exist"}"#)), @"Docker has no image shop (reference does not exist); `docker images` lists what it has");
    insta::assert_snapshot!(said(refused("500 Internal Server Error", r#"{"cause":"the disk\u001b[31m is full"}"#)), @"Docker does not give shop: the disk�[31m is full");
    insta::assert_snapshot!(said(refused("400 Bad Request", &"x".repeat(1 << 20))), @"Docker does not give shop: 400 Bad Request");
    insta::assert_snapshot!(said(b"220 smtp.example.org ESMTP\r\n".to_vec()), @"no Docker answers at [DIR]/4.sock: invalid HTTP version parsed; start it with `systemctl start docker`, or say where it listens with DOCKER_HOST=unix:///PATH");
    let archive = old_docker_archive(&[app("shop:1")]);
    insta::assert_snapshot!(said(chunked(&archive[..archive.len() / 2], false)), @"cannot read shop of Docker: unexpected EOF during chunk size line");
    let end = archive.iter().rposition(|byte| *byte != 0).unwrap();
    insta::assert_snapshot!(said(chunked(&archive[..end], true)), @"shop of Docker is cut off: it ends within manifest.json");
}

#[test]
fn where_no_engine_listens_is_said_how_to_start_it() {
    let sandbox = Sandbox::new();
    let said = |name: &str, variable: &str| {
        sandbox.filter(&open_with(name, &with(variable, &sandbox.path("none.sock")), "linux/amd64").unwrap_err())
    };
    insta::assert_snapshot!(said("docker-daemon:x", "DOCKER_HOST"), @"no Docker answers at [DIR]/none.sock: No such file or directory (os error 2); start it with `systemctl start docker`, or say where it listens with DOCKER_HOST=unix:///PATH");
    insta::assert_snapshot!(said("podman:x", "CONTAINER_HOST"), @"no podman answers at [DIR]/none.sock: No such file or directory (os error 2); start it with `systemctl start podman.socket` (`systemctl --user …` without root) or `podman system service --time=0 unix:///PATH`, or say where it listens with CONTAINER_HOST=unix:///PATH");
    let remote = Environment::bare("/nonexistent").with("DOCKER_HOST", "tcp://10.1.2.3:2375");
    let remote = Options { environment: remote, ..options() };
    insta::assert_snapshot!(open_with("docker-daemon:x", &remote, "linux/amd64").unwrap_err(), @"DOCKER_HOST=tcp://10.1.2.3:2375 cannot be used: only unix:///PATH and, on this machine, tcp://127.0.0.1:PORT can");
}

#[test]
fn podman_gives_the_same_layers_in_every_way() {
    let Some(program) = need("podman") else { return };
    let sandbox = Sandbox::new();
    let image = app("shop:1");
    sandbox.write("load.tar", old_docker_archive(&[ImageSpec { name: "localhost/shop:1".into(), ..image.clone() }]));
    let path = |name: &str| sandbox.path(name).display().to_string();
    let podman = Podman::new(program, &sandbox.path("podman"), "vfs");
    podman.run(&["load", "-q", "-i", &path("load.tar")]);
    podman.run(&["save", "-q", "-o", &path("docker.tar"), "localhost/shop:1"]);
    podman.run(&["save", "-q", "--format", "oci-archive", "-o", &path("oci.tar"), "localhost/shop:1"]);
    let _service = podman.serve(&sandbox.path("podman.sock"));
    let options = with("CONTAINER_HOST", &sandbox.path("podman.sock"));
    for text in [
        "podman:shop:1".to_owned(),
        "podman:localhost/shop:1".to_owned(),
        typed("docker-archive:", &sandbox.path("docker.tar"), ":localhost/shop:1"),
        typed("oci-archive:", &sandbox.path("oci.tar"), ""),
        typed("", &sandbox.path("docker.tar"), ""),
    ] {
        let (manifest, _) = open_with(&text, &options, "linux/amd64").unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(diff_ids(&manifest), [image.layers[0].diff_id(), image.layers[1].diff_id()], "{text}");
    }
    let error = open_with("podman:nothing", &options, "linux/amd64").unwrap_err();
    assert!(error.starts_with("podman has no image nothing ("), "{error}");
}
