//! Images as text, a line a file.
//!
//! ```text
//! # A comment.
//! text debian <<END                        # a text to be named later
//!   ID=debian
//! END
//! tree flask                               # entries to be included later, by several layers
//!   file /flask/app.py words=3k
//! image workshop:full linux/amd64          # `stage NAME` is the same, but is not written out: others build on it
//! image python:3.7 linux/amd64 full-name   # in a layout `python:3.7`, where the one above is `full`
//! from debian                              # take over all of an earlier image or stage
//! created 2024-03-05T08:00:00Z             # or `none`
//! env PATH=/usr/bin                        # also: label K=V, annotation K=V, port 80/tcp, volume /data,
//! entrypoint ["python","app.py"]           #       user app, workdir /app, cmd […], healthcheck {…}, config KEY JSON
//! packing gzip                             # none gzip gzip-members zstd zstd-frames, for the layers that follow
//! layer "ADD . /app" packing=zstd          # made by; media-type=… diff-id=… claim what is not so
//!   mtime 1709625600                       # of the entries that follow, in this layer; owner 1000:1000 likewise
//!   dir  /app 755
//!   file /app/app.py 644 "text\n"          # what is in it: "text", or one of
//!   file /app/data size=10k seed=3         #   noise that no compressor shortens (the seed may be left out)
//!   file /app/log words=1M seed=3          #   words of letters that compress about fivefold
//!   file /app/core zeros=1M
//!   file /bin/x 755 elf="interp=/lib/ld.so needed=libc.so.6" size=4k   # an ELF file: see `elf.rs`
//!   file /bin/busybox 755 of=/bin/busybox  #   this machine's file of that name
//!   file /app/access.log "GET /\n" times=500
//!   file /etc/os-release +debian +more     #   texts that stand above, one after the other
//!   file /app/main.py <<END                #   the lines up to END, less the indentation of the first
//!     import os
//!   END
//!   file /app/tool 4755 "x" owner=0:50 mtime=-1 xattr.security.capability="\x01\x00"
//!   link /lib usr/lib
//!   hard /app/b /app/a                     # one more name of /app/a
//!   whiteout /etc/motd
//!   opaque /var/cache
//!   fifo /run/pipe 600
//!   char /dev/null 666 1:3                 # and block
//!   include flask                          # the entries of a tree that stands above
//! empty "EXPOSE 5000"                      # an instruction without a layer
//! docker                                   # Docker's media types
//! history none                             # or `history short`: all but the first; `history long`: one too many
//! diff-ids -1                              # one fewer than there are layers; +1, one more
//! ```
//!
//! Words with blanks, quotes or bytes of no meaning stand in double quotes, with `\n \t \r \0 \\ \" \xNN`.
//! Paths begin with a slash, which the tar does not have; `raw` at the end of a line keeps the name as it is written.
//! Entries stand in the tar in the order of the lines. Nothing is added: parents exist if a line says so. After a line
//! `parents`, layers get what builders write: the directories above each entry, as they were last described.

mod entries;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::compress::Packing;
use super::image::{ImageSpec, LayerSpec};
use super::tar_writer::{Header, MTIME, Tar};
use words::{Line, lines};

/// The images of a recipe, without its stages. Panics with the line's number where it cannot be read.
pub(crate) fn images(text: &str) -> Vec<ImageSpec> {
    let mut cook = Cook::default();
    for line in lines(text) {
        cook.line(&line);
    }
    cook.end_layer();
    let images = cook.images.into_iter().zip(cook.written);
    images.filter_map(|(image, written)| written.then_some(image)).collect()
}

/// The one image of a recipe. A recipe that begins with anything else gets `image test linux/amd64` for a first line.
pub(crate) fn image(text: &str) -> ImageSpec {
    let named = lines(text).first().is_some_and(|line| matches!(line.verb(), "image" | "stage"));
    let text = if named { text.to_owned() } else { format!("{}image test linux/amd64\n{text}", words::margin(text)) };
    let mut all = images(&text);
    assert_eq!(all.len(), 1, "one image was expected");
    all.remove(0)
}

/// What has been read so far.
#[derive(Default)]
struct Cook {
    images: Vec<ImageSpec>,
    /// Whether the image of this place is written out: no stage.
    written: Vec<bool>,
    packing: Option<Packing>,
    layer: Option<Open>,
    texts: BTreeMap<String, String>,
    trees: BTreeMap<String, Vec<Line>>,
    /// The tree that is being read.
    tree: Option<String>,
    /// Whether layers get the directories above their entries.
    parents: bool,
    /// The directories of each image so far.
    dirs: BTreeMap<String, Dirs>,
}

/// Directories by their name in a tar.
type Dirs = BTreeMap<Vec<u8>, Header>;

/// The layer that is being read.
struct Open {
    created_by: String,
    spec: LayerSpec,
    tar: Tar,
    mtime: i64,
    owner: (i64, i64),
    /// The image's directories, where the layer gets those above its entries.
    dirs: Option<Dirs>,
    /// Those that this layer has.
    written: BTreeSet<Vec<u8>>,
}

impl Cook {
    fn line(&mut self, line: &Line) {
        if line.indented {
            return self.entry(line);
        }
        self.end_layer();
        match line.verb() {
            "image" | "stage" => self.begin(line),
            "layer" => self.begin_layer(line),
            "packing" => self.packing = Some(packing(line, &line.text(1))),
            "parents" => self.parents = true,
            "from" => self.from(line),
            "text" => drop(self.texts.insert(line.text(1), line.heredoc.clone().unwrap_or_default())),
            "tree" => self.tree = Some(line.text(1)),
            _ => set(self.image(line), line),
        }
    }

    /// An indented line: kept for later in a tree, carried out in a layer.
    fn entry(&mut self, line: &Line) {
        if let Some(name) = &self.tree {
            return self.trees.entry(name.clone()).or_default().push(line.clone());
        }
        let layer = self.layer.as_mut().unwrap_or_else(|| line.fail("no layer is open"));
        if line.verb() == "include" {
            let tree = self.trees.get(&line.text(1)).unwrap_or_else(|| line.fail("no tree above has this name"));
            return tree.iter().for_each(|line| layer.line(line, &self.texts));
        }
        layer.line(line, &self.texts);
    }

    fn image(&mut self, line: &Line) -> &mut ImageSpec {
        self.images.last_mut().unwrap_or_else(|| line.fail("no image is open"))
    }

    fn begin(&mut self, line: &Line) {
        self.packing = None;
        let platform = if line.words.len() > 2 { line.text(2) } else { "linux/amd64".to_owned() };
        let full_name = line.words.get(3).is_some_and(|word| word.bytes == b"full-name");
        self.images.push(ImageSpec { full_name, ..ImageSpec::new(&line.text(1), &platform) });
        self.written.push(line.verb() == "image");
    }

    fn from(&mut self, line: &Line) {
        let name = line.text(1);
        let base = self.images.iter().find(|image| image.name == name);
        let base = base.unwrap_or_else(|| line.fail("no image above has this name")).clone();
        let dirs = self.dirs.get(&name).cloned().unwrap_or_default();
        let image = self.image(line);
        let (name, platform) = (image.name.clone(), image.platform.clone());
        *image = ImageSpec { name, platform, full_name: image.full_name, ..base };
        let name = image.name.clone();
        self.dirs.insert(name, dirs);
    }

    fn begin_layer(&mut self, line: &Line) {
        let mut spec = LayerSpec::new(Vec::new());
        let usual = self.packing.unwrap_or(Packing::Gzip);
        spec.packing = line.option("packing").map_or(usual, |name| packing(line, &name));
        spec.media_type = line.option("media-type");
        spec.diff_id = line.option("diff-id");
        let name = self.image(line).name.clone();
        self.layer = Some(Open {
            created_by: line.text(1),
            spec,
            tar: Tar::new(),
            mtime: MTIME,
            owner: (0, 0),
            dirs: self.parents.then(|| self.dirs.remove(&name).unwrap_or_default()),
            written: BTreeSet::new(),
        });
    }

    fn end_layer(&mut self) {
        self.tree = None;
        if let Some(mut layer) = self.layer.take() {
            layer.spec.tar = layer.tar.finish();
            let image = self.images.last_mut().unwrap();
            image.push(&layer.created_by, layer.spec);
            if let Some(dirs) = layer.dirs {
                self.dirs.insert(image.name.clone(), dirs);
            }
        }
    }
}

fn packing(line: &Line, name: &str) -> Packing {
    Packing::named(name).unwrap_or_else(|| line.fail("no such packing"))
}

/// A line that sets something of the image.
fn set(image: &mut ImageSpec, line: &Line) {
    let text = line.text(1);
    match line.verb() {
        "created" => image.created = (text != "none").then_some(text),
        "docker" => image.docker = true,
        "empty" => image.push_empty(&text),
        "env" => set_env(image, &text),
        "label" => pair(image.config.entry("Labels").or_insert_with(|| json!({})), line),
        "port" => image.config.entry("ExposedPorts").or_insert_with(|| json!({}))[&text] = json!({}),
        "volume" => image.config.entry("Volumes").or_insert_with(|| json!({}))[&text] = json!({}),
        "user" => drop(image.config.insert("User".to_owned(), json!(text))),
        "workdir" => drop(image.config.insert("WorkingDir".to_owned(), json!(text))),
        "entrypoint" => drop(image.config.insert("Entrypoint".to_owned(), line.json(1))),
        "cmd" => drop(image.config.insert("Cmd".to_owned(), line.json(1))),
        "healthcheck" => drop(image.config.insert("Healthcheck".to_owned(), line.json(1))),
        "config" => drop(image.config.insert(text, line.json(2))),
        "annotation" => pair(&mut image.annotations, line),
        "history" => match text.as_str() {
            "none" => image.history.clear(),
            "short" => drop(image.history.remove(0)),
            "long" => image.history.push(json!({ "created_by": "RUN a layer that is not there" })),
            _ => line.fail("none, short or long was expected"),
        },
        "diff-ids" => image.extra_diff_ids = text.parse().unwrap_or_else(|_| line.fail("a number was expected")),
        _ => line.fail("no such line"),
    }
}

/// A variable that is set again keeps its place, as builders do it.
fn set_env(image: &mut ImageSpec, text: &str) {
    let list = image.config.entry("Env").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    let key = text.split('=').next().unwrap_or_default();
    let same = |v: &&mut Value| v.as_str().and_then(|v| v.split('=').next()) == Some(key);
    match list.iter_mut().find(same) {
        Some(old) => *old = json!(text),
        None => list.push(json!(text)),
    }
}

fn pair(object: &mut Value, line: &Line) {
    let text = line.text(1);
    let (key, value) = text.split_once('=').unwrap_or_else(|| line.fail("KEY=VALUE was expected"));
    object[key] = json!(value);
}
