//! What holds for every file and every change.

use proptest::prelude::*;

use super::super::tests::any_file;
use super::tests::{ALPINE, BARE, DEBIAN, UBI, to};
use super::*;

fn any_change() -> impl Strategy<Value = Change> {
    let new = prop::sample::select(vec![DEBIAN, ALPINE, UBI, BARE]);
    let apart = prop::sample::select(vec![Apart::No, Apart::Venv, Apart::Folder]);
    let missing = prop::sample::subsequence(vec!["curl", "libpq5", "unknown-1"], 0..=2);
    (new, apart, missing, any::<bool>()).prop_map(|(new, apart, missing, pinned)| Change {
        digest: pinned.then(|| "sha256:00".to_owned()),
        missing_packages: missing.into_iter().map(str::to_owned).collect(),
        apart,
        ..to("python:3.7-slim", new)
    })
}

/// Files that do what adapting looks for.
fn any_python_file() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "FROM python:3.7 AS a",
        "FROM python:${V}",
        "FROM a",
        "WORKDIR /app",
        "COPY . .",
        "COPY --from=0 /x /x",
        "RUN pip install -r r.txt",
        "RUN pip install \\\n  # c\n  x && \\\n\n  python3 -m pip install y",
        "RUN apt-get update && apt-get install -y curl gcc",
        "RUN apt-get update; apt-get install -y libpq-dev && apt-get clean",
        "RUN apt-get install -y git \\",
        "RUN <<E\npip install x\nE",
        "RUN npm ci && npm run build # done",
        "USER app",
        "ENV A=1",
        "# comment",
        "",
        "CMD python app.py",
        "CMD [\"python\", \"app.py\"]",
        "ENTRYPOINT x $A",
        "HEALTHCHECK CMD curl localhost",
    ]);
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (prop::collection::vec(line, 0..10), end).prop_map(|(lines, end)| {
        let text = format!("ARG V=3.7\nFROM python:$V\n{}\n", lines.join("\n"));
        text.replace('\n', end)
    })
}

proptest! {
    #[test]
    fn adapting_keeps_the_file_a_file(text in prop_oneof![any_python_file(), any_file()], change in any_change()) {
        let Ok(file) = Dockerfile::parse(&text) else { return Ok(()) };
        for stage in file.stages() {
            let Ok(patched) = file.adapt(stage.index, &change) else { continue };
            let again = Dockerfile::parse(&patched.text);
            prop_assert!(again.is_ok(), "{:?}\n{}", again, patched.text);
            let again = again.expect("just looked");
            let more = again.stages().len() - file.stages().len();
            prop_assert!(more <= 1 && (change.apart != Apart::No || more == 0));
            let names = |file: &Dockerfile| file.stages().iter().filter_map(|stage| stage.name.clone()).collect::<Vec<_>>();
            let (before, mut after) = (names(&file), names(&again));
            if more == 1 {
                after.remove(names_before(&file, stage.index));
            }
            prop_assert_eq!(before, after);
            let twice = again.adapt(stage.index + more, &change).map(|patched| patched.text);
            prop_assert_eq!(twice.as_deref(), Ok(patched.text.as_str()));
            if patched.text == text {
                prop_assert!(patched.notes.iter().all(|note| note.kind == NoteKind::Look), "{:?}", patched.notes);
            }
        }
    }
}

/// How many stages before one have a name.
fn names_before(file: &Dockerfile, index: usize) -> usize {
    file.stages()[..index].iter().filter(|stage| stage.name.is_some()).count()
}
