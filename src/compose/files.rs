//! A compose file with the others whose services it extends. `read` fetches a file's text, so that nothing here touches a
//! disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Compose, ComposeError, DEEPEST, Service, room_for, service};

/// How many other files one may lead to.
pub(super) const MOST_FILES: usize = 16;

/// Fetches a file's text; an error says why it can't be had.
pub type Read<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

impl Compose {
    /// Reads a compose file and those that its services extend. Folders of builds are seen from where `file` is seen
    /// from: a file that is extended has its own folder's.
    pub fn load(file: &Path, environment: &BTreeMap<String, String>, read: Read<'_>) -> Result<Self, ComposeError> {
        let mut files = Files { environment, read, known: BTreeMap::new(), room: super::ROOM };
        let Self { name, services } = files.parse(file)?;
        let whole = |(name, service): (String, Service)| {
            let mut whole = files.whole(&name, service, file, 0)?;
            room_for(&mut files.room, &whole)?;
            beside(&mut whole, file);
            Ok((name, whole))
        };
        Ok(Self { name, services: services.into_iter().map(whole).collect::<Result<_, ComposeError>>()? })
    }
}

struct Files<'a> {
    environment: &'a BTreeMap<String, String>,
    read: Read<'a>,
    known: BTreeMap<PathBuf, Compose>,
    room: usize,
}

impl Files<'_> {
    /// A file's own services, their folders as seen from where the file is seen from.
    fn parse(&self, file: &Path) -> Result<Compose, ComposeError> {
        let in_file = |error: ComposeError| ComposeError::File { file: shown(file), reason: error.to_string() };
        let text = (self.read)(file).map_err(|reason| ComposeError::File { file: shown(file), reason })?;
        let mut compose = Compose::parse(&text, self.environment).map_err(in_file)?;
        for build in compose.services.values_mut().filter_map(|service| service.build.as_mut()) {
            let local = build.context.as_deref().filter(|context| !is_remote(context));
            if let Some(context) = local.map(|context| shown(&folder(file).join(context))) {
                build.context = Some(context);
            }
        }
        Ok(compose)
    }

    /// A service over the one of another file that it extends.
    fn whole(&mut self, name: &str, above: Service, file: &Path, depth: usize) -> Result<Service, ComposeError> {
        let Some((other, wanted)) = above.extends_file.clone() else { return Ok(above) };
        if depth == DEEPEST {
            return Err(ComposeError::Circle { service: name.into() });
        }
        let other = folder(file).join(other);
        let below = self.file(&other)?.services.get(&wanted).cloned();
        let missing =
            || ComposeError::NoServiceThere { service: name.into(), wanted: wanted.clone(), file: shown(&other) };
        let mut below = self.whole(&wanted, below.ok_or_else(missing)?, &other, depth + 1)?;
        beside(&mut below, &other);
        Ok(service::over(below, &Service { extends_file: None, ..above }))
    }

    fn file(&mut self, file: &Path) -> Result<&Compose, ComposeError> {
        if !self.known.contains_key(file) {
            if self.known.len() == MOST_FILES {
                return Err(ComposeError::TooManyFiles { file: shown(file) });
            }
            let read = self.parse(file)?;
            self.known.insert(file.to_owned(), read);
        }
        self.known.get(file).ok_or_else(|| ComposeError::TooManyFiles { file: shown(file) })
    }
}

/// Whether a build's folder is none: a repository or an archive that the builder fetches.
pub fn is_remote(context: &str) -> bool {
    let starts = ["git@", "github.com/", "docker-image:", "oci-layout:", "target:", "service:"];
    context.contains("://") || starts.iter().any(|start| context.starts_with(start))
}

/// A build that names no folder is of its file's own.
fn beside(service: &mut Service, file: &Path) {
    for build in service.build.iter_mut().filter(|build| build.context.is_none()) {
        build.context = Some(shown(folder(file)));
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path without what means nothing in it.
fn shown(path: &Path) -> String {
    let clean: PathBuf = path.components().collect();
    let bare = clean.strip_prefix(".").ok().filter(|bare| !bare.as_os_str().is_empty());
    bare.unwrap_or(&clean).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Compose, ComposeError> {
        let files: BTreeMap<&Path, &str> = files.iter().map(|(name, text)| (Path::new(*name), *text)).collect();
        let read = |file: &Path| files.get(file).map(|text| (*text).to_owned()).ok_or_else(|| "not there".to_owned());
        Compose::load(Path::new("shop/compose.yaml"), &BTreeMap::new(), &read)
    }

    #[test]
    fn folders_are_those_of_the_file_that_names_them() {
        let compose = load(&[
            (
                "shop/compose.yaml",
                "services:
  web: {extends: {file: ../common/base.yaml, service: web}, image: shop/web, build: {target: run}}
  own: {build: ./own}
  bare: {build: {target: x}}
  far: {build: https://example.com/x.git}
  again: {extends: own, build: {dockerfile: D}}
",
            ),
            (
                "shop/../common/base.yaml",
                "services: {web: {extends: {file: deep/d.yaml, service: w}, platform: linux/amd64}}",
            ),
            ("shop/../common/deep/d.yaml", "services: {w: {build: {context: ../app, args: [A=1]}, image: w}}"),
        ])
        .expect("a compose file");
        let context = |name: &str| compose.services[name].build.as_ref().and_then(|build| build.context.as_deref());
        assert_eq!(context("web"), Some("shop/../common/deep/../app"));
        let web = &compose.services["web"];
        assert_eq!((web.image.as_deref(), web.platform.as_deref()), (Some("shop/web"), Some("linux/amd64")));
        assert_eq!(web.build.as_ref().expect("built").args["A"], "1");
        let contexts = ["own", "bare", "far", "again"].map(context);
        assert_eq!(contexts, [Some("shop/own"), Some("shop"), Some("https://example.com/x.git"), Some("shop/own")]);
    }

    #[test]
    fn what_can_t_be_followed_is_named() {
        let extends =
            |file: &str, service: &str| format!("services: {{a: {{extends: {{file: {file}, service: {service}}}}}}}");
        let said = |files: &[(&str, &str)]| load(files).expect_err("an error").to_string();
        let circle = extends("compose.yaml", "a");
        assert!(said(&[("shop/compose.yaml", &circle)]).contains("circle"));
        let there = extends("b.yaml", "a");
        assert!(said(&[("shop/compose.yaml", &there)]).contains("shop/b.yaml: not there"));
        assert!(said(&[("shop/compose.yaml", &there), ("shop/b.yaml", "services: {b: {}}")]).contains("\"a\""));
        assert!(said(&[("shop/compose.yaml", &there), ("shop/b.yaml", "[")]).contains("shop/b.yaml"));
    }

    #[test]
    fn files_without_end_are_not_followed() {
        let read = |file: &Path| {
            let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().len();
            Ok(format!("services: {{a: {{extends: {{file: {}.yaml, service: a}}}}}}", "x".repeat(name + 1)))
        };
        let error = Compose::load(Path::new("x.yaml"), &BTreeMap::new(), &read).expect_err("an error");
        assert!(error.to_string().contains("more than 16"), "{error}");
    }
}
