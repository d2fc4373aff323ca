//! The tags of a repository, page by page (distribution-spec, "Content Discovery").

use std::collections::HashMap;

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
/// Registries give fifty tags on a page, or more: this many pages are 50 000 tags of the least generous one. It ends a
/// list that goes on with a tag or two on each page.
const MAX_PAGES: usize = 1000;

#[derive(Deserialize)]
struct TagList {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// All tags, in the registry's order, each once.
pub(super) async fn tags(endpoint: &Endpoint) -> Result<Vec<String>, RegistryError> {
    let what = format!("the tags of {}", endpoint.location.repository);
    let first = endpoint.path(&format!("tags/list?n={PER_PAGE}"));
    let name = || endpoint.location.repository.clone();
    // Each with its place in the list.
    let (mut all, mut pages) = (HashMap::new(), 0);
    let mut next = Some(first);
    while let Some(path) = next {
        pages += 1;
        if pages > MAX_PAGES {
            return Err(RegistryError::TooManyPages { name: name(), limit: MAX_PAGES });
        }
        let page = endpoint.page(&path, &what, MAX_PAGE).await?;
        let mut tags = parse(&page.bytes, &what, endpoint)?;
        let (count, before) = (tags.len(), all.len());
        tags.retain(|tag| is_tag(tag));
        let last = tags.last().cloned();
        for tag in tags {
            let place = all.len();
            all.entry(tag).or_insert(place);
            if all.len() > MAX_TAGS {
                return Err(RegistryError::TooManyTags { name: name(), limit: MAX_TAGS });
            }
        }
        // A page that brings nothing new is the last, whatever it says of another one.
        let more = all.len() > before;
        next = page.next.or_else(|| after(last.as_ref(), count, endpoint)).filter(|_| more);
    }
    let mut all: Vec<(String, usize)> = all.into_iter().collect();
    all.sort_unstable_by_key(|(_, place)| *place);
    Ok(all.into_iter().map(|(tag, _)| tag).collect())
}

/// Whether it can be a tag (distribution-spec, "Pulling manifests"): no other name leads to an image.
fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = text.bytes().next().is_some_and(word);
    first && text.len() <= 128 && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
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
