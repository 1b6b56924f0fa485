use super::align::Change;
use super::*;

/// An image of many waves, another one for each number, and its value between pixels.
fn image(number: u32, place: impl Fn(f64, f64) -> (f64, f64)) -> Vec<f32> {
    let wave = |k: u32| {
        let [a, b, c] = [1.7, 2.3, 3.1].map(|factor| (f64::from(number * 97 + k * 31) * factor).sin());
        move |y: f64, x: f64| (0.45 * a * y + 0.45 * b * x + 9.0 * c).cos()
    };
    let value = |y: f64, x: f64| (0..40).map(|k| wave(k)(y, x)).sum::<f64>() / 80.0 + 0.5;
    (0..96 * 96)
        .map(|at| {
            let (y, x) = place(f64::from(at / 96), f64::from(at % 96));
            value(y, x) as f32
        })
        .collect()
}

fn print(number: u32, place: impl Fn(f64, f64) -> (f64, f64)) -> Print {
    Print::new(&image(number, place), [96, 96]).unwrap()
}

#[test]
fn changes_are_recognised() {
    let none = Change { mirrored: false, rotated: 0, shifted: false, cropped: false };
    let same = print(1, |y, x| (y, x));
    assert!(same.rich);
    let found = |place: fn(f64, f64) -> (f64, f64)| change(&same, &print(1, place));
    assert_eq!(found(|y, x| (y, x)), Some(none));
    assert_eq!(found(|y, x| (y, 95.0 - x)), Some(Change { mirrored: true, ..none }));
    assert_eq!(found(|y, x| (x, y)), Some(Change { mirrored: true, rotated: 90, ..none }));
    assert_eq!(found(|y, x| (95.0 - y, 95.0 - x)), Some(Change { rotated: 180, ..none }));
    assert_eq!(found(|y, x| (y + 8.0, x - 8.0)), Some(Change { shifted: true, ..none }));
    assert_eq!(found(|y, x| (4.8 + 0.9 * y, 4.8 + 0.9 * x)), Some(Change { cropped: true, ..none }));
    assert_eq!(change(&same, &print(2, |y, x| (y, x))), None);
}

/// Of many images those are ranked first that are copies; nothing is a partner that does not matter.
#[test]
fn copies_are_among_the_candidates() {
    let mut prints: Vec<_> = (0..60).map(|number| Some(print(number, |y, x| (y, x)))).collect();
    prints.push(None);
    prints.push(Some(print(7, |y, x| (4.8 + 0.9 * y, 4.8 + 0.9 * x))));
    prints.push(Some(print(8, |y, x| (x, 95.0 - y + 8.0))));
    let pairs = candidates(&prints, |a, b| a.max(b) > 60);
    assert!(pairs.contains(&(7, 61)) && pairs.contains(&(8, 62)), "{pairs:?}");
    assert!(pairs.iter().all(|(a, b)| *b > 60 && *a != 60), "{pairs:?}");
}

#[test]
fn what_shows_nothing_has_no_print() {
    for value in [0.0, 0.4, 1.0, f32::NAN] {
        assert!(Print::new(&[value; 300], [10, 10]).is_none(), "{value}");
    }
    assert!(!Print::new(&[0.0, 0.0, 0.5, 0.0], [2, 2]).unwrap().rich);
}
