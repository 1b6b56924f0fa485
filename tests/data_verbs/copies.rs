//! Copies of training images in other splits: `inspect` and `run` name both and say what was done, and call nothing else a copy.

use crate::{Desk, flat};
use std::f64::consts::TAU;

const SIDE: u32 = 128;
const EXPERIMENT: &str = "name = 'x'\n[dataset.folders]\nroot = '.'\nclasses = ['cell']\n[preprocess]\nsize = [128, 128]\n[split.lists]\n\
    train = ['t*']\nval = ['v*']\n[model.unet]\nchannels = [2, 4]\n[training]\nepochs = 1\n";

/// Where in the other image a pixel is.
type Place<'a> = &'a dyn Fn(f64, f64) -> (f64, f64);

/// The value of an image full of details at any place, in pixels: waves of 6 to 40 pixels, drawn anew for each number.
fn tissue(number: u64) -> impl Fn(f64, f64) -> f64 {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let waves: Vec<[f64; 3]> = (0..60)
        .map(|_| {
            let (direction, length, phase) = (TAU * next(), 6.0 + 34.0 * next(), TAU * next());
            [direction.sin() * TAU / length, direction.cos() * TAU / length, phase]
        })
        .collect();
    move |y, x| 128.0 + 12.0 * waves.iter().map(|[fy, fx, phase]| (fy * y + fx * x + phase).cos()).sum::<f64>()
}

fn draw(desk: &Desk, name: &str, value: impl Fn(f64, f64) -> f64) {
    let ending = if name.contains('.') { "" } else { ".png" };
    desk.grey(&format!("images/{name}{ending}"), [SIDE; 2], |y, x| value(y.into(), x.into()).round().clamp(0.0, 255.0) as u8);
    let stem = name.split('.').next().expect("a name");
    desk.grey(&format!("masks/{stem}.png"), [SIDE; 2], |y, _| if y < 32 { 255 } else { 0 });
}

/// What both verbs warn of.
fn warnings(desk: &Desk) -> [String; 2] {
    let (code, _, run) = desk.umlaut(&["run", "x.toml", "--device", "cpu"]);
    assert_eq!(code, Some(0), "{run}");
    let run = run.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>().join("\n");
    let inspect = flat(&desk.good(&["inspect", "x.toml"]));
    [run, inspect]
}

#[test]
fn every_kind_of_copy_is_named_by_both_verbs() {
    let desk = Desk::with(EXPERIMENT);
    let last = f64::from(SIDE - 1);
    let changes: [(&str, &str, Place); 8] = [
        ("v1", "mirrored copy", &|y, x| (y, last - x)),
        ("v2", "mirrored copy", &|y, x| (last - y, x)),
        ("v3", "rotated by 90° copy", &|y, x| (x, last - y)),
        ("v4", "rotated by 180° copy", &|y, x| (last - y, last - x)),
        ("v5", "rotated by 90° copy", &|y, x| (last - x, y)),
        ("v6", "shifted copy", &|y, x| (y, x + 8.0)),
        // Five in a hundred off each side, at the old size again.
        ("v7", "cropped copy", &|y, x| (0.9 * y + 6.4, 0.9 * x + 6.4)),
        // The corner cut off, and mirrored.
        ("v8", "mirrored, cropped copy", &|y, x| (0.95 * y, 0.95 * (last - x))),
    ];
    for (number, (name, _, place)) in (1..).zip(&changes) {
        let image = tissue(number);
        draw(&desk, name, |y, x| {
            let (y, x) = place(y, x);
            image(y, x)
        });
        draw(&desk, &format!("t{number}"), image);
    }
    draw(&desk, "t9", tissue(9));
    draw(&desk, "v9.jpg", |y, x| 0.7 * tissue(9)(y, x));
    let message = warnings(&desk);
    for (number, (name, change, _)) in (1..).zip(&changes) {
        let line = format!("t{number} (train) and {name} (val): {change}");
        assert!(message.iter().all(|message| message.contains(&line)), "{line}: {message:?}");
    }
    assert!(message.iter().all(|message| message.contains("t9 (train) and v9 (val): copy.")), "{message:?}");
    for message in &message {
        assert!(message.contains("9 pairs of samples in different splits look alike: "), "{message}");
    }
    assert!(message[0].lines().count() == 1 && message[1].contains("WARNING: 9 pairs"), "{message:?}");
    // Within one split they are no matter.
    let [run, inspect] = {
        let lists = EXPERIMENT.replace("train = ['t*']", "train = ['t*', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8']");
        std::fs::write(desk.path("x.toml"), lists.replace("val = ['v*']", "val = ['v9']")).expect("writable");
        warnings(&desk)
    };
    for message in [run, inspect] {
        assert!(
            message.contains("1 pair of samples in different splits looks alike: t9 (train) and v9 (val): copy."),
            "{message}"
        );
    }
}

/// Where images are not square a copy that is rotated by 90° is padded.
#[test]
fn a_rotated_copy_is_found_among_oblong_images() {
    let desk = Desk::with(&EXPERIMENT.replace("[128, 128]", "[96, 144]"));
    for (number, name) in [(1, "t1"), (2, "t2"), (3, "v3"), (1, "v4")] {
        let (image, size) = (tissue(number), if name == "v4" { [144, 96] } else { [96, 144] });
        let value = |y: u32, x: u32| if name == "v4" { image(x.into(), 143.0 - f64::from(y)) } else { image(y.into(), x.into()) };
        desk.grey(&format!("images/{name}.png"), size, |y, x| value(y, x).round().clamp(0.0, 255.0) as u8);
        desk.grey(&format!("masks/{name}.png"), size, |y, _| if y < 32 { 255 } else { 0 });
    }
    for message in warnings(&desk) {
        assert!(
            message.contains("1 pair of samples in different splits looks alike: t1 (train) and v4 (val): rotated by 90° copy."),
            "{message}"
        );
    }
}

/// Blank images, images that have but a round field or a spot in common, and different images of one kind.
#[test]
fn nothing_else_is_called_a_copy() {
    let desk = Desk::with(EXPERIMENT);
    let spot = |y: f64, x: f64, [cy, cx, r]: [f64; 3]| if (y - cy).hypot(x - cx) < r { 220.0 } else { 15.0 };
    for (part, first) in [("t", 0), ("v", 4)] {
        for number in first..first + 4 {
            let image = tissue(100 + number);
            draw(&desk, &format!("{part}issue{number}"), &image);
            let within = |y: f64, x: f64| if (y - 63.5).hypot(x - 63.5) < 58.0 { image(y, x) } else { 0.0 };
            draw(&desk, &format!("{part}field{number}"), within);
            let n = number as f64;
            draw(&desk, &format!("{part}spot{number}"), |y, x| spot(y, x, [40.0 + 4.0 * n, 90.0 - 5.0 * n, 8.0 + n]));
            draw(&desk, &format!("{part}blank{number}"), |_, _| 7.0 * n);
        }
    }
    let [run, inspect] = warnings(&desk);
    assert_eq!(run, "");
    assert!(inspect.contains("No two samples of different splits look alike."), "{inspect}");
    let drawn = "name = 'x'\n[dataset.synthetic]\ncount = 16\n[preprocess]\nsize = [64, 64]\n[model.unet]\nchannels = [2, 4]\n[training]\nepochs = 1\n";
    std::fs::write(desk.path("x.toml"), drawn).expect("writable");
    let [run, inspect] = warnings(&desk);
    assert_eq!(run, "");
    assert!(inspect.contains("No two samples of different splits look alike."), "{inspect}");
}
