//! The harness itself: recipes say what their text says, and tars are read by a reader that is not ours.

use std::io::Read;

use crate::support::compress::{Packing, gzip};
use crate::support::layout::{docker_archive, old_docker_archive};
use crate::support::{Header, ImageSpec, Layout, Sandbox, Tar, image, images, sha256};

/// What the `tar` crate sees in a layer, a line an entry.
fn listing(bytes: &[u8]) -> String {
    let mut out = String::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut data = String::new();
        let xattrs: Vec<_> = entry.pax_extensions().unwrap().into_iter().flatten().flatten().collect();
        let xattrs: String = xattrs.iter().map(|x| format!(" {}={:?}", x.key().unwrap(), x.value_bytes())).collect();
        let header = entry.header().clone();
        let link = entry.link_name_bytes().map(|l| format!(" -> {}", l.escape_ascii())).unwrap_or_default();
        let path = entry.path_bytes().escape_ascii().to_string();
        entry.read_to_string(&mut data).ok();
        out += &format!(
            "{:?} {path}{link} {:04o} {}:{} {}{xattrs} {data:?}\n",
            header.entry_type(),
            header.mode().unwrap_or(0),
            header.uid().map_or(-1, |uid| uid as i64),
            header.gid().unwrap(),
            header.mtime().unwrap() as i64,
        );
    }
    out
}

#[test]
fn a_recipe_becomes_the_tar_it_describes() {
    let all = images(
        r#"
        text a <<END
          ID=a
        END
        text b <<END
          ID=b
        END
        tree more
          file /texts +a +b
          file /log "x\n" times=3
        image test
        layer "ADD . /app"
          owner 5:6
          dir /app 700
          file "/app/a b\n" 4755 "x\ty" owner=1000:7 mtime=-1 xattr.user.k="\x01 v"
          file /app/main.py <<END
            import os
              indented
          END
          link /lib usr/lib
          hard /app/b /app/a
          whiteout /etc/motd
          opaque /var/cache
          char /dev/null 666 1:3
          fifo /pipe 600
          dir ./odd raw
          file /zeros zeros=3
          include more
        "#,
    );
    insta::assert_snapshot!(listing(&all[0].layers[0].tar), @r#"
    Directory app/ 0700 5:6 1704067200 ""
    Regular app/a b\n 4755 1000:7 -1 SCHILY.xattr.user.k=[1, 32, 118] "x\ty"
    Regular app/main.py 0644 5:6 1704067200 "import os\n  indented\n"
    Symlink lib -> usr/lib 0777 5:6 1704067200 ""
    Link app/b -> app/a 0644 5:6 1704067200 ""
    Regular etc/.wh.motd 0644 5:6 1704067200 ""
    Regular var/cache/.wh..wh..opq 0644 5:6 1704067200 ""
    Char dev/null 0666 5:6 1704067200 ""
    Fifo pipe 0600 5:6 1704067200 ""
    Directory ./odd/ 0755 5:6 1704067200 ""
    Regular zeros 0644 5:6 1704067200 "\0\0\0"
    Regular texts 0644 5:6 1704067200 "ID=a\nID=b\n"
    Regular log 0644 5:6 1704067200 "x\nx\nx\n"
    "#);
}

#[test]
fn an_image_line_by_line() {
    let all = images(
        r#"
        stage base linux/arm64
        env PATH=/bin
        env A=1
        layer "base"
          file /a "a"
        image app:1 linux/arm64/v8
        from base
        env PATH=/usr/bin
        cmd ["x", "y z"]
        label k=v
        port 80/tcp
        user app
        empty "USER app"
        layer "zstd" packing=zstd-frames
          file /b size=10k seed=2
        "#,
    );
    assert_eq!(all.len(), 1, "the stage is not written");
    let documents = all[0].documents();
    let config: serde_json::Value = serde_json::from_slice(&documents.config).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][1], sha256(&all[0].layers[1].tar));
    insta::assert_snapshot!(format!("{:#} {}", config["config"], config["variant"]), @r#"
    {
      "Cmd": [
        "x",
        "y z"
      ],
      "Env": [
        "PATH=/usr/bin",
        "A=1"
      ],
      "ExposedPorts": {
        "80/tcp": {}
      },
      "Labels": {
        "k": "v"
      },
      "User": "app"
    } "v8"
    "#);
    let history = serde_json::to_string(&config["history"]).unwrap().replace("},", "},\n");
    insta::assert_snapshot!(history, @r#"
    [{"created":"2024-01-01T00:00:00Z","created_by":"base"},
    {"created":"2024-01-01T00:00:00Z","created_by":"USER app","empty_layer":true},
    {"created":"2024-01-01T00:00:00Z","created_by":"zstd"}]
    "#);
}

#[test]
fn parents_are_written_as_they_were_last_described() {
    let image = image(
        r#"
        image test
        parents
        layer "one"
          dir /a 700 owner=1:2
          file /a/b/c
        layer "two"
          whiteout /a/b/c
          file /a/b/d
        "#,
    );
    insta::assert_snapshot!(listing(&image.layers[1].tar), @r#"
    Directory a/ 0700 1:2 1704067200 ""
    Directory a/b/ 0755 0:0 1704067200 ""
    Regular a/b/.wh.c 0644 0:0 1704067200 ""
    Regular a/b/d 0644 0:0 1704067200 ""
    "#);
}

#[test]
fn every_packing_unpacks_to_what_was_packed() {
    let bytes: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    for packing in [Packing::Gzip, Packing::GzipMembers] {
        let mut out = Vec::new();
        flate2::read::MultiGzDecoder::new(&packing.pack(&bytes)[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, bytes, "{packing:?}");
    }
    for packing in [Packing::Zstd, Packing::ZstdFrames] {
        assert_eq!(zstd::decode_all(&packing.pack(&bytes)[..]).unwrap(), bytes, "{packing:?}");
    }
}

#[test]
fn gzip_gives_the_same_bytes_everywhere() {
    let bytes: Vec<u8> = (0..9_000_u32).flat_map(|i| (i / 7).to_string().into_bytes()).collect();
    insta::assert_snapshot!(sha256(&gzip(&bytes)), @"sha256:0af6d5f0235be923cd8a99b1874a022ffc3f5f2476268d75eb588e603bcbad93");
}

#[test]
fn hand_written_headers_are_read_as_meant() {
    let mut tar = Tar::new();
    tar.pax(&[("path", b"pax/name"), ("mtime", b"-1.5")]).file("short", "1");
    tar.gnu_long_name("g".repeat(120)).gnu_long_link("t".repeat(110)).entry(&Header::symlink("s", "t"), b"");
    tar.entry(&Header { base256: true, uid: 70_000, ..Header::file("big-uid") }, b"2");
    tar.entry(&Header { uid: 1 << 40, ..Header::file("huge-uid") }, b"3");
    insta::assert_snapshot!(listing(&tar.finish()), @r#"
    Regular pax/name 0644 0:0 1704067200 path=[112, 97, 120, 47, 110, 97, 109, 101] mtime=[45, 49, 46, 53] "1"
    Symlink gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg -> tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt 0777 0:0 1704067200 ""
    Regular big-uid 0000 70000:0 1704067200 "2"
    Regular huge-uid 0644 1099511627776:0 1704067200 "3"
    "#);
    let bytes = Tar::new().gnu_sparse("hole", 1 << 34, &[(0, 512), (1 << 33, 3), (1 << 34, 0)], &[b'x'; 515]).finish();
    let mut archive = tar::Archive::new(&bytes[..]);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.size(), 1 << 34);
}

#[test]
fn layouts_hold_every_blob_that_they_name() {
    let all = images(
        "image a:1 linux/amd64\nlayer x\n  file /x \"x\"\nimage a:1 linux/arm64\nfrom a:1\nimage b:2\nfrom a:1\n",
    );
    let layout = Layout::of(&all);
    assert_eq!(layout.index.len(), 2);
    assert_eq!(layout.index[0]["mediaType"], "application/vnd.oci.image.index.v1+json");
    let sandbox = Sandbox::new();
    layout.write_dir(&sandbox.path("layout"));
    for (digest, bytes) in &layout.blobs {
        assert_eq!(&sha256(bytes), digest);
        let file = sandbox.path("layout/blobs").join(digest.replace(':', "/"));
        assert_eq!(&std::fs::read(file).unwrap(), bytes);
    }
    for bytes in [layout.archive(), docker_archive(&all), old_docker_archive(&all)] {
        assert!(tar::Archive::new(&bytes[..]).entries().unwrap().all(|entry| entry.is_ok()));
    }
    assert!(listing(&old_docker_archive(&all)).contains("Symlink"), "the second image shares its layer");
}

#[test]
fn what_differs_from_run_to_run_is_filtered() {
    let sandbox = Sandbox::new();
    let text = format!("{} at 127.0.0.1:40123/v2/", sandbox.path("x").display());
    assert_eq!(sandbox.filter(&text), "[DIR]/x at 127.0.0.1:[PORT]/v2/");
    assert_eq!(ImageSpec::new("a/b:c", "linux/amd64").tag(), "c");
}

#[test]
fn made_up_elf_files_are_elf_files() {
    let Some(readelf) = crate::support::need("readelf") else { return };
    let sandbox = Sandbox::new();
    let text = "interp=/lib64/ld.so needed=libc.so.6,libm.so.6 soname=libx.so.1 runpath=$ORIGIN/lib now \
                undefined=puts exports=greet,main requires=libc.so.6:GLIBC_2.34,libm.so.6:GLIBC_2.29 provides=X_1,X_2";
    let path = sandbox.write("x", crate::support::elf::elf(text, b"payload"));
    let read = std::process::Command::new(readelf).args(["-W", "-D", "-l", "-d", "-s"]).arg(path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stderr), "");
    let said = String::from_utf8(read.stdout).unwrap();
    for expected in [
        "[Requesting program interpreter: /lib64/ld.so]",
        "Shared library: [libm.so.6]",
        "Library soname: [libx.so.1]",
        "Library runpath: [$ORIGIN/lib]",
        "(BIND_NOW)",
        "GLOBAL DEFAULT  UND puts",
        "DEFAULT    1 greet",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
}
