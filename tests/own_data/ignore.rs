//! Values and classes that count nowhere, through files and program.

use super::Desk;

/// Two data sets that differ only beneath pixels that do not count train the same bytes; with the value as a class they do not even load.
#[test]
fn values_that_count_nowhere_change_nothing() {
    let desk = Desk::default();
    let experiment = |folder: &str, more: &str| {
        format!(
            "name = '{folder}'\n[dataset.folders]\nroot = '{folder}'\nclasses = ['a']\nmask_values = 'indexed'\n{more}\n[preprocess]\nsize = [32, 32]\n\
             [model.unet]\nchannels = [4, 8]\n[training]\nepochs = 2\nbatch_size = 2\n[metrics]\nextra = ['ece', 'pixel_error', 'hd95']\n"
        )
    };
    for (folder, beneath) in [("one", 0), ("two", 1)] {
        desk.pairs(folder, 8, 32, |x, y, i| match (x < 6, (10..20 + i).contains(&x) && (8..24).contains(&y)) {
            // What an annotator would have drawn there is replaced by the value that counts nowhere.
            (true, _) => 200 + beneath,
            (false, inside) => u8::from(inside),
        });
        desk.write(&format!("{folder}.toml"), &experiment(folder, "ignore = [200, 201]"));
        desk.good(&["run", &format!("{folder}.toml")]);
    }
    let metrics = |folder: &str| desk.metrics(folder);
    assert_eq!(metrics("one"), metrics("two"));
    let curves = |folder: &str| {
        let found = super::files(&desk.path(&format!("results/{folder}/runs"))).into_iter();
        let file = found.into_iter().find(|file| file.ends_with("thresholds.csv")).expect("it was written");
        std::fs::read_to_string(file).unwrap()
    };
    assert_eq!(curves("one"), curves("two"));
    // Where those pixels count as background, other numbers come out.
    desk.pairs("counted", 8, 32, |x, y, i| u8::from(x >= 6 && (10..20 + i).contains(&x) && (8..24).contains(&y)));
    desk.write("counted.toml", &experiment("counted", ""));
    desk.good(&["run", "counted.toml"]);
    assert_ne!(metrics("counted"), metrics("one"));
    desk.write("plain.toml", &experiment("one", ""));
    assert!(desk.mistake(&["run", "plain.toml"]).contains("200"));
}

/// A class that some images do not annotate: their masks are not there.
#[test]
fn a_class_counts_where_it_is_annotated() {
    let desk = Desk::default();
    desk.pairs("d", 8, 32, |x, y, _| if (8..20).contains(&x) && (8..24).contains(&y) { 255 } else { 0 });
    std::fs::create_dir_all(desk.path("d/b")).unwrap();
    for i in 0..5 {
        std::fs::copy(desk.path(&format!("d/masks/{i}.png")), desk.path(&format!("d/b/{i}.png"))).unwrap();
    }
    let text = |partial: &str| {
        format!(
            "name = 'p'\n[dataset.folders]\nroot = 'd'\nclasses = ['a', 'b']\n{partial}\n[dataset.folders.class_masks]\na = 'masks'\nb = 'b'\n\
             [preprocess]\nsize = [32, 32]\n[model.unet]\nchannels = [4, 8]\n[training]\nepochs = 2\nbatch_size = 2\n"
        )
    };
    desk.write("p.toml", &text(""));
    assert!(desk.mistake(&["run", "p.toml"]).contains("without a mask"));
    desk.write("p.toml", &text("partial = true"));
    desk.good(&["run", "p.toml"]);
    let partial = desk.metrics("p");
    // Empty masks say that there is none of the class, which counts.
    for i in 5..8 {
        desk.grey(&format!("d/b/{i}.png"), [32, 32], |_, _| 0);
    }
    desk.good(&["run", "p.toml", "--results", "whole"]);
    let whole = super::files(&desk.path("whole/p/runs")).into_iter().find(|file| file.ends_with("metrics.csv")).unwrap();
    assert_ne!(std::fs::read_to_string(whole).unwrap(), partial);
    for folder in ["masks", "b"] {
        std::fs::remove_file(desk.path(&format!("d/{folder}/7.png"))).unwrap();
    }
    assert!(desk.mistake(&["plan", "p.toml"]).contains("7.png has no mask of any class"));
}
