//! What pages show, and how they are used.

use super::browser::Browser;
use super::desk::{Desk, TINY, expect_code};
use super::results::{HOSTILE, HOSTILE_GROUP, HOSTILE_LR, experiment, failed, finished};
use super::server::Server;
use serde_json::json;
use umlaut::record::Event;

#[test]
fn charts_tell_values_and_hide_groups() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), HOSTILE);
    for seed in [1, 2] {
        finished(&dir, HOSTILE_LR, seed, 0.8 + 0.01 * seed as f64);
        finished(&dir, "1e-2", seed, 0.6);
    }
    failed(&dir, "9", "</pre><img src=x onerror=alert(2)>");
    let server = Server::of(temp.path());
    let page = browser.open(&server.url);
    browser.value(&page, "document.querySelector('#list a').click()");
    browser.wait(&page, "document.querySelectorAll('.keys button').length === 3");
    let told = "(() => {
        const svg = document.querySelector('#chart-dice svg');
        svg.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
        const rows = [...document.querySelectorAll('#chart-dice .tip tbody tr')];
        return [document.querySelector('#chart-dice .tip th:nth-child(2)').textContent, ...rows.map((r) => r.textContent)];
    })()";
    let expected = json!(["epoch 5", "lr 0.010.58130.5813", format!("{HOSTILE_GROUP}0.7895 (0.7847 to 0.7944)0.7895")]);
    let mut seen = browser.value(&page, told);
    seen.as_array_mut().unwrap()[1..].sort_by_key(|row| row.as_str().unwrap_or_default().len());
    assert_eq!(seen, expected);
    let hidden = "(() => {
        const button = [...document.querySelectorAll('.keys button')].find((b) => b.textContent.includes('0.01'));
        button.click();
        const all = [...document.querySelectorAll('figure[data-curves] [data-group]')];
        const gone = all.filter((g) => getComputedStyle(g).display === 'none').length;
        return [gone > 0, gone < all.length, button.ariaPressed];
    })()";
    assert_eq!(browser.value(&page, hidden), json!([true, true, "false"]));
    assert_eq!(browser.value(&page, "document.querySelectorAll('img, b').length"), json!(0));
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn lists_are_filtered_by_keys_and_runs_stand_side_by_side() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    for name in ["alpha", "beta ünï%2F&", "gamma"] {
        finished(&experiment(temp.path(), name), "1e-3", 1, 0.9);
    }
    finished(&experiment(temp.path(), "beta ünï%2F&"), "1e-2", 1, 0.5);
    let server = Server::of(temp.path());
    let page = browser.open(&server.url);
    let key = |key: &str| {
        format!(
            "(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', {{ key: {}, bubbles: true }}))",
            json!(key)
        )
    };
    browser.value(&page, &key("/"));
    let typed = "(() => {
        const input = document.activeElement;
        input.value = 'BETA';
        input.dispatchEvent(new Event('input'));
        return document.querySelector('[data-count=list]').textContent;
    })()";
    assert_eq!(browser.value(&page, typed), json!("1 of 3 rows"));
    for word in ["Escape", "j", "Enter"] {
        browser.value(&page, &key(word));
    }
    browser.wait(&page, "document.querySelector('h1').textContent === 'beta ünï%2F&' && !!document.querySelector('#compare')");
    browser.wait(&page, "document.querySelector('#compare').disabled");
    browser.value(&page, "document.querySelectorAll('#now input').forEach((box) => box.click())");
    browser.wait(&page, "document.querySelector('#compare').textContent === 'Side by side: 2 chosen'");
    browser.value(&page, "document.querySelector('#compare').click()");
    browser.wait(&page, "document.querySelector('h1').textContent === 'Side by side'");
    browser.wait(&page, "document.querySelectorAll('#groups tbody tr').length === 2");
    browser.value(&page, &key("u"));
    browser.wait(&page, "document.querySelector('h1').textContent === 'Experiments'");
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn nothing_is_wider_than_a_phone() {
    let Some(mut browser) = Browser::start("500,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), &"a_very_long_name_of_an_experiment".repeat(4));
    finished(&dir, "1e-3", 1, 0.9);
    finished(&dir, "1e-2", 1, 0.8);
    let server = Server::of(temp.path());
    let page = browser.open(&server.url);
    // Both pages have charts, so that the address says which one it is.
    let of_run = "location.pathname.includes('/runs/') && !!document.querySelector('#chart-dice')";
    for (link, ready) in [("#list a", "!!document.querySelector('.keys')"), ("#now a", of_run)] {
        assert_eq!(browser.value(&page, "document.documentElement.scrollWidth <= innerWidth"), json!(true), "before {link}");
        browser.value(&page, &format!("document.querySelector('{link}').click()"));
        browser.wait(&page, ready);
    }
    assert_eq!(browser.value(&page, "document.documentElement.scrollWidth <= innerWidth"), json!(true));
}

#[test]
fn a_data_set_is_counted_and_its_images_are_shown() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.seeds=1", "-q"]), 0);
    let server = Server::of(&desk.path("results"));
    let page = browser.open(&format!("{}x/tiny/data", server.url));
    browser.wait(&page, "document.querySelectorAll('figure.sheet svg image').length > 0");
    let words = browser.value(&page, "document.querySelector('pre').textContent");
    let words = words.as_str().unwrap();
    for part in ["12 samples", "train", "val", "test", "disc", "cup"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn memory_and_use_of_a_gpu_are_on_the_page_of_its_run() {
    let temp = tempfile::tempdir().unwrap();
    let run = finished(&experiment(temp.path(), "a"), "1e-3", 1, 0.9);
    let mut events = run.event_log().unwrap();
    for event in [Event::Memory { device_bytes: 2_500_000_000 }, Event::GpuUse { share: 0.8 }, Event::GpuUse { share: 0.9 }] {
        events.report(&event);
    }
    let body = Server::of(temp.path()).get(&format!("/x/a/runs/{}", run.id())).body;
    for part in ["2.50 GB", "computing 85 % of the time, over the last 2 epochs"] {
        assert!(body.contains(part), "{part}: {body}");
    }
}
