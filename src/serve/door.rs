//! Who is let in?
//!
//! Two dangers: another page in the same browser, which can send requests here and, by changing what its own name means (DNS rebinding), read the
//! answers; and others on the network. Without a token a request must name this machine itself as its host, which a page of another name cannot do.
//! With one, it must know the token: from the address that was printed, or from the cookie that this left.

use axum::http::{HeaderMap, Uri, header};
use rand::RngCore;
use std::net::SocketAddr;

/// Who is let in.
#[derive(Debug)]
pub(super) struct Door {
    at: SocketAddr,
    token: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is answered.
    Open,
    /// It has the token: a cookie is left, and the address goes on without it.
    Welcome {
        /// The `Set-Cookie` header.
        cookie: String,
        /// The same address without the token.
        to: String,
    },
    /// It is refused, with the reason.
    Refused(String),
}

impl Door {
    /// At an address; a token is asked for beyond this machine, and where it is `wanted`.
    pub(super) fn new(at: SocketAddr, wanted: bool) -> Self {
        let random = || {
            let mut bytes = [0_u8; 16];
            rand::rng().fill_bytes(&mut bytes);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        Self { at, token: (wanted || !at.ip().is_loopback()).then(random) }
    }

    /// The address of the first page, as it is given to a browser.
    pub(super) fn url(&self) -> String {
        let host = if self.at.ip().is_unspecified() { crate::machine::host() } else { self.at.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let token = self.token.as_ref().map_or(String::new(), |token| format!("?token={token}"));
        format!("http://{host}:{}/{token}", self.at.port())
    }

    /// Looks at a request.
    pub(super) fn entry(&self, uri: &Uri, headers: &HeaderMap) -> Entry {
        let Some(token) = &self.token else { return self.of_this_machine(headers) };
        let query = uri.query().unwrap_or_default();
        let (tokens, others): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with("token="));
        let name = format!("umlaut-{}", self.at.port());
        if tokens.iter().any(|pair| same(&pair["token=".len()..], token)) {
            let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
            let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict");
            return Entry::Welcome { cookie, to: format!("{}{query}", uri.path()) };
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        match pairs.any(|(key, value)| key == name && same(value, token)) {
            true => Entry::Open,
            false => Entry::Refused("the token is missing: open the address that `umlaut serve` printed".to_owned()),
        }
    }

    /// The port may be another one, of a tunnel (`ssh -L`).
    fn of_this_machine(&self, headers: &HeaderMap) -> Entry {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let own = self.at.ip().to_string();
        if ["localhost", "127.0.0.1", "[::1]", &own].contains(&name.to_ascii_lowercase().as_str()) {
            return Entry::Open;
        }
        Entry::Refused(format!("{name:?} is no name of this machine: open http://127.0.0.1:{}/", self.at.port()))
    }
}

/// Compares in a time that does not depend on where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(door: &Door, uri: &str, name: header::HeaderName, value: &str) -> Entry {
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        door.entry(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn a_page_of_another_name_is_refused() {
        let door = Door::new("127.0.0.1:8000".parse().unwrap(), false);
        assert_eq!(door.url(), "http://127.0.0.1:8000/");
        for host in ["127.0.0.1:8000", "localhost:9999", "LOCALHOST", "[::1]:8000"] {
            assert_eq!(entry(&door, "/", header::HOST, host), Entry::Open, "{host}");
        }
        for host in ["evil.example:8000", "127.0.0.1.evil.example", "localhost:80:80", "", "127.0.0.2"] {
            assert!(matches!(entry(&door, "/", header::HOST, host), Entry::Refused(_)), "{host}");
        }
        assert!(matches!(door.entry(&"/".parse().unwrap(), &HeaderMap::new()), Entry::Refused(_)));
    }

    #[test]
    fn beyond_this_machine_the_token_is_asked_for() {
        let door = Door::new("0.0.0.0:8000".parse().unwrap(), false);
        let token = door.token.clone().unwrap();
        assert!(token.len() == 32 && door.url().ends_with(&format!(":8000/?token={token}")));
        let Entry::Welcome { cookie, to } = entry(&door, &format!("/x/a?by=1&token={token}"), header::HOST, "any") else {
            panic!()
        };
        assert_eq!(to, "/x/a?by=1");
        assert_eq!(entry(&door, "/", header::COOKIE, &format!("other=1; {}", cookie.split(';').next().unwrap())), Entry::Open);
        for (uri, cookie) in [
            ("/".to_owned(), String::new()),
            (format!("/?token={}", &token[1..]), String::new()),
            ("/?token=".to_owned(), String::new()),
            ("/".to_owned(), format!("umlaut-8001={token}")),
        ] {
            assert!(matches!(entry(&door, &uri, header::COOKIE, &cookie), Entry::Refused(_)), "{uri} {cookie}");
        }
        let other = Door::new("0.0.0.0:8000".parse().unwrap(), false);
        assert_ne!(other.token, door.token);
    }
}
