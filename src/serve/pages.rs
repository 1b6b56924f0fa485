//! The pages: plain values for the templates in `web/`.

use super::Served;
use super::address::{Address, named};
use super::control::offered;
use super::draw::Drawn;
use super::timeline::timeline;
use super::trials::trials;
use crate::record::Event;
use crate::regular::{self, Most};
use crate::report::environment;
use crate::shown;
use crate::status::{Run, Seen};
use crate::store::{ExperimentDir, RunDir, Stamp};
use crate::text::{clock, counted};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Value, context};
use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime};

/// Lines of a log that are shown.
const LOG: usize = 200;

/// A page or a part of one.
pub(super) struct Page {
    status: StatusCode,
    html: String,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], self.html).into_response()
    }
}

/// All experiments.
pub(super) fn list(served: &Served) -> Page {
    let row = |dir: ExperimentDir| {
        let known = served.looked.experiment(&dir);
        summary(dir.path().file_name().unwrap_or_default(), &known.seen)
    };
    let rows: Vec<Value> = served.experiments().into_iter().map(row).collect();
    let root = shown::line(&served.results.root().display().to_string()).into_owned();
    page("Experiments", &Address::List, &[], include_str!("web/list.html"), context! { rows => rows, root => root })
}

/// One experiment.
pub(super) fn experiment(served: &Served, dir: &ExperimentDir) -> Page {
    let name = dir.path().file_name().unwrap_or_default();
    let known = served.looked.experiment(dir);
    let seen = &known.seen;
    let values = context! {
        seen => summary(name, seen),
        holder => seen.holder.as_ref().map(ToString::to_string),
        problem => seen.problem.clone(),
        others => seen.others,
        search => seen.search.clone(),
        trials => Value::from(Serde(seen.standing.as_deref().map(trials))),
        by => seen.standing.as_ref().map(|search| search.settings.by.clone()),
        runs => seen.runs.iter().map(|run| of_run(name, run)).collect::<Vec<_>>(),
        timeline => Value::from(Serde(timeline(name, &seen.runs, Timestamp::now()))),
        drawn => drawing(Address::Experiment(name.to_owned()), known.stamp),
        data => Address::Data(name.to_owned()).link(),
        control => served.control.then(|| offered(served, dir, seen)),
    };
    page(&seen.name, &Address::Experiment(name.to_owned()), &[], include_str!("web/experiment.html"), values)
}

/// Its data set.
pub(super) fn data(dir: &ExperimentDir) -> Page {
    let name = dir.path().file_name().unwrap_or_default().to_owned();
    let title = format!("Data set of {}", name.to_string_lossy());
    let drawn = drawing(Address::Data(name.clone()), Stamp::of_all([]));
    page(
        &title,
        &Address::Data(name.clone()),
        &[Address::Experiment(name)],
        include_str!("web/drawn.html"),
        context! { drawn => drawn },
    )
}

/// One run.
pub(super) fn run(served: &Served, experiment: &OsStr, dir: &RunDir) -> Page {
    let (stamp, run) = served.looked.run(dir);
    let id = dir.path().file_name().unwrap_or_default().to_owned();
    let address = Address::Run(experiment.to_owned(), id);
    let toml = regular::bytes(&dir.run_toml(), Most::SMALL).unwrap_or_default();
    let values = context! {
        run => of_run(experiment, &run),
        cause => run.cause().map(str::to_owned),
        drawn => drawing(address.clone(), stamp),
        differs => dir.differs().unwrap_or_default(),
        toml => String::from_utf8_lossy(&toml),
        resources => resources(dir, &run),
        log => dir.last_log_lines(0, LOG).unwrap_or_default().join("\n"),
    };
    page(&run.id, &address, &[Address::Experiment(experiment.to_owned())], include_str!("web/run.html"), values)
}

/// Runs side by side.
pub(super) fn compare(served: &Served, runs: &[(OsString, OsString)], dirs: &[RunDir]) -> Page {
    let address = Address::Compare(runs.to_vec());
    let rows = runs.iter().zip(dirs).map(|((name, _), dir)| {
        let run = served.looked.run(dir).1;
        context! { experiment => name.to_string_lossy(), differs => dir.differs().unwrap_or_default(), ..of_run(name, &run) }
    });
    let stamp = Stamp::of_all(dirs.iter().map(RunDir::stamp));
    let values = context! { runs => rows.collect::<Vec<_>>(), drawn => drawing(address.clone(), stamp) };
    page("Side by side", &address, &[], include_str!("web/compare.html"), values)
}

/// The part of a page that was drawn, or why there is none.
pub(super) fn drawn(drawn: Drawn) -> Page {
    let html =
        drawn.map_or_else(|why| render(include_str!("web/undrawn.html"), context! { why => &*why }), |text| text.to_string());
    Page { status: StatusCode::OK, html }
}

/// There is no such page.
pub(super) fn missing(path: &str, query: &str) -> Page {
    let compare = path == "/compare" || !query.is_empty();
    let values = context! { path => path, compare => compare };
    Page { status: StatusCode::NOT_FOUND, ..page("Not found", &Address::List, &[], include_str!("web/missing.html"), values) }
}

/// Files are being read for the first time; the page asks again by itself.
pub(super) fn reading() -> Page {
    Page { status: StatusCode::OK, html: render(include_str!("web/reading.html"), context! {}) }
}

/// Whoever asks is not let in.
pub(super) fn refused(why: &str) -> Page {
    Page { status: StatusCode::FORBIDDEN, html: render(include_str!("web/refused.html"), context! { why => why }) }
}

/// What was asked for cannot be done.
pub(super) fn impossible(name: &OsStr, why: &str) -> Page {
    let address = Address::Experiment(name.to_owned());
    let page = page("Not done", &Address::List, &[address], include_str!("web/impossible.html"), context! { why => why });
    Page { status: StatusCode::CONFLICT, ..page }
}

/// A page failed.
pub(super) fn broken(why: &str) -> Page {
    Page { status: StatusCode::INTERNAL_SERVER_ERROR, html: render(include_str!("web/refused.html"), context! { why => why }) }
}

fn page(title: &str, address: &Address, above: &[Address], body: &str, values: Value) -> Page {
    const TOP: &str = include_str!("web/top.html");
    const END: &str = include_str!("web/end.html");
    let experiment = match address {
        Address::Experiment(name) | Address::Data(name) | Address::Run(name, _) => Address::Experiment(name.clone()).link(),
        _ => String::new(),
    };
    let run = if let Address::Run(..) = address { address.link() } else { String::new() };
    let name = |page: &Address| match page {
        Address::Experiment(name) => name.to_string_lossy().into_owned(),
        _ => "Experiments".to_owned(),
    };
    let above: Vec<Value> = above.iter().map(|page| context! { link => page.link(), name => name(page) }).collect();
    let values = context! {
        title => title, above => above, here => address.link(), experiment => experiment, run_link => run, version => env!("CARGO_PKG_VERSION"),
        list => *address == Address::List,
        ..values
    };
    Page { status: StatusCode::OK, html: render(&format!("{TOP}{body}{END}"), values) }
}

fn render(template: &str, values: Value) -> String {
    environment().render_str(template, values).expect("the templates name only what is given")
}

/// Where a drawing comes from, and the state of the files that it is to show.
fn drawing(page: Address, stamp: Stamp) -> Value {
    context! { link => Address::Drawn(Box::new(page)).link(), stamp => stamp.text() }
}

/// An experiment in a row.
fn summary(name: &OsStr, seen: &Seen) -> Value {
    let progress = seen.progress();
    let direction = |column: &str| crate::metric::describe(column).map(|metric| metric.direction);
    let bests = seen.runs.iter().filter_map(|run| run.best.as_ref());
    let best = bests.reduce(|best, next| {
        let better = direction(&best.column).is_some_and(|of| best.column == next.column && of.is_better(next.value, best.value));
        if better { next } else { best }
    });
    context! {
        link => Address::Experiment(name.to_owned()).link(),
        name => seen.name.clone(),
        counts => seen.counts(),
        total => seen.runs.len(),
        running => progress.running,
        done => progress.done,
        of => progress.of.max(1),
        left => progress.left.map(clock),
        left_seconds => progress.left.map(|left| left.as_secs()),
        best => best.map(|best| best.value),
        best_column => best.map(|best| best.column.clone()),
        last => seen.last_epoch().and_then(at),
        problem => seen.problem.clone(),
    }
}

/// A run in a row.
fn of_run(experiment: &OsStr, run: &Run) -> Value {
    let id = run.path.file_name().unwrap_or_default();
    context! {
        id => run.id.clone(),
        link => Address::Run(experiment.to_owned(), id.to_owned()).link(),
        value => named(experiment, id),
        state => run.word(),
        done => run.epochs_done,
        of => run.epochs,
        best => run.best.as_ref().map(|best| best.value),
        best_epoch => run.best.as_ref().map(|best| best.epoch),
        best_column => run.best.as_ref().map(|best| best.column.clone()),
        device => run.device.clone(),
        seconds => run.epoch_seconds,
        last => run.last_epoch.and_then(at),
        without_weights => run.without_weights,
    }
}

/// Seconds since 1970, and the time in words.
fn at(time: SystemTime) -> Option<Value> {
    let time = Timestamp::try_from(time).ok()?;
    Some(context! { seconds => time.as_second(), words => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string() })
}

/// What a run takes, as far as its files say.
fn resources(dir: &RunDir, run: &Run) -> Vec<(&'static str, String)> {
    let provenance = dir.provenance().ok().flatten().unwrap_or_default();
    let seconds: Vec<f64> = dir.timing().iter().filter_map(crate::record::EpochRecord::seconds).collect();
    let (mut memory, mut shares) = (None, Vec::new());
    for event in dir.reported() {
        match event {
            Event::Memory { device_bytes } => memory = Some(format!("{:.2} GB", device_bytes as f64 / 1e9)),
            Event::GpuUse { share } => shares.push(share),
            _ => {}
        }
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let busy = format!("computing {:.0} % of the time, over the last {}", 100.0 * mean, counted(shares.len(), "epoch"));
    let of_clock = |seconds: f64| Duration::try_from_secs_f64(seconds).map_or(String::new(), clock);
    let rows = [
        ("device", run.device.clone()),
        ("GPU", provenance.gpu),
        ("GPU memory", memory),
        ("GPU use", (!shares.is_empty()).then_some(busy)),
        ("machine", provenance.host),
        ("processor", provenance.cpu),
        ("threads", provenance.threads.map(|threads| threads.to_string())),
        ("precision", provenance.precision),
        ("time of an epoch, mean", run.epoch_seconds.map(|mean| format!("{mean:.2} s"))),
        ("time of the last epoch", seconds.last().map(|last| format!("{last:.2} s"))),
        ("time of all epochs", (!seconds.is_empty()).then(|| of_clock(seconds.iter().sum()))),
        ("began", run.times.0.clone()),
        ("ended", run.times.1.clone()),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
