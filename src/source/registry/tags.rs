//! The tags of a repository, page by page (distribution-spec, "Content Discovery").

use std::collections::HashSet;

use reqwest::Url;
use serde::Deserialize;

use super::endpoint::Endpoint;
use super::error::RegistryError;

/// Tags asked for at once; registries may give fewer.
const PER_PAGE: usize = 1000;
/// No page is larger. Some registries give everything on one.
const MAX_PAGE: u64 = 16 << 20;
/// No repository has more.
const MAX_TAGS: usize = 200_000;

#[derive(Deserialize)]
struct TagList {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// All tags, in the registry's order, each once.
pub(super) async fn tags(endpoint: &Endpoint) -> Result<Vec<String>, RegistryError> {
    let what = format!("the tags of {}", endpoint.location.repository);
    let first = endpoint.path(&format!("tags/list?n={PER_PAGE}"));
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    let mut next = Some(first);
    while let Some(path) = next {
        let page = endpoint.page(&path, &what, MAX_PAGE).await?;
        let tags = parse(&page.bytes, &what, endpoint)?;
        let (count, before) = (tags.len(), all.len());
        all.extend(tags.into_iter().filter(|tag| seen.insert(tag.clone())));
        if all.len() > MAX_TAGS {
            return Err(RegistryError::TooManyTags { name: endpoint.location.repository.clone(), limit: MAX_TAGS });
        }
        // A page that brings nothing new is the last, whatever it says of another one.
        let more = all.len() > before;
        next = page.next.or_else(|| after(all.last(), count, endpoint)).filter(|_| more);
    }
    Ok(all)
}

/// The page after a full one, where the registry gives no link.
fn after(last: Option<&String>, count: usize, endpoint: &Endpoint) -> Option<String> {
    let last = last.filter(|_| count >= PER_PAGE)?;
    // Only for its way of escaping a query.
    let mut url = Url::parse("http://localhost/").ok()?;
    url.query_pairs_mut().append_pair("n", &PER_PAGE.to_string()).append_pair("last", last);
    Some(endpoint.path(&format!("tags/list?{}", url.query().unwrap_or_default())))
}

fn parse(bytes: &[u8], what: &str, endpoint: &Endpoint) -> Result<Vec<String>, RegistryError> {
    let list: Result<TagList, _> = serde_json::from_slice(bytes);
    let list = list.map_err(|error| RegistryError::Status {
        what: what.into(),
        host: endpoint.location.host.clone(),
        status: 200,
        reason: format!(": not a list of tags ({error})"),
        wait: None,
    })?;
    Ok(list.tags.unwrap_or_default())
}
