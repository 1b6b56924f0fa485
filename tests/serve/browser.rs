//! Chromium, spoken to in its own protocol over a pipe: <https://chromedevtools.github.io/devtools-protocol/>.

use super::until;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    said: u64,
    /// Errors of scripts, and of what the policy forbids.
    pub errors: Vec<String>,
    _profile: tempfile::TempDir,
}

pub struct Page(String);

/// What Chromium says of a page that goes while an expression is evaluated in it.
const GONE: [&str; 3] = ["navigated or closed", "context was destroyed", "Cannot find default execution context"];

/// The browser, if there is one; says so if not.
fn found() -> Option<PathBuf> {
    let named = std::env::var_os("UMLAUT_CHROMIUM").map(PathBuf::from);
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|file| file.is_file());
    let browser = named.or(found);
    if browser.is_none() {
        eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)");
    }
    browser
}

impl Browser {
    pub fn start(window: &str) -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // It reads at 3 and writes at 4.
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh"]).arg(found()?);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]);
        command.arg(format!("--window-size={window}")).arg(format!("--user-data-dir={}", profile.path().display()));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, to, from, said: 0, errors: Vec::new(), _profile: profile })
    }

    fn call(&mut self, page: Option<&Page>, method: &str, params: Value) -> Value {
        self.ask(page, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The result, or the browser's error.
    fn ask(&mut self, page: Option<&Page>, method: &str, params: Value) -> Result<Value, Value> {
        self.said += 1;
        let mut message = json!({ "id": self.said, "method": method, "params": params });
        if let Some(Page(session)) = page {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).unwrap();
            let answer: Value = serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).expect("the browser goes on");
            if answer["id"] == json!(self.said) {
                return if answer["error"].is_null() { Ok(answer["result"].clone()) } else { Err(answer["error"].clone()) };
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(params["exceptionDetails"].to_string()),
            Some("Log.entryAdded")
                if ["security", "violation"].contains(&params["entry"]["source"].as_str().unwrap_or_default()) =>
            {
                self.errors.push(params["entry"].to_string());
            }
            _ => {}
        }
    }

    /// In a window of its own: a page behind another one is hidden, and does not listen.
    pub fn open(&mut self, url: &str) -> Page {
        let target =
            self.call(None, "Target.createTarget", json!({ "url": "about:blank", "newWindow": true }))["targetId"].clone();
        let session = self.call(None, "Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        let page = Page(session["sessionId"].as_str().unwrap().to_owned());
        for method in ["Runtime.enable", "Log.enable", "Page.enable"] {
            self.call(Some(&page), method, json!({}));
        }
        self.go(&page, url);
        page
    }

    pub fn go(&mut self, page: &Page, url: &str) {
        self.call(Some(page), "Page.navigate", json!({ "url": url }));
        until("the page is there", || (self.value(page, "document.readyState") == "complete").then_some(()));
    }

    /// The value of an expression; null if it throws, or if another page has taken this one's place meanwhile.
    pub fn value(&mut self, page: &Page, expression: &str) -> Value {
        let wanted = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        match self.ask(Some(page), "Runtime.evaluate", wanted) {
            Ok(answer) => answer["result"]["value"].clone(),
            Err(error) if GONE.iter().any(|gone| error["message"].as_str().is_some_and(|said| said.contains(gone))) => {
                Value::Null
            }
            Err(error) => panic!("{expression}: {error}"),
        }
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, page: &Page, expression: &str) {
        until(expression, || (self.value(page, expression) == json!(true)).then_some(()));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
