//! report.html: what it says of hostile names, and how it works in a real browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::{EpochRecord, ImageRow, ImageScores, Outcome, Status};
use umlaut::report::{self, Wanted};
use umlaut::store::{ExperimentDir, Results};

/// A value that would do harm if it were taken for HTML.
const HOSTILE: &str = "\"<script>alert(1)</script> & 'x'\"";

/// Groups by learning rate, two seeds each, with a failed run of a hostile name and cause.
fn experiment(groups: usize) -> (TempDir, ExperimentDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("page");
    for group in 0..groups {
        let lr = format!("{}", 10 * (group + 1));
        let top = 0.9 - 0.1 * group as f64 / groups as f64;
        (1..=2).for_each(|seed| finished(&dir, &lr, seed, top));
    }
    let bad = Outcome {
        status: Status::Failed,
        cause: Some("<b>NaN</b> & more".into()),
        best_by: "val_loss".into(),
        ..Outcome::default()
    };
    create(&dir, HOSTILE, 1).write_outcome(&bad).unwrap();
    (temp, dir)
}

fn create(dir: &ExperimentDir, lr: &str, seed: u64) -> umlaut::store::RunDir {
    let differs = vec![("optimizer.adam.lr".to_owned(), lr.to_owned()), ("seed".to_owned(), seed.to_string())];
    let safe: String = lr.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = RunId::from_name(&format!("lr-{safe}_seed-{seed}-0123456789"));
    let spec = RunSpec { id, experiment: toml::from_str("name = 'page'").unwrap(), differs };
    let run = dir.run(&spec.id);
    run.create(&spec, "name = 'page' # </pre><script>alert(2)</script>").unwrap();
    run
}

fn finished(dir: &ExperimentDir, lr: &str, seed: u64, top: f64) {
    let run = create(dir, lr, seed);
    let mut writer = run.metrics_after(0).unwrap();
    let row = |epoch: usize| {
        let dice = top * epoch as f64 / 3.0;
        let values = [
            ("lr", 1e-3),
            ("val_loss", 1.0 - dice),
            ("val_dice", dice),
            ("val_iou", dice / (2.0 - dice)),
            ("val_dice_disc", dice),
        ];
        EpochRecord { epoch, values: values.map(|(name, value)| (name.to_owned(), value)).to_vec() }
    };
    (1..=3).for_each(|epoch| writer.append(&row(epoch), 0.5).unwrap());
    let best = row(3).values.into_iter().collect();
    let outcome = Outcome {
        status: Status::Finished,
        epochs: 3,
        best_epoch: Some(3),
        best_by: "val_loss".into(),
        best,
        ..Outcome::default()
    };
    run.write_outcome(&outcome).unwrap();
    let image = |k: usize| ImageRow {
        split: "val".into(),
        image: format!("image-{k}"),
        class: "disc".into(),
        values: vec![top + 0.001 * (k % 3) as f64 + 0.0001 * seed as f64],
    };
    run.write_image_scores(&ImageScores { metrics: vec!["dice".into()], rows: (0..8).map(image).collect() }).unwrap();
}

fn page(dir: &ExperimentDir) -> (PathBuf, String) {
    let path = report::write(dir, &Wanted::default()).unwrap().html.expect("HTML is written by default");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn nothing_is_taken_for_html_and_nothing_is_fetched() {
    let (_temp, dir) = experiment(2);
    let (_, text) = page(&dir);
    assert_eq!(text.matches("<script").count(), 1, "the page's own");
    assert!(text.contains("&lt;b&gt;NaN&lt;&#x2f;b&gt; &amp; more"), "the cause is there, as words");
    assert!(text.contains("alert(2)") && !text.contains("</pre><script>alert(2)"));
    for fetched in ["src=\"http", "href=\"http", "url(http", "@import", "<link", "src=\"//"] {
        assert!(!text.contains(fetched), "{fetched}");
    }
    let mut ids: Vec<&str> = text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands for one thing");
    assert_eq!(page(&dir).1, text, "equal files give equal bytes");
}

/// Groups 1 and 8 have one colour, and 1 and 6 one shape.
#[test]
fn tables_have_the_markers_of_charts() {
    let (_temp, dir) = experiment(10);
    let (_, text) = page(&dir);
    let table = text.split("<table id=\"groups\">").nth(1).and_then(|rest| rest.split("</table>").next()).unwrap();
    let charts = text.split("<h2>Charts</h2>").nth(1).unwrap();
    let mut seen = Vec::new();
    for row in table.split("<tr>").skip(2).take(10) {
        let class = row.split("<svg class=\"sw ").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let color = text.split(&format!(".{class}{{fill:")).nth(1).and_then(|rest| rest.split('}').next()).unwrap();
        let outline = row.split("<path d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let shape = &outline[outline.find(['a', 'h', 'l']).unwrap()..];
        let mark = format!("{shape}\" fill=\"{color}\"");
        assert!(charts.contains(&mark), "no chart has {mark}: {row}");
        seen.push(mark);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10, "each group has its own");
}

/// Two runs that lie far apart give an interval of −0.1 to 1.1 or so.
#[test]
fn intervals_stay_within_their_metric_and_have_a_true_minus() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("page");
    for (lr, seed, top) in [("10", 1, 0.7), ("10", 2, 0.3), ("20", 1, 0.4), ("20", 2, 0.5)] {
        finished(&dir, lr, seed, top);
    }
    let between = |text: &str, start: &str, end: &str| -> String {
        let rest = text.split(start).nth(1).unwrap_or_else(|| panic!("{start} is not in {text}"));
        rest.split(end).next().unwrap_or_default().replace('\u{a0}', " ")
    };
    let html = page(&dir).1;
    let markdown = fs::read_to_string(dir.path().join("report.md")).unwrap();
    for (groups, pairs) in [
        (between(&html, "<table id=\"groups\">", "</table>"), between(&html, "<table id=\"pairs\">", "</table>")),
        (between(&markdown, "## Groups", "##"), between(&markdown, "## Differences", "##")),
    ] {
        assert!(groups.contains("0.0000 to 1.0000"), "{groups}");
        assert!(pairs.contains("−0.") && !pairs.contains(" -0.") && !pairs.contains(">-0."), "{pairs}");
    }
}

#[test]
fn only_what_is_wanted_is_written() {
    let (_temp, dir) = experiment(1);
    let wanted = Wanted { formats: Vec::new(), ..Wanted::default() };
    assert_eq!(report::write(&dir, &wanted).unwrap().html, None);
    assert!(!dir.path().join("report.html").exists() && !dir.path().join("report.md").exists());
}

/// The browser, if there is one.
fn browser() -> Option<PathBuf> {
    let problem = std::env::var_os("UMLAUT_CHROMIUM").map(PathBuf::from);
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|file| file.is_file());
    problem.or(found)
}

fn browse(browser: &Path, arguments: &[&str], page: &Path) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]).args(arguments);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("file://{}", page.display()));
    let output = command.output().expect("the browser starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a page has left in its element `seen`.
fn seen(document: &str) -> serde_json::Value {
    let seen = document.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next()).expect("the page ran");
    serde_json::from_str(&seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

/// Works on the page as a user does, and leaves what it saw in an element of its own.
const USER: &str = r#"<script>
const errors = [];
addEventListener("error", (e) => errors.push(e.message));
const error = console.error;
console.error = (...words) => { errors.push(words.join(" ")); error(...words); };
addEventListener("load", () => {
  const table = document.getElementById("groups");
  const column = (of) => [...of.tBodies[0].rows].map((row) => row.cells[1].textContent.trim());
  const button = (of, words) => [...of.querySelectorAll("th button")].find((b) => b.textContent === words);
  const seen = { at_first: column(table) };
  button(table, "group").click();
  seen.by_name = column(table);
  seen.sorted = button(table, "group").parentElement.getAttribute("aria-sort");
  button(table, "group").click();
  seen.by_name_down = column(table);
  button(table, "val Dice").click();
  seen.by_dice = column(table);
  const input = document.querySelector('[data-filter="groups"]');
  input.value = "ALERT  lr";
  input.dispatchEvent(new Event("input"));
  seen.filtered = [...table.tBodies[0].rows].filter((row) => row.offsetParent !== null).map((row) => row.cells[1].textContent.trim());
  seen.count = document.querySelector('[data-count="groups"]').textContent;
  input.value = "";
  input.dispatchEvent(new Event("input"));
  seen.all = [...table.tBodies[0].rows].filter((row) => row.offsetParent !== null).length;
  seen.wide = document.documentElement.scrollWidth > innerWidth;
  seen.errors = errors;
  const problem = document.createElement("pre");
  problem.id = "seen";
  problem.textContent = JSON.stringify(seen);
  document.body.append(problem);
});
</script></body>"#;

#[test]
fn a_browser_sorts_filters_and_prints() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)");
        return;
    };
    let (temp, dir) = experiment(10);
    let (path, text) = page(&dir);
    let used = temp.path().join("used.html");
    fs::write(&used, text.replace("</body>", USER)).unwrap();
    let seen = seen(&browse(&browser, &["--window-size=800,900", "--dump-dom"], &used));
    let names = |key: &str| -> Vec<String> {
        let list = seen[key].as_array().unwrap_or_else(|| panic!("{key}: {seen}"));
        list.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
    };
    let hostile = "lr <script>alert(1)</script> & 'x'".to_owned();
    let rates: Vec<String> = (1..=10).map(|k| format!("lr {}", 10 * k)).collect();
    let with = |mut names: Vec<String>, at: usize| {
        names.insert(at, hostile.clone());
        names
    };
    // The lowest rates are the best; the failed group has no value and stands last, whichever way values are sorted.
    assert_eq!(names("at_first"), with(rates.clone(), 10));
    assert_eq!(
        names("by_name"),
        with(rates.clone(), if names("by_name")[0] == hostile { 0 } else { 10 }),
        "10 before 100, 20 after 10"
    );
    assert_eq!(seen["sorted"], "ascending");
    let down: Vec<String> = rates.iter().rev().cloned().collect();
    assert_eq!(names("by_name_down").iter().filter(|name| **name != hostile).cloned().collect::<Vec<_>>(), down);
    assert_eq!(names("by_dice"), with(down, 10), "the worst first, what has no value last");
    assert_eq!((names("filtered"), seen["count"].as_str()), (vec![hostile], Some("1 of 11 rows")));
    assert_eq!((seen["all"].as_u64(), seen["wide"].as_bool()), (Some(11), Some(false)), "tables scroll in boxes of their own");
    assert_eq!(seen["errors"], serde_json::json!([]));

    let pdf = temp.path().join("page.pdf");
    browse(&browser, &["--no-pdf-header-footer", &format!("--print-to-pdf={}", pdf.display())], &path);
    let printed = fs::read(&pdf).expect("a PDF");
    assert!(printed.starts_with(b"%PDF"));
    if let Ok(output) = Command::new("pdftotext").arg("-layout").arg(&pdf).arg("-").output() {
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(words.contains("Best: lr 10, validation Dice") && words.contains("Provenance"), "{words}");
        assert!(!words.contains("Show rows with"), "filters are not for paper");
        let pages = words.matches('\u{c}').count();
        assert!((2..20).contains(&pages), "{pages} pages");
    }
}

/// Reads the page as a user does, twice: before it reads itself again, and after.
const READER: &str = r#"<script>
addEventListener("load", () => {
  const times = Number(sessionStorage.getItem("times") ?? 0) + 1;
  sessionStorage.setItem("times", times);
  const table = document.getElementById("groups");
  const input = document.querySelector('[data-filter="groups"]');
  const button = [...table.querySelectorAll("th button")].find((b) => b.textContent === "group");
  const details = [...document.querySelectorAll("details")].find((of) => !of.open);
  if (times === 1) {
    button.click();
    button.click();
    input.value = "alert";
    input.dispatchEvent(new Event("input"));
    details.open = true;
    sessionStorage.setItem("opened", details.querySelector("summary").textContent);
    scrollTo(0, 321);
    return;
  }
  const opened = [...document.querySelectorAll("details[open] > summary")].map((of) => of.textContent);
  const seen = { times, y: scrollY, filter: input.value, sorted: button.parentElement.getAttribute("aria-sort"),
                 rows: [...table.tBodies[0].rows].filter((row) => !row.hidden).length,
                 opened: opened.includes(sessionStorage.getItem("opened")) };
  document.getElementById("seen")?.remove();
  const problem = document.createElement("pre");
  problem.id = "seen";
  problem.textContent = JSON.stringify(seen);
  document.body.append(problem);
});
</script></body>"#;

/// Once is enough: the browser's clock stands still while a page is read again.
const ONCE: &str = r#"<script>if (sessionStorage.getItem("times")) window.setInterval = () => 0;</script>"#;

#[test]
fn a_page_of_runs_that_go_on_reads_itself_again_and_keeps_its_place() {
    let (temp, dir) = experiment(4);
    let html = |goes_on| {
        fs::read_to_string(report::write(&dir, &Wanted { goes_on, ..Wanted::default() }).unwrap().html.unwrap()).unwrap()
    };
    assert!(!html(true).contains("data-refresh"), "all runs have ended");
    create(&dir, "99", 1);
    assert!(!html(false).contains("data-refresh"), "nobody is at them");
    let text = html(true);
    assert!(text.contains("data-refresh=\"20\"") && text.contains("This page is read again every 20 seconds."), "{text}");
    let Some(browser) = browser() else { return eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)") };
    let used = temp.path().join("used.html");
    let text = text.replace("data-refresh=\"20\"", "data-refresh=\"1\"").replace("<style>", &format!("{ONCE}<style>"));
    fs::write(&used, text.replace("</body>", READER)).unwrap();
    let document = browse(&browser, &["--window-size=900,500", "--virtual-time-budget=2500", "--dump-dom"], &used);
    let seen = seen(&document);
    let wanted =
        serde_json::json!({ "times": 2, "y": 321, "filter": "alert", "sorted": "descending", "rows": 1, "opened": true });
    assert_eq!(seen, wanted, "as it was left");
}

#[test]
fn a_report_is_printed_as_pdf_where_there_is_a_browser() {
    let (_temp, dir) = experiment(3);
    let umlaut = |named: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umlaut"));
        command.arg("report").arg(dir.path()).args(["--format", "pdf"]);
        match named {
            Some(named) => command.env("UMLAUT_CHROMIUM", named),
            None => command.env_remove("UMLAUT_CHROMIUM").env("PATH", dir.path()),
        };
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = umlaut(None);
    assert!(code == Some(2) && said.contains("apt install chromium") && said.contains("UMLAUT_CHROMIUM"), "{code:?}: {said}");
    assert!(
        !dir.path().join("report.pdf").exists() && !dir.path().join("report.html").exists(),
        "refused before anything is drawn"
    );
    let Some(browser) = browser() else { return eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)") };
    let (code, said) = umlaut(Some(&browser));
    assert_eq!(code, Some(0), "{said}");
    let pdf = fs::read(dir.path().join("report.pdf")).unwrap();
    let text = String::from_utf8_lossy(&pdf);
    // A4: 595 × 842 points, to the nearest.
    let box_of_page = text.split("/MediaBox [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let sides: Vec<i64> =
        box_of_page.split_whitespace().filter_map(|side| side.parse::<f64>().ok()).map(|side| side.round() as i64).collect();
    assert!(pdf.starts_with(b"%PDF"));
    assert!(sides.len() == 4 && (594..=596).contains(&sides[2]) && (841..=843).contains(&sides[3]), "{box_of_page}");
    // What prints nothing is no browser.
    let (code, said) = umlaut(Some(Path::new("/bin/true")));
    assert!(code == Some(1) && said.contains("printed no PDF"), "{code:?}: {said}");
}

/// Measures each open table: how many pixels are hidden, and where the last cell of the first row ends.
const MEASURE: &str = r#"<script>
addEventListener("load", () => {
  const seen = {};
  for (const id of ["groups", "pairs", "tested"]) {
    const table = document.getElementById(id);
    seen[id] = table.parentElement.scrollWidth - table.parentElement.clientWidth;
    seen[`${id}_end`] = table.tBodies[0].rows[0].lastElementChild.getBoundingClientRect().right;
  }
  const pairs = document.getElementById("pairs");
  seen.heads = [...pairs.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  seen.verdicts = [...pairs.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
  const problem = document.createElement("pre");
  problem.id = "seen";
  problem.textContent = JSON.stringify(seen);
  document.body.append(problem);
});
</script></body>"#;

/// Three groups with long names, extra metrics and a test split; some pairs differ significantly.
#[test]
fn nothing_is_cut_off_in_a_window_of_1280() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)");
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("page");
    for group in 0..3 {
        let name = format!("\"weighted_bce.pos_weight 3.0-9.0, focal_tversky.weight_{group} 1.0\"");
        for seed in [1, 2] {
            finished(&dir, &name, seed, 0.9 - 0.05 * (group / 2) as f64);
        }
    }
    for run in dir.runs().unwrap() {
        let mut outcome = run.outcome().unwrap().unwrap();
        for stem in ["hd95", "assd", "rand_score"] {
            outcome.best.insert(format!("val_{stem}"), 12.3456);
            outcome.test.insert(format!("test_{stem}"), 12.3456);
        }
        run.write_outcome(&outcome).unwrap();
    }
    let (_, text) = page(&dir);
    let used = temp.path().join("used.html");
    fs::write(&used, text.replace("</body>", MEASURE)).unwrap();
    let seen = seen(&browse(&browser, &["--window-size=1280,900", "--dump-dom"], &used));
    for table in ["groups", "pairs", "tested"] {
        assert_eq!(seen[table].as_i64(), Some(0), "{table}: {seen}");
        assert!(seen[format!("{table}_end")].as_f64().is_some_and(|end| end <= 1280.0), "{table}: {seen}");
    }
    assert_eq!(seen["heads"][0], "significant", "the verdict comes before the names: {seen}");
    let verdicts = seen["verdicts"].as_array().unwrap();
    assert!(verdicts.iter().any(|v| v == "yes") && verdicts.iter().any(|v| v == "no"), "{seen}");
}

/// Finds words beyond the edge of their chart, and words over others, whatever font they are in. Boxes are those of the glyphs' line; as capitals are
/// 0.72 em high, a quarter of each may lie over another.
const LETTERS: &str = r#"<pre id="seen"></pre><script>
addEventListener("load", () => {
  const faults = [];
  const widths = [];
  for (const chart of document.querySelectorAll("svg")) {
    const edge = chart.getBoundingClientRect();
    const boxes = [...chart.querySelectorAll("text")].map((text) => {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      const trim = Math.min(right - left, bottom - top) / 4;
      const upright = bottom - top > right - left;
      return { words: text.textContent, left: left + (upright ? trim : 1), right: right - (upright ? trim : 1),
               top: top + (upright ? 1 : trim), bottom: bottom - (upright ? 1 : trim) };
    });
    widths.push(...[...chart.querySelectorAll("text")].map((text) => Math.round(text.getBBox().width)));
    boxes.forEach((a, at) => {
      if (a.left < edge.left - 1 || a.right > edge.right + 1 || a.top < edge.top - 1 || a.bottom > edge.bottom + 1)
        faults.push(`"${a.words}" leaves its chart`);
      for (const b of boxes.slice(at + 1))
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) faults.push(`"${a.words}" lies over "${b.words}"`);
    });
  }
  document.getElementById("seen").textContent = JSON.stringify({ widths, faults });
});
</script>"#;

/// Whether the system has a font of this name.
fn has_font(name: &str) -> bool {
    let listed = Command::new("fc-list").arg(format!("{name}:")).arg("family").output();
    listed.is_ok_and(|output| !output.stdout.is_empty())
}

/// DejaVu Sans is a sixth wider than Helvetica.
#[test]
fn charts_are_alike_in_every_font() {
    let Some(browser) = browser() else { return eprintln!("skipped: no Chromium was found (UMLAUT_CHROMIUM names one)") };
    let (temp, dir) = experiment(6);
    report::write(&dir, &Wanted::default()).unwrap();
    let mut charts: Vec<PathBuf> = fs::read_dir(dir.path().join("charts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    charts.retain(|chart| chart.extension().is_some_and(|extension| extension == "svg"));
    charts.sort();
    assert!(charts.len() >= 3, "{charts:?}");
    let mut known: Option<(&str, Vec<f64>)> = None;
    for font in ["DejaVu Sans", "Liberation Sans", "Noto Sans"] {
        if !has_font(font) {
            eprintln!("skipped: there is no {font}");
            continue;
        }
        let drawn: String = charts.iter().map(|chart| fs::read_to_string(chart).unwrap()).collect();
        let (before, rest) = drawn.split_once("font-family=\"").unwrap();
        let family = rest.split('"').next().unwrap();
        let drawn = drawn.replace(&format!("font-family=\"{family}\""), &format!("font-family=\"{font}\""));
        assert!(before.starts_with("<svg"));
        let page = temp.path().join("letters.html");
        fs::write(&page, format!("<!doctype html><meta charset=\"utf-8\"><body>{drawn}{LETTERS}</body>")).unwrap();
        let seen = seen(&browse(&browser, &["--window-size=1600,1200", "--dump-dom"], &page));
        let widths: Vec<f64> = seen["widths"].as_array().unwrap().iter().map(|width| width.as_f64().unwrap()).collect();
        assert!(widths.len() > 40, "{font}: {seen}");
        // In tenths of a point; without a length of its own a text in DejaVu Sans is a sixth longer. A single letter may be as wide as it is.
        if let Some((other, before)) = &known {
            let differ = |(a, b): (&f64, &f64)| a.max(*b) > 100.0 && (a - b).abs() > 0.03 * a.max(*b);
            let differing = widths.iter().zip(before).filter(|pair| differ(*pair)).count();
            assert_eq!((widths.len(), differing), (before.len(), 0), "texts in {font} are not as wide as in {other}");
        }
        known.get_or_insert((font, widths));
        assert_eq!(seen["faults"], serde_json::json!([]), "{font}");
    }
}
