//! How long to wait, and how often to ask again.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder, Retryable as _};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::error::RegistryError;

/// Time limits of everything that goes over the network.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To open a connection.
    pub connect: Duration,
    /// Between two pieces of an answer, and before the first.
    pub idle: Duration,
    /// For a whole manifest, config, token or page of tags.
    pub document: Duration,
    /// Requests that are made for one thing before giving up.
    pub tries: usize,
    /// Before the second try; doubled each time.
    pub first_delay: Duration,
    /// The longest `Retry-After` that is honoured; a longer one ends it at once.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            document: Duration::from_secs(120),
            tries: 5,
            first_delay: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// The pauses between tries.
    pub(super) fn pauses(&self) -> ExponentialBackoff {
        self.backoff().build()
    }

    fn backoff(&self) -> ExponentialBuilder {
        let times = self.tries.saturating_sub(1);
        ExponentialBuilder::new().with_jitter().with_min_delay(self.first_delay).with_max_times(times)
    }

    /// The pause after an error: what the registry asks for, else `pause`; `None` to give up.
    pub(super) fn pause(&self, error: &RegistryError, pause: Option<Duration>) -> Option<Duration> {
        let pause = pause?;
        match error.wait() {
            _ if !error.is_passing() => None,
            Some(wait) if wait > self.longest_wait => None,
            Some(wait) => Some(wait.max(pause)),
            None => Some(pause),
        }
    }

    /// Does it again until it works, or it is clear that it won't.
    pub(super) async fn retry<T, F: Future<Output = Result<T, RegistryError>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<T, RegistryError> {
        let mut tries = 1;
        let result = attempt
            .retry(self.backoff())
            .when(RegistryError::is_passing)
            .adjust(|error, pause| self.pause(error, pause))
            .notify(|error, pause| {
                tries += 1;
                tracing::warn!("{error}; trying again in {} ms", pause.as_millis());
            })
            .await;
        result.map_err(|error| counted(error, tries))
    }
}

/// Says how often it was tried.
fn counted(error: RegistryError, tries: usize) -> RegistryError {
    match tries {
        1 => error,
        _ => RegistryError::Tries { tries, source: Box::new(error) },
    }
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers("7")), Some(Duration::from_secs(7)));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let wait = retry_after(&headers(&soon)).unwrap().as_secs();
        assert!((90..=100).contains(&wait), "{wait}");
        assert_eq!(retry_after(&headers("Wed, 21 Oct 2015 07:28:00 GMT")), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(retry_after(&headers(odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_wait_is_honoured_up_to_a_point() {
        let patience = Patience::default();
        let limited = |wait| RegistryError::Limited {
            what: String::new(),
            host: String::new(),
            reason: String::new(),
            wait: Some(Duration::from_secs(wait)),
        };
        let pause = Some(Duration::from_secs(1));
        assert_eq!(patience.pause(&limited(5), pause), Some(Duration::from_secs(5)));
        assert_eq!(patience.pause(&limited(0), pause), pause);
        assert_eq!(patience.pause(&limited(61), pause), None);
        assert_eq!(patience.pause(&limited(5), None), None, "tries are used up");
    }
}
