//! Every reader on a captured database (`fixtures/packages/README.md` says where each comes from), and on broken ones.

use proptest::prelude::*;

use super::*;

const DPKG: &[u8] = include_bytes!("../../fixtures/packages/dpkg-status");
const DISTROLESS: &[u8] = include_bytes!("../../fixtures/packages/distroless-status.d");
const APK: &[u8] = include_bytes!("../../fixtures/packages/apk-installed");
const PYTHON: &[u8] = include_bytes!("../../fixtures/packages/python-METADATA");
const NPM: &[u8] = include_bytes!("../../fixtures/packages/npm-package.json");
const SQLITE: &[u8] = include_bytes!("../../fixtures/packages/rpm-rpmdb.sqlite");
const DEEP: &[u8] = include_bytes!("../../fixtures/packages/rpm-deep.sqlite");
const NDB: &[u8] = include_bytes!("../../fixtures/packages/rpm-ndb-Packages.db");
const BDB: &[u8] = include_bytes!("../../fixtures/packages/rpm-bdb-Packages");
const GO: &[u8] = include_bytes!("../../fixtures/packages/go-buildinfo");
const RUST: &[u8] = include_bytes!("../../fixtures/packages/rust-auditable");

fn shown(packages: &[Package]) -> String {
    packages.iter().map(|found| format!("{} {} {}\n", found.ecosystem.name(), found.name, found.version)).collect()
}

fn parsed(kind: Kind, bytes: &[u8]) -> String {
    shown(&kind.parse(bytes).unwrap())
}

#[test]
fn debian() {
    insta::assert_snapshot!(parsed(Kind::Dpkg, DPKG), @"
    deb adduser 3.134
    deb bash 5.2.15-2+b8
    deb libc6 2.36-9+deb12u14
    deb openssl 3.0.22-1~deb12u2
    deb tzdata 2025b-0+deb12u2
    ");
    insta::assert_snapshot!(parsed(Kind::DpkgPart, DISTROLESS), @"deb tzdata 2025b-0+deb12u2");
    assert_eq!(parsed(Kind::Dpkg, DISTROLESS), "", "without a status nothing is installed");
}

#[test]
fn alpine() {
    insta::assert_snapshot!(parsed(Kind::Apk, APK), @"
    apk alpine-baselayout 3.4.3-r2
    apk musl 1.2.4_git20230717-r4
    ");
    assert_eq!(parsed(Kind::Apk, b"P:a\nV:1\n\nP:b\n\nV:2\n\nP:c\nV:3"), "apk a 1\napk c 3\n");
}

#[test]
fn languages() {
    insta::assert_snapshot!(parsed(Kind::Python, PYTHON), @"python pip 24.2");
    insta::assert_snapshot!(parsed(Kind::Npm, NPM), @"npm @types/node 20.11.5");
    assert_eq!(parsed(Kind::Python, b"Metadata-Version: 2.1\n\nName: no\nVersion: 1\n"), "");
    assert_eq!(parsed(Kind::Python, b"Name: Zope._Interface\nVersion: 1\n"), "python zope-interface 1\n");
    assert_eq!(parsed(Kind::Npm, b"\xef\xbb\xbf{\"type\": \"module\"}"), "");
    assert!(Kind::Npm.parse(b"[").unwrap_err().to_string().starts_with("it is no package.json: "));
}

#[test]
fn rpm_in_all_its_forms() {
    insta::assert_snapshot!(parsed(Kind::Rpm, SQLITE), @"
    rpm zlib 1.2.11-3
    rpm python3.9 3.9.18-3
    rpm curl 2:7.76.1-3
    rpm bash 5.1.8-3
    ");
    assert_eq!(parsed(Kind::Rpm, NDB), parsed(Kind::Rpm, SQLITE));
    let sorted = |bytes| {
        let mut packages = Kind::Rpm.parse(bytes).unwrap();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        shown(&packages)
    };
    assert_eq!(sorted(BDB), sorted(SQLITE), "a hash table has an order of its own");
    assert!(Kind::Rpm.parse(b"").is_err() && Kind::Rpm.parse(b"no database").is_err());
}

/// 250 packages in small pages, some of them over several, and every fifth removed again.
#[test]
fn sqlite_with_trees_of_pages() {
    let left = (1..=250).filter(|number| number % 5 != 0).map(|number| number - 1);
    let expected: String = left.map(|at| format!("rpm p{at} 1.{at}-2\n")).collect();
    assert_eq!(parsed(Kind::Rpm, DEEP), expected);
}

#[test]
fn pages_in_circles_are_given_up() {
    let size = 4096;
    let overflow = (0..BDB.len() / size).find(|page| BDB[page * size + 25] == 7).unwrap();
    let mut circle = BDB.to_vec();
    circle[overflow * size + 16..overflow * size + 20].copy_from_slice(&(overflow as u32).to_le_bytes());
    assert!(Kind::Rpm.parse(&circle).is_err());
}

/// A program that comes in pieces of one length.
fn go(program: &[u8], piece: usize) -> String {
    let mut finder = BuildInfoFinder::default();
    program.chunks(piece).for_each(|piece| finder.data(piece));
    shown(&finder.finish())
}

#[test]
fn programs_of_go() {
    let program = [&[0; 160][..], GO, &[7; 99]].concat();
    insta::assert_snapshot!(go(&program, usize::MAX), @"
    go github.com/anchore/syft (devel)
    go dario.cat/mergo v1.0.1
    go github.com/BurntSushi/toml v1.4.0
    go github.com/CycloneDX/cyclonedx-go v0.9.1
    go github.com/Masterminds/goutils v1.1.1
    go github.com/Masterminds/semver v1.5.0
    go stdlib 1.23.4
    ");
    for piece in 1..200 {
        assert_eq!(go(&program, piece), go(&program, usize::MAX), "in pieces of {piece}");
    }
    assert_eq!(go(&[&[0; 161], GO].concat(), 64), "", "it is not aligned");
    let mut pointers = GO.to_vec();
    pointers[15] = 0;
    assert_eq!(go(&pointers, 64), "", "of Go before 1.18");
    for cut in 0..GO.len() {
        go(&GO[..cut], 50);
    }
}

#[test]
fn programs_of_rust() {
    insta::assert_snapshot!(shown(&rust_packages(RUST).unwrap()), @"
    rust hello 0.1.0
    rust itoa 1.0.19
    rust memchr 2.8.3
    ");
    assert!(rust_packages(b"\x7fELF, and no more").unwrap().is_empty());
}

#[test]
fn files_are_known_by_their_paths() {
    let kind = |path: &str| Kind::of(&path.into()).map(|kind| format!("{kind:?}")).unwrap_or_default();
    for (path, expected) in [
        ("var/lib/dpkg/status", "Dpkg"),
        ("srv/var/lib/dpkg/status", ""),
        ("var/lib/dpkg/status.d/tzdata", "DpkgPart"),
        ("var/lib/dpkg/status.d/tzdata.md5sums", ""),
        ("lib/apk/db/installed", "Apk"),
        ("usr/lib/apk/db/installed", "Apk"),
        ("var/lib/rpm/rpmdb.sqlite", "Rpm"),
        ("usr/lib/sysimage/rpm/Packages.db", "Rpm"),
        ("var/lib/rpm/Packages", "Rpm"),
        ("var/lib/rpm/Name", ""),
        ("usr/lib/python3/dist-packages/six-1.0.dist-info/METADATA", "Python"),
        ("a/x.egg-info/PKG-INFO", "Python"),
        ("a/x.egg/EGG-INFO/PKG-INFO", "Python"),
        ("a/x.egg-info", "Python"),
        ("a/x/METADATA", ""),
        ("app/node_modules/a/package.json", "Npm"),
        ("app/node_modules/@b/a/package.json", "Npm"),
        ("app/node_modules/a/lib/package.json", ""),
        ("app/package.json", ""),
        ("package.json", ""),
    ] {
        assert_eq!(kind(path), expected, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn broken_databases_break_nothing(
        which in 0_usize..9,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let (kind, bytes) = [
            (Kind::Dpkg, DPKG), (Kind::Apk, APK), (Kind::Python, PYTHON), (Kind::Npm, NPM),
            (Kind::Rpm, SQLITE), (Kind::Rpm, NDB), (Kind::Rpm, BDB), (Kind::DpkgPart, DISTROLESS),
            (Kind::Rpm, DEEP),
        ][which];
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        kind.parse(&bytes).ok();
    }

    #[test]
    fn broken_programs_break_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        piece in 1_usize..300,
    ) {
        for program in [GO, RUST] {
            let mut program = program.to_vec();
            for (at, byte) in &changes {
                let at = at.index(program.len());
                program[at] = *byte;
            }
            rust_packages(&program).ok();
            go(&program, piece);
        }
    }
}
