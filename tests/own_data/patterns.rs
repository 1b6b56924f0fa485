//! Pairs by patterns and by a CSV file.

use super::{Desk, image, inside};

fn experiment(dataset: &str) -> String {
    format!(
        "name = 'x'\n[dataset.folders]\nroot = 'd'\n{dataset}\n[preprocess]\nsize = [32, 32]\n[model.unet]\nchannels = [4, 8]\n[training]\nepochs = 1\n"
    )
}

fn beside(desk: &Desk) {
    for i in 0..6 {
        desk.grey(&format!("d/scan_{i}.png"), [32; 2], image(i));
        desk.grey(&format!("d/scan_{i}_mask.tif"), [32; 2], |x, y| if inside(x, y, i) { 255 } else { 0 });
    }
}

#[test]
fn patterns_pair_files_of_one_folder() {
    let desk = Desk::default();
    beside(&desk);
    desk.write("x.toml", &experiment("images = '{name}.png'\nmasks = '{name}_mask.*'"));
    assert!(desk.good(&["data", "inspect", "x.toml"]).contains("6 samples, grey"));
    desk.write("x.toml", &experiment("images = '.'\nmasks = '.'"));
    assert!(desk.mistake(&["data", "inspect", "x.toml"]).contains("every image would be its own mask"));
}

#[test]
fn a_near_miss_is_reported_with_the_pattern_that_fits() {
    let desk = Desk::default();
    for i in 0..6 {
        desk.grey(&format!("d/images/{i}.png"), [32; 2], image(i));
        desk.grey(&format!("d/masks/{i}_seg.png"), [32; 2], |x, y| if inside(x, y, i) { 255 } else { 0 });
    }
    desk.write("x.toml", &experiment(""));
    let error = desk.mistake(&["data", "inspect", "x.toml"]);
    assert!(
        error.contains("6 of 6 images would have a mask with images = \"images/{name}.*\" and masks = \"masks/{name}_seg.*\""),
        "{error}"
    );
    desk.write("x.toml", &experiment("images = 'images/{name}.*'\nmasks = 'masks/{name}_seg.*'"));
    desk.good(&["data", "inspect", "x.toml"]);
}

#[test]
fn a_csv_file_pairs_whatever_it_lists() {
    let desk = Desk::default();
    beside(&desk);
    desk.write("x.toml", &experiment("pairs = 'pairs.csv'"));
    let header = |text: &str| desk.write("pairs.csv", text);
    assert!(desk.mistake(&["plan", "x.toml"]).contains("pairs.csv"));
    for (text, problem) in [
        ("picture,mask\na,b\n", "needs the columns image and mask, has picture, mask"),
        ("image,mask\nscan_0.png,\n", "row 2 lacks an image or a mask"),
        ("image,mask\nscan_0.png,gone.png\n", "row 2: there is no file"),
        ("image,mask\nscan_0.png,scan_0.png\n", "row 2: scan_0.png is its own mask"),
        ("image,mask\nscan_0.png,scan_0_mask.tif\nscan_0.png,scan_1_mask.tif\n", "row 3: scan_0.png has a row already"),
        ("image,mask\n", "it has no rows"),
    ] {
        header(text);
        let error = desk.mistake(&["plan", "x.toml"]);
        assert!(error.contains(problem), "{text}: {error}");
    }
    let rows: String = (0..5).map(|i| format!("scan_{i}_mask.tif,scan_{i}.png,x\n")).collect();
    header(&format!("mask,image,note\n{rows}"));
    assert!(desk.good(&["data", "inspect", "x.toml"]).contains("5 samples, grey"));
}
