//! A unified diff that `patch -p1` and `git apply` take.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

/// How long the smallest patch is looked for; after that any that does.
const LONGEST: Duration = Duration::from_secs(2);

/// The change from `old` to `new` of the file `path`, as a patch; empty where there is none. Line ends stay in it as they
/// are, and the lack of one at the end is marked.
pub fn unified_diff(old: &str, new: &str, path: &str) -> String {
    if old == new {
        return String::new();
    }
    // Not `from_lines`: to it a carriage return alone ends a line, to patch it does not.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(LONGEST)
        .newline_terminated(true)
        .diff_slices(&old, &new);
    diff.unified_diff().context_radius(3).header(&named("a", path), &named("b", path)).to_string()
}

/// A name as git writes it: quoted where it has more than plain characters.
fn named(side: &str, path: &str) -> String {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\' && c.is_ascii();
    if path.chars().all(plain) {
        // A tab ends a name, so that spaces in it do not.
        let tab = if path.contains(' ') { "\t" } else { "" };
        return format!("{side}/{path}{tab}");
    }
    let octal = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\{byte:03o}"),
    };
    format!("\"{side}/{}\"", path.bytes().map(octal).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Applies a patch with a program, in a folder of its own.
    fn applied(program: &[&str], old: &[u8], path: &str, patch: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("folders");
        std::fs::write(&file, old).expect("written");
        std::fs::write(folder.path().join("p"), patch).expect("written");
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).current_dir(folder.path()).stdin(Stdio::null());
        let done = command.env("GIT_CEILING_DIRECTORIES", "/").output().expect(program[0]);
        assert!(done.status.success(), "{program:?}: {}\n{patch}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(&file).expect("read")
    }

    #[test]
    fn patch_and_git_take_the_patch() {
        let pairs = [
            ("FROM a\nRUN b\n", "FROM c\nRUN b\n"),
            ("FROM a\nRUN b", "FROM a\nRUN c"),
            ("FROM a", "FROM a\n"),
            ("FROM a\r\nRUN b\r\n", "FROM c\r\nRUN b\r\n"),
            ("FROM a\r\nRUN b\rc", "FROM a\r\nX\r\nRUN b\rc"),
            ("# é\nFROM a\n", "FROM a\n"),
        ];
        for (old, new) in pairs {
            for path in ["Dockerfile", "sub dir/Dockerfile", "é/\"x\\y"] {
                let diff = unified_diff(old, new, path);
                let patched = applied(&["patch", "--binary", "-s", "-p1", "-i", "p"], old.as_bytes(), path, &diff);
                assert_eq!(String::from_utf8_lossy(&patched), new, "patch, {path}");
                let gitted = applied(&["git", "apply", "p"], old.as_bytes(), path, &diff);
                assert_eq!(String::from_utf8_lossy(&gitted), new, "git, {path}");
            }
        }
        assert_eq!(unified_diff("a", "a", "x"), "");
    }
}
