//! Which page does an address mean?
//!
//! Names of experiments and runs are those of directories, any bytes, so they stand percent-encoded in addresses. An address is never joined to a
//! path: its parts are looked for among the names that there are.

use std::ffi::{OsStr, OsString};

/// Most runs side by side.
pub(super) const MOST: usize = 8;

/// A page, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// All experiments.
    List,
    /// One experiment.
    Experiment(OsString),
    /// Its data set.
    Data(OsString),
    /// One run: its experiment and its id.
    Run(OsString, OsString),
    /// Runs side by side.
    Compare(Vec<(OsString, OsString)>),
    /// The charts and tables of a page.
    Drawn(Box<Address>),
    /// The style sheet or a script.
    File(&'static str),
    /// What changes, as server-sent events.
    Events,
    /// Where a page of an experiment sends what it asks for.
    Control(OsString),
}

/// Files that come with the program.
pub(super) const FILES: [&str; 3] = ["umlaut.css", "report.js", "umlaut.js"];

impl Address {
    /// Of a request's path and query; `None` for what there is not.
    pub(super) fn of(path: &str, query: &str) -> Option<Self> {
        let mut parts: Vec<OsString> = path.strip_prefix('/')?.split('/').map(decoded).collect();
        if parts.last().is_some_and(|last| last == "drawn") && parts.len() > 1 {
            parts.pop();
            return Some(Self::Drawn(Box::new(Self::page(&parts, query)?)));
        }
        Self::page(&parts, query)
    }

    fn page(parts: &[OsString], query: &str) -> Option<Self> {
        let words: Vec<&str> = parts.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        match words[..] {
            [""] => Some(Self::List),
            ["events"] => Some(Self::Events),
            ["compare"] => Some(Self::Compare(runs(query)?)),
            ["files", file] => FILES.iter().find(|known| **known == file).map(|file| Self::File(file)),
            ["x", _] => Some(Self::Experiment(parts[1].clone())),
            ["x", _, "control"] => Some(Self::Control(parts[1].clone())),
            ["x", _, "data"] => Some(Self::Data(parts[1].clone())),
            ["x", _, "runs", _] => Some(Self::Run(parts[1].clone(), parts[3].clone())),
            _ => None,
        }
    }

    /// As it stands in a link.
    pub(super) fn link(&self) -> String {
        match self {
            Self::List => "/".to_owned(),
            Self::Experiment(name) => format!("/x/{}", encoded(name)),
            Self::Data(name) => format!("/x/{}/data", encoded(name)),
            Self::Control(name) => format!("/x/{}/control", encoded(name)),
            Self::Run(name, run) => format!("/x/{}/runs/{}", encoded(name), encoded(run)),
            Self::Compare(runs) => {
                let one = |(name, run): &(OsString, OsString)| format!("run={}", encoded(named(name, run).as_ref()));
                format!("/compare?{}", runs.iter().map(one).collect::<Vec<_>>().join("&"))
            }
            Self::Drawn(page) => {
                let link = page.link();
                let (path, query) = link.split_once('?').map_or((&*link, None), |(path, query)| (path, Some(query)));
                format!("{path}/drawn{}", query.map(|query| format!("?{query}")).unwrap_or_default())
            }
            Self::File(name) => format!("/files/{name}"),
            Self::Events => "/events".to_owned(),
        }
    }
}

/// A run as the value of a form: its experiment and its id, both encoded.
pub(super) fn named(experiment: &OsStr, run: &OsStr) -> String {
    format!("{}/{}", encoded(experiment), encoded(run))
}

/// `run=…&run=…`, two to eight values of [`named`], which a browser encodes once more.
fn runs(query: &str) -> Option<Vec<(OsString, OsString)>> {
    let mut runs = Vec::new();
    for value in query.split('&').filter_map(|pair| pair.strip_prefix("run=")) {
        let value = decoded(&value.replace('+', "%20"));
        let (name, run) = value.to_str()?.split_once('/')?;
        let run = (decoded(name), decoded(run));
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
    (2..=MOST).contains(&runs.len()).then_some(runs)
}

/// Percent-decoding; what is no encoding stays.
pub(super) fn decoded(text: &str) -> OsString {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    os_string(out)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Percent-encoding of all but letters, digits and `-._~`.
pub(super) fn encoded(name: &OsStr) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    name.as_encoded_bytes().iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_their_pages() {
        let name = || OsString::from("a b/ü\"<script>&?#%2F");
        let run = |id: &str| (name(), OsString::from(id));
        let pages = [
            Address::List,
            Address::Experiment(name()),
            Address::Experiment("drawn".into()),
            Address::Data(name()),
            Address::Control(name()),
            Address::Run(name(), "lr-1+2".into()),
            Address::Events,
            Address::File("umlaut.js"),
            Address::Compare(vec![run("a"), run("b")]),
            Address::Drawn(Box::new(Address::Run(name(), "r".into()))),
            Address::Drawn(Box::new(Address::Compare(vec![run("a"), run("b+")]))),
        ];
        for page in pages {
            let link = page.link();
            let (path, query) = link.split_once('?').unwrap_or((&link, ""));
            if page == Address::Experiment("drawn".into()) {
                continue;
            }
            assert_eq!(Address::of(path, query), Some(page), "{link}");
        }
    }

    #[test]
    fn what_there_is_not_is_none() {
        for path in ["", "/x", "/x/a/b", "/files/../secret", "/files/other", "/x/a/runs/r/samples/p.png", "/drawn"] {
            assert_eq!(Address::of(path, ""), None, "{path}");
        }
        assert_eq!(Address::of("/compare", "run=a/b"), None);
        let nine: Vec<String> = (0..9).map(|k| format!("run=a/{k}")).collect();
        assert_eq!(Address::of("/compare", &nine.join("&")), None);
        assert_eq!(Address::of("/compare", "run=a%2Fb&run=a%2Fb"), None, "one run is no comparison");
    }
}
