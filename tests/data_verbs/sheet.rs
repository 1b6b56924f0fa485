//! The contact sheet of `umlaut data inspect`.

use crate::{Desk, files, scene};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;

/// Nine samples of 32 × 64 pixels: seven train, two validate.
fn desk() -> Desk {
    let desk = Desk::with(
        "name = 'x'\n[dataset.folders]\nroot = '.'\nclasses = ['cell']\n[preprocess]\nsize = [32, 64]\n[split.lists]\n\
         train = ['slice-*']\nval = ['late-*']\n",
    );
    for i in 0..9u32 {
        let name = if i < 7 { format!("slice-{i}") } else { format!("late-{i}") };
        desk.grey(&format!("images/{name}.png"), [32, 64], scene(f64::from(i), [32, 64], 1.0));
        desk.grey(&format!("masks/{name}.png"), [32, 64], |y, x| if y < 16 && x < 32 { 255 } else { 0 });
    }
    desk
}

/// The pictures within an SVG, in their order.
fn embedded(svg: &str) -> Vec<RgbImage> {
    let data = svg.split("data:image/png;base64,").skip(1).map(|rest| rest.split('"').next().unwrap());
    data.map(|data| image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap().into_rgb8()).collect()
}

#[test]
fn a_png_has_six_pictures_a_row_and_a_new_row_for_each_part() {
    let desk = desk();
    let out = desk.good(&["inspect", "x.toml", "--sheet", "made/sheet.PNG"]);
    assert!(out.ends_with("contact sheet: made/sheet.PNG, from the top: 7 of train, 2 of val\n"), "{out}");
    let sheet = image::open(desk.path("made/sheet.PNG")).unwrap().into_rgb8();
    // Pictures of 192 × 96 and 8 pixels between: six and one that train, then two.
    assert_eq!(sheet.dimensions(), (6 * 200 + 8, 3 * 104 + 8));
    let at = |row: u32, column: u32| sheet.get_pixel(8 + column * 200 + 150, 8 + row * 104 + 80).0;
    // Not marked there, so the picture itself: grey, and white where there is none.
    for (row, column, there) in [(0, 5, true), (1, 0, true), (1, 1, false), (2, 1, true), (2, 2, false)] {
        let [r, g, b] = at(row, column);
        assert!(if there { r == g && g == b && r < 255 } else { [r, g, b] == [255; 3] }, "{row} {column}: {r} {g} {b}");
    }
    let [r, g, b] = sheet.get_pixel(8 + 30, 8 + 24).0;
    assert!(r > g && r > b, "marked there, so reddish: {r} {g} {b}");
}

/// Marks are on the left; where every sample is mirrored they are on the right, and patches of the upper left corner's size show less.
#[test]
fn an_epoch_shows_what_trains_as_it_trains() {
    let desk = desk();
    let mirrored = ["--set", "augment.flip_horizontal=1.0"];
    let sheet = |more: &[&str]| {
        let out = desk.good(&[&["inspect", "x.toml", "--sheet", "sheet.png", "--epoch", "3"], more].concat());
        assert!(out.ends_with("contact sheet: sheet.png, from the top: 7 of train\n"), "{out}");
        (image::open(desk.path("sheet.png")).unwrap().into_rgb8(), out)
    };
    let red = |sheet: &RgbImage, x: u32| {
        let [r, g, b] = sheet.get_pixel(8 + x, 8 + 24).0;
        r > g && r > b
    };
    let (plain, _) = sheet(&[]);
    assert!(red(&plain, 30) && !red(&plain, 150), "as they are");
    let (changed, _) = sheet(&mirrored);
    assert!(!red(&changed, 30) && red(&changed, 150), "mirrored");
    let (patches, out) = sheet(&["--set", "patches.size=[16, 16]"]);
    assert_eq!(patches.dimensions(), (6 * 200 + 8, 2 * 200 + 8), "squares");
    assert!(out.contains("trained at 32 × 64 (height × width) in patches of 16 × 16\n"), "{out}");
    assert!(desk.mistake(&["inspect", "x.toml", "--epoch", "3"]).contains("--sheet"));
}

#[test]
fn an_svg_has_the_same_pictures_with_names_parts_and_classes() {
    let desk = desk();
    desk.good(&["inspect", "x.toml", "--sheet", "sheet.png"]);
    let out = desk.good(&["inspect", "x.toml", "--sheet", "sheet.svg"]);
    assert!(out.ends_with("contact sheet: sheet.svg, from the top: 7 of train, 2 of val\n"), "{out}");
    let (svg, png) = (std::fs::read_to_string(desk.path("sheet.svg")).unwrap(), image::open(desk.path("sheet.png")).unwrap());
    for words in [">train<", ">val<", ">slice-0<", ">slice-6<", ">late-8<", ">cell<"] {
        assert!(svg.contains(words), "{words}");
    }
    let pictures = embedded(&svg);
    assert_eq!(pictures.len(), 9);
    for (picture, [row, column]) in pictures.iter().zip([[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [1, 0], [2, 0], [2, 1]])
    {
        assert!(*picture == png.crop_imm(8 + column * 200, 8 + row * 104, 192, 96).into_rgb8(), "{row} {column}");
    }
    let before = std::fs::read(desk.path("sheet.svg")).unwrap();
    desk.good(&["inspect", "x.toml", "--sheet", "sheet.svg"]);
    assert!(std::fs::read(desk.path("sheet.svg")).unwrap() == before, "equal bytes");
}

#[test]
fn other_endings_are_refused_before_anything_is_read() {
    let desk = Desk::with("name = 'x'\n[dataset.folders]\nroot = 'nowhere'");
    for name in ["sheet.jpg", "sheet", "svg", ".png"] {
        let err = desk.mistake(&["inspect", "x.toml", "--sheet", name]);
        assert_eq!(err, format!("error: --sheet {name}: a contact sheet is a .png, or an .svg with names\n"));
    }
    assert_eq!(files(desk.path("x.toml").parent().unwrap()), ["x.toml"]);
}
