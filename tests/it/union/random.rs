//! Images at random, as builders could write them, beside podman. The names are few, so that much happens to each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::layout::old_docker_archive;
use crate::support::podman::{Podman, assert_same, listing_of};
use crate::support::{ImageSpec, Sandbox, image, need};

const IMAGES: u64 = 8;

/// splitmix64: the same on every machine.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % sides
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.throw(all.len())]
    }

    fn path(&mut self) -> String {
        (0..=self.throw(3)).map(|_| self.one_of(&["/a", "/b", "/c"])).collect()
    }
}

/// The image of a number.
pub(crate) fn random_image(seed: u64) -> String {
    recipe(&mut Dice(seed))
}

/// A recipe of up to five layers. No path comes twice in a layer, parents come first, links come after their targets.
fn recipe(dice: &mut Dice) -> String {
    let mut text = String::new();
    for n in 0..2 + dice.throw(4) {
        writeln!(text, "layer \"RUN {n}\"").unwrap();
        layer(dice).iter().for_each(|line| writeln!(text, "  {line}").unwrap());
    }
    text
}

fn layer(dice: &mut Dice) -> Vec<String> {
    let mut entries: BTreeMap<String, &str> = BTreeMap::new();
    for _ in 0..2 + dice.throw(8) {
        let (path, kind) =
            (dice.path(), dice.one_of(&["dir", "dir", "file", "file", "file", "link", "whiteout", "opaque"]));
        let above = path.match_indices('/').skip(1).map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
        let open = above.iter().all(|path| entries.get(path).is_none_or(|kind| matches!(*kind, "dir" | "opaque")));
        if open && !entries.contains_key(&path) {
            above.into_iter().for_each(|path| {
                entries.entry(path).or_insert("dir");
            });
            entries.insert(path, kind);
        }
    }
    let (mut folders, mut files, mut links, mut markers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (path, kind) in &entries {
        let owner = format!("owner={0}:{0}", dice.throw(2));
        match *kind {
            "dir" | "opaque" => folders.push(format!("dir {path} {} {owner}", dice.one_of(&[755, 700]))),
            "file" => {
                let (mode, content) = (dice.one_of(&[644, 4755]), dice.one_of(&["", "x", "yy"]));
                files.push(format!("file {path} {mode} \"{content}\" {owner}"));
                // A link's header says what the file's says; lines for links are of mode 644.
                if mode == 644 && dice.throw(2) == 0 {
                    links.push(format!("hard {path}-link {path} {owner}"));
                }
            }
            "link" => files.push(format!("link {path} {}", dice.one_of(&["a", "/b/c", "../a"]))),
            _ => {}
        }
        if matches!(*kind, "whiteout" | "opaque") {
            markers.push(format!("{kind} {path}"));
        }
    }
    files.extend(links);
    // Markers stand before or after what lies beside them.
    match dice.throw(2) {
        0 => [folders, markers, files].concat(),
        _ => [folders, files, markers].concat(),
    }
}

#[test]
fn random_images_are_what_podman_makes_of_them() {
    let Some(program) = need("podman") else { return };
    let sandbox = Sandbox::new();
    let recipes: Vec<String> = (0..IMAGES).map(random_image).collect();
    let name = |n: usize| format!("localhost/test:{n}");
    let images = recipes.iter().enumerate().map(|(n, text)| ImageSpec { name: name(n), ..image(text) });
    let archive = sandbox.write("images.tar", old_docker_archive(&images.collect::<Vec<_>>()));
    let archive = archive.to_str().unwrap();
    let podman = Podman::new(program, &sandbox.path("podman"), "vfs");
    podman.run(&["load", "-q", "-i", archive]);
    for (n, text) in recipes.iter().enumerate() {
        let ours = sandbox.ok(["ls", "--format", "jsonl", &format!("docker-archive:{archive}:{}", name(n))]);
        assert_same(text, &listing_of(&ours), &podman.listing(&name(n)));
    }
}
