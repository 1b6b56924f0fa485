//! Requests and their answers: who is let in, what is there, and the headers that keep a browser from doing anything else.

use super::Served;
use super::address::Address;
use super::control::{Ask, control};
use super::door::Entry;
use super::draw::Subject;
use super::pages;
use crate::report;
use crate::store::{RunDir, Stamp};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

/// What a page may do: load its own style and scripts, show images that stand in it, ask this server; nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// Bytes of a form at the most.
const FORM: usize = 1024;

/// A page that is not made within this time says that files are being read: thousands of runs, seen for the first time.
const PATIENCE: Duration = Duration::from_millis(600);

/// Of every answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Answers a request.
pub(super) async fn answer(State(served): State<Arc<Served>>, request: Request<Body>) -> Response {
    let mut response = match served.door.entry(request.uri(), request.headers()) {
        Entry::Open if request.method() == Method::POST && served.control => asked(served, request).await,
        Entry::Open => inside(served, request.method().clone(), request.uri().clone()).await,
        Entry::Refused(why) => pages::refused(&why).into_response(),
        Entry::Welcome { cookie, to } => welcome(&cookie, &to),
    };
    let headers: HeaderMap = HEADERS.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    response.headers_mut().extend(headers);
    response
}

fn welcome(cookie: &str, to: &str) -> Response {
    // A path that begins with two slashes would be the name of another server.
    let to = format!("/{}", to.trim_start_matches('/'));
    (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie.to_owned()), (header::LOCATION, to)]).into_response()
}

/// Answers a request for more than a look.
async fn asked(served: Arc<Served>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    // A page of another server can send a form here too, and says where it comes from.
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header(header::ORIGIN) != format!("http://{}", header(header::HOST)) {
        return pages::refused("what is asked for does not come from a page of this server").into_response();
    }
    let Some(Address::Control(name)) = Address::of(parts.uri.path(), "") else {
        return pages::missing(parts.uri.path(), "").into_response();
    };
    let form = axum::body::to_bytes(body, FORM).await.unwrap_or_default();
    let ask = std::str::from_utf8(&form).ok().and_then(Ask::of);
    let done = tokio::task::spawn_blocking(move || {
        let Some(dir) = served.experiment(&name) else {
            return pages::missing(&Address::Experiment(name).link(), "").into_response();
        };
        let Some(ask) = ask else { return pages::impossible(&name, "nothing that a page may ask for").into_response() };
        match control(&served, &dir, ask) {
            Ok(()) => (StatusCode::SEE_OTHER, [(header::LOCATION, Address::Experiment(name).link())]).into_response(),
            Err(why) => pages::impossible(&name, &why).into_response(),
        }
    });
    done.await.unwrap_or_else(|e| pages::broken(&e.to_string()).into_response())
}

async fn inside(served: Arc<Served>, method: Method, uri: Uri) -> Response {
    if ![Method::GET, Method::HEAD].contains(&method) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    match Address::of(&path, &query) {
        None => pages::missing(&path, &query).into_response(),
        Some(Address::Events) => served.clients.join().into_response(),
        Some(Address::File(name)) => file(name),
        Some(address) => {
            let quick = !matches!(address, Address::Drawn(_));
            let task = tokio::task::spawn_blocking(move || page(&served, &address));
            let limit = if quick { PATIENCE } else { Duration::MAX };
            // What takes longer goes on, and is there when the page is asked for again.
            match tokio::time::timeout(limit, task).await {
                Ok(page) => page.unwrap_or_else(|e| pages::broken(&e.to_string())).into_response(),
                Err(_) => pages::reading().into_response(),
            }
        }
    }
}

/// A file that comes with the program.
fn file(name: &str) -> Response {
    let (kind, text) = match name {
        "umlaut.css" => ("text/css", format!("{}{}{}", report::style(), report::chart_style(), include_str!("web/umlaut.css"))),
        "report.js" => ("text/javascript", report::script().to_owned()),
        _ => ("text/javascript", include_str!("web/umlaut.js").to_owned()),
    };
    ([(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text).into_response()
}

/// A page that is made of files.
fn page(served: &Served, address: &Address) -> pages::Page {
    let found = match address {
        Address::List => Some(pages::list(served)),
        Address::Experiment(name) => served.experiment(name).map(|dir| pages::experiment(served, &dir)),
        Address::Data(name) => served.experiment(name).map(|dir| pages::data(&dir)),
        Address::Run(name, id) => served.run(name, id).map(|run| pages::run(served, name, &run)),
        Address::Compare(runs) => side_by_side(served, runs).map(|dirs| pages::compare(served, runs, &dirs)),
        Address::Drawn(of) => drawn(served, of),
        Address::File(_) | Address::Events | Address::Control(_) => None,
    };
    let link = address.link();
    found.unwrap_or_else(|| pages::missing(&link, ""))
}

fn side_by_side(served: &Served, runs: &[(OsString, OsString)]) -> Option<Vec<RunDir>> {
    runs.iter().map(|(name, id)| served.run(name, id)).collect()
}

/// What is drawn on a page.
fn drawn(served: &Served, page: &Address) -> Option<pages::Page> {
    let report = |dirs: &[RunDir]| {
        let stamp = Stamp::of_all(dirs.iter().map(RunDir::stamp)).text();
        (Subject::Report(dirs.iter().map(|dir| dir.path().to_owned()).collect()), stamp)
    };
    let (subject, state) = match page {
        Address::Experiment(name) => {
            let dir = served.experiment(name)?;
            let stamp = served.looked.experiment(&dir).stamp.text();
            (Subject::Report(vec![dir.path().to_owned()]), stamp)
        }
        Address::Run(name, id) => report(&[served.run(name, id)?]),
        Address::Compare(runs) => report(&side_by_side(served, runs)?),
        Address::Data(name) => {
            let run = served.experiment(name)?.runs().ok()?.into_iter().next()?;
            (Subject::Data(run.run_toml()), String::new())
        }
        _ => return None,
    };
    Some(pages::drawn(served.drawings.of(&subject, &state)))
}
