//! Images made of text, checked.

use super::{Application, Compatibility, Verdict, check};
use crate::analyze::testing::Fixture;
use crate::model::{Healthcheck, RuntimeConfig};

/// A base of glibc with a shell, certificates, and Python as Debian or as Docker has it.
const GLIBC: &str = "
    elf lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 soname=ld-linux-x86-64.so.2 exports=__tls_get_addr
    link lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
    elf lib/x86_64-linux-gnu/libc.so.6 soname=libc.so.6 needed=ld-linux-x86-64.so.2 provides=GLIBC_2.2.5,GLIBC_2.36 exports=printf,malloc
    elf bin/sh interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.2.5 undefined=printf
    text etc/os-release ID=debian\\nVERSION_ID=12
    text etc/passwd root:x:0:0::/:/bin/sh\\nwww-data:x:33:33::/:/bin/sh
    text etc/group root:x:0:\\nwww-data:x:33:";
const PYTHON: &str = "
    elf usr/local/bin/python3.11 interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 exports=PyModule_Create2 undefined=malloc
    link usr/local/bin/python3 python3.11
    link usr/local/bin/python python3
    file usr/local/lib/python3.11/os.py 10 os";
const MUSL: &str = "
    elf lib/ld-musl-x86_64.so.1 soname=libc.musl-x86_64.so.1 exports=printf,malloc
    link lib/libc.musl-x86_64.so.1 ld-musl-x86_64.so.1
    elf bin/sh interp=/lib/ld-musl-x86_64.so.1 needed=libc.musl-x86_64.so.1 undefined=printf
    elf usr/local/bin/python3.11 interp=/lib/ld-musl-x86_64.so.1 needed=libc.musl-x86_64.so.1 exports=PyModule_Create2
    link usr/local/bin/python python3.11
    text etc/passwd root:x:0:0::/:/bin/sh";

/// An application in one layer over a base, and what it runs with.
struct Case {
    base: String,
    own: &'static str,
    config: RuntimeConfig,
    base_config: RuntimeConfig,
    built: bool,
    commands: Vec<String>,
    copies: Vec<String>,
}

fn words(text: &str) -> Option<Vec<String>> {
    Some(text.split(' ').map(str::to_owned).collect())
}

/// On glibc with Python 3.11 below `/usr/local`.
fn case(own: &'static str, command: &str) -> Case {
    Case {
        base: [GLIBC, PYTHON].concat(),
        own,
        config: RuntimeConfig { cmd: words(command), working_dir: "/app".into(), ..RuntimeConfig::default() },
        base_config: RuntimeConfig::default(),
        built: true,
        commands: Vec::new(),
        copies: Vec::new(),
    }
}

impl Case {
    fn more_base(mut self, text: &str) -> Self {
        self.base += "\n";
        self.base += text;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        change(&mut self.config);
        self
    }

    fn on_config(&self, candidate: &str, config: RuntimeConfig) -> Compatibility {
        let image = if self.built { Fixture::new(&[&self.base, self.own]) } else { Fixture::new(&[&self.base]) };
        let mut candidate = Fixture::new(&[candidate]);
        candidate.image.manifest.config.config = config;
        let application = Application {
            image: image.subject(),
            base_layers: 1,
            base: Some(&self.base_config),
            runs_with: &self.config,
            build_commands: &self.commands,
            copies: &self.copies,
            built: self.built,
        };
        check(&application, candidate.subject())
    }

    fn on(&self, candidate: &str) -> Compatibility {
        self.on_config(candidate, RuntimeConfig::default())
    }

    /// The verdict on a candidate, and its reasons: rule, missing, needed by.
    fn told(&self, candidate: &str) -> String {
        told(&self.on(candidate))
    }
}

fn told(found: &Compatibility) -> String {
    let mut lines = vec![found.verdict.name().to_owned()];
    for reason in &found.reasons {
        let by = reason.needed_by.as_ref().map(|path| format!(" by {}", path.display())).unwrap_or_default();
        lines.push(format!("{} {}: {} [{}]{by}", reason.verdict.name(), reason.rule, reason.what, reason.missing));
    }
    lines.join("\n")
}

/// The verdict and the rules that stand behind it.
fn rules(found: &Compatibility) -> (Verdict, Vec<&'static str>) {
    let behind = found.reasons.iter().filter(|reason| reason.verdict == found.verdict);
    (found.verdict, behind.map(|reason| reason.rule).collect())
}

const WHEEL: &str = "
    file usr/local/lib/python3.11/site-packages/flask/app.py 10 flask
    elf usr/local/lib/python3.11/site-packages/markupsafe/_speedups.cpython-311-x86_64-linux-gnu.so needed=libc.so.6 requires=libc.so.6:GLIBC_2.2.5 undefined=PyModule_Create2,malloc exports=PyInit__speedups
    file app/app.py 5 app";

#[test]
fn on_the_same_base_it_works() {
    let app = case(WHEEL, "python app.py");
    assert_eq!(app.told(&app.base), "works");
}

#[test]
fn on_musl_a_wheel_of_glibc_breaks() {
    insta::assert_snapshot!(case(WHEEL, "python app.py").told(MUSL), @"
    breaks
    breaks python-abi: a module is not loaded by the base's Python: it is for glibc, the base's Python is of musl [] by /usr/local/lib/python3.11/site-packages/markupsafe/_speedups.cpython-311-x86_64-linux-gnu.so
    ");
}

#[test]
fn on_another_minor_version_packages_are_not_read() {
    let newer = [GLIBC, PYTHON].concat().replace("3.11", "3.12");
    insta::assert_snapshot!(case(WHEEL, "python app.py").told(&newer), @"
    breaks
    breaks python-packages: no Python there reads /usr/local/lib/python3.11/site-packages: it is for 3.11 in its place, the base has 3.12 (/usr/local/bin/python3.12) [Python 3.11] by /usr/local/lib/python3.11/site-packages/flask/app.py
    undecided runtime-version: its code is made for Python 3.11 and would run on 3.12 [Python 3.11]
    ");
    let elsewhere = [GLIBC, PYTHON].concat().replace("usr/local/", "usr/");
    insta::assert_snapshot!(case(WHEEL, "python app.py").told(&elsewhere), @"
    breaks
    breaks python-packages: no Python there reads /usr/local/lib/python3.11/site-packages: it is for 3.11 in its place, the base has 3.11 (/usr/bin/python3.11) [Python 3.11] by /usr/local/lib/python3.11/site-packages/flask/app.py
    ");
    let same = case(WHEEL, "python app.py").with(|config| {
        config.env = vec!["PYTHONPATH=/usr/local/lib/python3.11/site-packages".into()];
    });
    assert_eq!(same.told(&elsewhere), "works");
}

#[test]
fn a_version_that_the_library_lacks_breaks() {
    let app = case(
        "elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6 requires=libc.so.6:GLIBC_2.36",
        "./tool",
    );
    let older = GLIBC.replace("GLIBC_2.36", "GLIBC_2.31");
    insta::assert_snapshot!(app.told(&older), @"
    breaks
    breaks elf-version: /lib/x86_64-linux-gnu/libc.so.6 goes up to GLIBC_2.31 [GLIBC_2.36 of libc.so.6] by /app/tool
    ");
}

#[test]
fn a_library_that_is_gone_breaks_and_its_package_is_named() {
    let base = "
        elf usr/lib/x86_64-linux-gnu/libpq.so.5 soname=libpq.so.5 needed=libc.so.6 exports=PQconnectdb
        text var/lib/dpkg/info/libpq5:amd64.list /usr/lib/x86_64-linux-gnu/libpq.so.5.15\\n/usr/lib/x86_64-linux-gnu/libpq.so.5";
    let own = "elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libpq.so.5,libc.so.6 undefined=PQconnectdb
        elf app/plugin.so needed=libnever.so.1,libc.so.6";
    let app = case(own, "./tool").more_base(base);
    let found = app.on(GLIBC);
    insta::assert_snapshot!(told(&found), @"
    breaks
    breaks elf-library: the library libpq.so.5 is not there [libpq.so.5] by /app/tool
    ");
    assert_eq!(found.reasons[0].supplied_by.as_deref(), Some("the package libpq5 of the old base"));
}

#[test]
fn paths_in_the_file_and_in_the_settings_are_followed() {
    let own = "elf opt/x/bin/tool interp=/lib64/ld-linux-x86-64.so.2 runpath=$ORIGIN/../lib needed=liba.so.1
        elf opt/x/lib/liba.so.1 soname=liba.so.1 needed=libb.so.1 exports=a
        elf opt/y/libb.so.1 soname=libb.so.1 needed=libc.so.6 exports=b";
    let app = case(own, "/opt/x/bin/tool").with(|config| config.env = vec!["LD_LIBRARY_PATH=/opt/y".into()]);
    assert_eq!(app.told(GLIBC), "works");
    // RUNPATH is not inherited, RPATH is.
    let base = "elf usr/lib/libb.so.1 soname=libb.so.1 needed=libc.so.6 exports=b";
    let unset = |own| case(own, "/opt/x/bin/tool").more_base(base);
    assert_eq!(
        rules(
            &unset(
                "elf opt/x/bin/tool interp=/lib64/ld-linux-x86-64.so.2 runpath=/opt/x:/opt/y needed=liba.so.1
        elf opt/x/liba.so.1 soname=liba.so.1 needed=libb.so.1
        elf opt/y/libb.so.1 soname=libb.so.1"
            )
            .on(GLIBC)
        )
        .0,
        Verdict::Breaks
    );
    assert_eq!(
        unset(
            "elf opt/x/bin/tool interp=/lib64/ld-linux-x86-64.so.2 rpath=/opt/x:/opt/y needed=liba.so.1
        elf opt/x/liba.so.1 soname=liba.so.1 needed=libb.so.1
        elf opt/y/libb.so.1 soname=libb.so.1"
        )
        .told(GLIBC),
        "works"
    );
}

/// What lies behind hundreds of other folders is not found, and that is no reason to say that it is not there.
#[test]
fn lists_of_folders_without_end_are_not_searched() {
    let own = "elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libx.so.1,libc.so.6
        elf opt/x/libx.so.1 soname=libx.so.1 needed=libc.so.6";
    let list = |count: usize| (1..count).map(|i| format!("/d{i}:")).collect::<String>() + "/opt/x:/app";
    for name in ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH"] {
        let app = |count| case(own, "tool").with(|config| config.env = vec![format!("{name}={}", list(count))]);
        let told = told(&app(500).on(GLIBC));
        let expected = format!(
            "undecided\nundecided environment: {name} names more than 500 places, or is too long: what is in them is not looked at []"
        );
        assert_eq!(told, expected);
    }
    let both = vec![format!("PATH={}", list(499)), format!("LD_LIBRARY_PATH={}", list(499))];
    assert_eq!(case(own, "tool").with(|config| config.env = both).told(GLIBC), "works");
    // The candidate's settings count as well.
    let config = RuntimeConfig { env: vec![format!("PATH={}", list(500))], ..RuntimeConfig::default() };
    let plain = case(own, "/app/tool").with(|config| config.env = vec!["LD_LIBRARY_PATH=/opt/x".into()]);
    assert_eq!(rules(&plain.on_config(GLIBC, config)), (Verdict::Undecided, vec!["environment"]));
    let many = RuntimeConfig { env: (0..=500).map(|i| format!("V{i}=")).collect(), ..RuntimeConfig::default() };
    assert_eq!(rules(&plain.on_config(GLIBC, many)), (Verdict::Undecided, vec!["environment"]));
    let long = RuntimeConfig { env: vec![format!("PATH=/{}", "d/".repeat(70_000))], ..RuntimeConfig::default() };
    assert_eq!(rules(&plain.on_config(GLIBC, long)), (Verdict::Undecided, vec!["environment"]));
}

#[test]
fn what_the_loader_is_needed_by_does_not_end_the_search() {
    let base = "elf lib/liba.so.1 soname=liba.so.1 needed=ld-linux-x86-64.so.2,libb.so.1
        elf lib/libb.so.1 soname=libb.so.1 needed=libc.so.6,libdeep.so.1";
    let deep = [base, "\nelf lib/libdeep.so.1 soname=libdeep.so.1"].concat();
    let own = "elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=liba.so.1,libc.so.6";
    let app = case(own, "./tool").more_base(&deep);
    insta::assert_snapshot!(app.told(&[GLIBC, "\n", base].concat()), @"
    breaks
    breaks elf-library: the library libdeep.so.1 is not there (through /lib/libb.so.1) [libdeep.so.1] by /app/tool
    ");
}

#[test]
fn symbols_that_nothing_defines() {
    let base = "elf usr/lib/libx.so.1 soname=libx.so.1 needed=libc.so.6 exports=x_old,x_new";
    let older = [GLIBC, "\nelf usr/lib/libx.so.1 soname=libx.so.1 needed=libc.so.6 exports=x_old"].concat();
    for (now, verdict) in [("now", Verdict::Breaks), ("", Verdict::Undecided)] {
        let own = format!(
            "elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libx.so.1,libc.so.6 undefined=x_new,x_never {now}"
        );
        let app = case(Box::leak(own.into_boxed_str()), "./tool").more_base(&format!("\n{base}"));
        assert_eq!(rules(&app.on(&older)), (verdict, vec!["elf-symbol"]));
    }
}

#[test]
fn without_a_shell_shell_forms_break() {
    let none: String = GLIBC.lines().filter(|line| !line.contains("bin/sh interp")).collect::<Vec<_>>().join("\n");
    let none = [&none, PYTHON].concat();
    let app = case(WHEEL, "python app.py");
    assert_eq!(app.told(&none), "works");
    let shell = app.with(|config| config.cmd = Some(vec!["/bin/sh".into(), "-c".into(), "python app.py".into()]));
    insta::assert_snapshot!(shell.told(&none), @"
    breaks
    breaks shell: its command needs a shell [/bin/sh]
    ");
    let health = case(WHEEL, "python app.py").with(|config| {
        config.healthcheck =
            Some(Healthcheck { test: vec!["CMD-SHELL".into(), "true".into()], ..Healthcheck::default() });
    });
    insta::assert_snapshot!(health.told(&none), @"
    breaks
    breaks shell: its health check needs a shell [/bin/sh]
    ");
}

#[test]
fn interpreters_of_scripts_are_followed() {
    let base = "\nelf usr/bin/env interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6\nscript usr/bin/tool /usr/bin/env -S bash -e\nelf bin/bash interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6";
    let own = "script app/start /usr/bin/env bash";
    let app = case(own, "./start").more_base(base);
    assert_eq!(app.told(&app.base), "works");
    insta::assert_snapshot!(app.told(&[GLIBC, "\nelf usr/bin/env interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6"].concat()), @"
    breaks
    breaks shebang: its command starts a script whose interpreter is not there [bash] by /app/start
    works script: scripts of the application need bash, which is not there [bash] by /app/start
    ");
}

/// Here one runs itself, and what it was given, twice, and that runs it again.
#[test]
fn scripts_without_end_are_left() {
    let app = case("script app/run /bin/sh\\n./run \"$@\"\\n\"$@\"\\nsh -c '\"$@\"; \"$@\"' x \"$@\"\\n", "./run");
    assert_eq!(app.told(&app.base), "works");
    let text = "\"$@\";".repeat(100);
    let words = ["sh", "-c", &text, "x"].repeat(6).into_iter().map(str::to_owned).collect();
    let app = case("", "").with(|config| config.cmd = Some(words));
    assert_eq!(rules(&app.on(&app.base)), (Verdict::Undecided, vec!["elf-unread"]));
}

/// A base with git, and one without.
#[test]
fn scripts_are_read() {
    let git = "\nelf usr/bin/git interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6";
    let env = "\nelf usr/bin/env interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6";
    let bare = [GLIBC, PYTHON, env].concat();
    let on_bare = |own: &'static str, command: &str| case(own, command).more_base(env).more_base(git).told(&bare);
    let app = case("script app/run /bin/sh\\nexec git --version\\n", "./run").more_base(git);
    assert_eq!(app.told(&app.base), "works");
    insta::assert_snapshot!(app.told(&bare), @"
    breaks
    breaks command: its command starts git, which is not there [git] by /app/run
    works script: scripts of the application need git, which is not there [git] by /app/run
    ");
    let maybe = "script app/run.sh /bin/sh\\nif [ -n \"$GIT\" ]; then git pull; fi\\nexec \"$@\"\\n";
    insta::assert_snapshot!(on_bare(maybe, "sh run.sh python app.py"), @"
    undecided
    undecided command: its command starts git, which is not there [git] by /app/run.sh
    works script: scripts of the application need git, which is not there [git] by /app/run.sh
    ");
    insta::assert_snapshot!(on_bare("script app/run /bin/sh\\nexec env \"$@\"\\n", "./run git"), @"
    breaks
    breaks command: its command starts git, which is not there [git] by /app/run
    ");
    insta::assert_snapshot!(on_bare("script app/run /bin/sh\\nexec \"$@\"\\n", "./run git pull"), @"
    breaks
    breaks command: its command starts git, which is not there [git] by /app/run
    ");
    insta::assert_snapshot!(on_bare("script app/other /bin/sh\\ngit pull\\n", "python app.py"), @"
    works
    works script: scripts of the application need git, which is not there [git] by /app/other
    ");
}

#[test]
fn users_by_name_are_looked_up() {
    let app = |user: &str| case(WHEEL, "python app.py").with(|config| config.user = user.into());
    let none = [GLIBC, PYTHON].concat().replace("\\nwww-data:x:33:33::/:/bin/sh", "").replace("\\nwww-data:x:33:", "");
    insta::assert_snapshot!(app("www-data:www-data").told(&none), @"
    breaks
    breaks user: it runs as the group www-data, which /etc/group does not have [www-data]
    breaks user: it runs as the user www-data, which /etc/passwd does not have [www-data]
    ");
    assert_eq!(app("33:33").told(&none), "works");
    let unknown = none.replace("text etc/passwd", "file etc/passwd 10 unknown\nfile other");
    assert_eq!(rules(&app("root").on(&unknown.replace("file other", "file x 3 "))).0, Verdict::Undecided);
}

#[test]
fn certificates_are_missed_as_far_as_that_is_evident() {
    let certificates = "\nfile etc/ssl/certs/ca-certificates.crt 200 certs";
    let app = case(WHEEL, "python app.py").more_base(certificates);
    assert_eq!(rules(&app.on(&[GLIBC, PYTHON].concat())), (Verdict::Undecided, vec!["certificates"]));
    let named = app.with(|config| config.env = vec!["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".into()]);
    assert_eq!(rules(&named.on(&[GLIBC, PYTHON].concat())).0, Verdict::Breaks);
    let program =
        case("elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6", "./tool").more_base(certificates);
    assert_eq!(program.on(GLIBC).verdict, Verdict::Works);
}

/// Debian's links to the certificates are not in the package of the library that follows them.
#[test]
fn certificates_that_openssl_does_not_find_are_none() {
    let certificates = "\nfile etc/ssl/certs/ca-certificates.crt 200 certs";
    let library = "\nelf usr/lib/x86_64-linux-gnu/libcrypto.so.3 soname=libcrypto.so.3";
    let links = "\nlink usr/lib/ssl/cert.pem /etc/ssl/certs/ca-certificates.crt";
    let base = [certificates, library, links].concat();
    let app = case(WHEEL, "python app.py").more_base(&base);
    assert_eq!(app.on(&[GLIBC, PYTHON, &base].concat()).verdict, Verdict::Works);
    let unlinked = [GLIBC, PYTHON, certificates, library].concat();
    assert_eq!(rules(&app.on(&unlinked)), (Verdict::Undecided, vec!["certificates"]));
    let named = RuntimeConfig {
        env: vec!["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".into()],
        ..RuntimeConfig::default()
    };
    assert_eq!(app.on_config(&unlinked, named).verdict, Verdict::Works);
}

#[test]
fn time_zones_are_missed_where_code_imports_them() {
    let zones = "\ndir usr/share/zoneinfo";
    let app = |source| case(source, "python app.py").more_base(zones);
    let without = [GLIBC, PYTHON].concat();
    assert_eq!(rules(&app("source app/app.py zoneinfo").on(&without)), (Verdict::Undecided, vec!["time-zones"]));
    assert_eq!(app("source app/app.py zoneinfo").on(&[&without, zones].concat()).verdict, Verdict::Works);
    assert_eq!(app("source app/app.py json").on(&without).verdict, Verdict::Works);
}

#[test]
fn an_entrypoint_of_the_candidate_takes_the_command() {
    let app = case(WHEEL, "python app.py");
    let config = RuntimeConfig { entrypoint: words("/usr/local/bin/python"), ..RuntimeConfig::default() };
    let found = app.on_config(&[GLIBC, PYTHON].concat(), config);
    assert_eq!(rules(&found), (Verdict::Breaks, vec!["entrypoint"]));
}

#[test]
fn what_could_not_be_read_is_undecided() {
    let app = case("unread app/tool its tail is missing", "./tool");
    assert_eq!(rules(&app.on(GLIBC)), (Verdict::Undecided, vec!["elf-unread"]));
    let app = case("elf app/tool interp=/lib64/ld-linux-x86-64.so.2 needed=libx.so.1", "./tool")
        .more_base("\nelf lib/libx.so.1 soname=libx.so.1");
    let unread = [GLIBC, "\nunread lib/libx.so.1 its tail is missing"].concat();
    assert_eq!(rules(&app.on(&unread)).0, Verdict::Undecided);
}

#[test]
fn what_stands_on_nothing_but_a_base_is_undecided() {
    let base = case("", "python app.py");
    let base = Case { base_config: base.config.clone(), ..base };
    let alone = |config: &RuntimeConfig| {
        let image = Fixture::new(&[&base.base]);
        let application = Application {
            image: image.subject(),
            base_layers: 1,
            base: Some(&base.base_config),
            runs_with: config,
            build_commands: &[],
            copies: &[],
            built: true,
        };
        rules(&check(&application, Fixture::new(&[GLIBC]).subject()))
    };
    assert_eq!(alone(&base.config), (Verdict::Undecided, vec!["no-application"]));
    // What it is told to start is known.
    let told = RuntimeConfig { cmd: words("python -m http.server"), ..base.config.clone() };
    assert_eq!(alone(&told), (Verdict::Breaks, vec!["command"]));
}

#[test]
fn without_a_built_image_installing_is_undecided() {
    let mut app = case("", "python app.py");
    app.built = false;
    let base = app.base.clone();
    assert_eq!(app.on(&base).verdict, Verdict::Works);
    app.commands = vec!["pip install -r requirements.txt".into()];
    assert_eq!(rules(&app.on(&base)), (Verdict::Undecided, vec!["not-built"]));
    app.commands.clear();
    app.copies = vec!["COPY . /app".into()];
    assert_eq!(rules(&app.on(&base)), (Verdict::Undecided, vec!["not-built"]));
    app.copies.clear();
    app.commands = vec!["apt-get update && apt-get install -y x".into()];
    let with_apt = [&base, "\nelf usr/bin/apt-get interp=/lib64/ld-linux-x86-64.so.2"].concat();
    app.base = with_apt;
    assert_eq!(rules(&app.on(&base)), (Verdict::Breaks, vec!["rebuild-command"]));
}
