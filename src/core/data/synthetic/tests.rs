use super::random::{Random, Stream};
use super::scene::Scene;
use super::shape::{Outline, distance, edge, heading, length, turned};
use super::vessels::{Kind, grow};
use super::*;

const IMAGES: usize = 100;

/// Pixels of a mask.
fn area(mask: &[u8]) -> usize {
    mask.iter().map(|&m| usize::from(m)).sum()
}

/// Mean (row, column) of a mask's pixels as shares of height and width.
fn centroid(mask: &[u8], [height, width]: [usize; 2]) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for pixel in (0..mask.len()).filter(|&p| mask[p] == 1) {
        sum[0] += (pixel / width) as f64 + 0.5;
        sum[1] += (pixel % width) as f64 + 0.5;
    }
    let count = area(mask) as f64;
    [sum[0] / count / height as f64, sum[1] / count / width as f64]
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
    (mean, square.sqrt())
}

/// Sum of the three channels of a pixel.
fn brightness(drawn: &Drawn, pixel: usize) -> f64 {
    drawn.rgb[3 * pixel..3 * pixel + 3].iter().map(|&v| f64::from(v)).sum()
}

/// The numbers are this generator's own. When they change on purpose, GENERATOR_VERSION rises with them; when they change on
/// another machine, something there is not plain IEEE arithmetic.
#[test]
fn pictures_are_the_same_everywhere() {
    let pictures = || (0..24).map(|index| (1, index)).chain([(u64::MAX, 7)]);
    let hash = |size: [usize; 2]| {
        let mut hasher = blake3::Hasher::new();
        for (seed, index) in pictures() {
            let drawn = draw(seed, index, size);
            hasher.update(&drawn.rgb).update(&drawn.disc).update(&drawn.cup);
        }
        hasher.finalize().to_hex().to_string()
    };
    let scenes: Vec<Scene> = pictures().map(|(seed, index)| Scene::new(seed, index)).collect();
    assert!(scenes.iter().any(|s| s.atrophy.is_some()) && scenes.iter().any(|s| s.light.crescent.is_some()));
    assert_eq!(GENERATOR_VERSION, 1);
    assert_eq!(hash([64, 64]), "c8eebce40273ef99658f1fb8101e32594a99e02b2f0062066399ec5cb5b926b7");
    assert_eq!(hash([96, 160]), "5ff029ce7ab85520a34d11fc9d83fb5b61ee4d98d6e7c1ba338033ea655f69d4");
}

#[test]
fn seed_and_index_both_matter() {
    let size = [32, 32];
    assert_ne!(draw(1, 0, size).rgb, draw(1, 1, size).rgb);
    assert_ne!(draw(1, 0, size).rgb, draw(2, 0, size).rgb);
    assert_ne!(draw(1, 2, size).rgb, draw(2, 1, size).rgb);
}

#[test]
fn any_size_from_32_is_drawn() {
    for size in [[32, 32], [32, 200], [131, 33], [50, 61]] {
        for index in 0..20 {
            let drawn = draw(3, index, size);
            let pixels = size[0] * size[1];
            assert_eq!([drawn.rgb.len(), drawn.disc.len(), drawn.cup.len()], [3 * pixels, pixels, pixels]);
            assert!(area(&drawn.disc) > area(&drawn.cup), "{size:?} {index}");
            assert!(drawn.disc.iter().zip(&drawn.cup).all(|(d, c)| c <= d && *d <= 1), "{size:?} {index}");
        }
    }
}

#[test]
fn cup_is_within_disc_and_neither_is_empty_nor_cut_off() {
    for index in 0..IMAGES {
        for side in [64, 128] {
            let drawn = draw(1, index, [side, side]);
            let (disc, cup) = (area(&drawn.disc), area(&drawn.cup));
            assert!(drawn.disc.iter().zip(&drawn.cup).all(|(d, c)| c <= d), "{index} at {side}");
            let ratio = (cup as f64 / disc as f64).sqrt();
            assert!((0.22..0.88).contains(&ratio), "{index} at {side}: cup to disc {ratio}");
            let across = (4.0 * disc as f64 / std::f64::consts::PI).sqrt() / side as f64;
            assert!((0.14..0.25).contains(&across), "{index} at {side}: disc is {across} of the picture's width");
            let hidden = (0..side * side).filter(|&p| drawn.disc[p] == 1 && brightness(&drawn, p) < 20.0).count();
            assert!(hidden * 50 < disc, "{index} at {side}: {hidden} of {disc} disc pixels are black");
        }
    }
}

#[test]
fn masks_have_the_area_of_the_outlines() {
    for index in 0..20 {
        let (scene, drawn) = (Scene::new(5, index), draw(5, index, [256, 256]));
        let pixel = 1.0 / (256.0 * scene.camera.field);
        for (outline, mask) in [(&scene.disc, &drawn.disc), (&scene.cup, &drawn.cup)] {
            // Half the integral of (1 + Σ aₖ cos kθ + bₖ sin kθ)² over the turn.
            let waves: f64 = outline.waves.iter().map(|w| w[0] * w[0] + w[1] * w[1]).sum();
            let exact = std::f64::consts::PI * (1.0 + 0.5 * waves) * outline.half[0] * outline.half[1];
            let drawn = area(mask) as f64 * pixel * pixel;
            assert!((drawn / exact - 1.0).abs() < 0.03, "{index}: {drawn} for {exact}");
        }
    }
}

#[test]
fn masks_scale_with_the_size() {
    for index in 0..IMAGES {
        let (large, small) = (draw(2, index, [128, 128]), draw(2, index, [64, 64]));
        for (large, small) in [(&large.disc, &small.disc), (&large.cup, &small.cup)] {
            let (mut both, mut either) = (0, 0);
            for (pixel, &small) in small.iter().enumerate() {
                let corner = pixel / 64 * 2 * 128 + pixel % 64 * 2;
                let quarter = [0, 1, 128, 129].map(|step| large[corner + step]).iter().sum::<u8>() >= 2;
                both += usize::from(quarter && small == 1);
                either += usize::from(quarter || small == 1);
            }
            let iou = both as f64 / either as f64;
            assert!(iou > 0.8, "{index}: {iou}");
        }
    }
}

#[test]
fn disc_is_brighter_than_what_surrounds_it_and_the_cup_than_the_rim() {
    let (side, mut discs, mut cups) = (64, 0, 0);
    for index in 0..IMAGES {
        let drawn = draw(1, index, [side, side]);
        let centre = centroid(&drawn.disc, [side, side]).map(|c| c * side as f64);
        let reach = (area(&drawn.disc) as f64 / std::f64::consts::PI).sqrt();
        let mean = |holds: &dyn Fn(usize) -> bool| {
            let picked: Vec<f64> = (0..side * side).filter(|&p| holds(p)).map(|p| brightness(&drawn, p)).collect();
            mean_and_deviation(&picked).0
        };
        let around = mean(&|p| {
            let off = [(p / side) as f64 + 0.5 - centre[0], (p % side) as f64 + 0.5 - centre[1]];
            drawn.disc[p] == 0 && length(off) < 1.8 * reach && brightness(&drawn, p) > 0.0
        });
        let rim = mean(&|p| drawn.disc[p] == 1 && drawn.cup[p] == 0);
        discs += usize::from(mean(&|p| drawn.disc[p] == 1) > 1.1 * around);
        cups += usize::from(mean(&|p| drawn.cup[p] == 1) > 1.02 * rim);
    }
    assert!(discs * 100 >= IMAGES * 95, "{discs} of {IMAGES} discs are brighter than their surround");
    assert!(cups * 100 >= IMAGES * 90, "{cups} of {IMAGES} cups are brighter than their rim");
}

#[test]
fn surround_is_black_and_the_field_is_not() {
    for index in 0..60 {
        let (scene, drawn) = (Scene::new(1, index), draw(1, index, [96, 128]));
        let frame = Frame::new(&scene.camera, [96, 128]);
        let mut dark = 0;
        for pixel in 0..96 * 128 {
            let p = frame.point(pixel / 128, pixel % 128);
            let seen = (1.0 - length(p)).min(scene.camera.cut - p[1].abs()) * frame.radius;
            if seen < -1.0 {
                assert_eq!(brightness(&drawn, pixel), 0.0, "{index}: pixel {pixel} is {seen} pixels outside");
            } else if seen > 2.0 {
                dark += usize::from(brightness(&drawn, pixel) < 12.0);
            }
        }
        assert!(dark < 120, "{index}: {dark} pixels of the field are black");
    }
}

#[test]
fn pictures_vary() {
    let size = [64, 64];
    let drawn: Vec<Drawn> = (0..IMAGES).map(|index| draw(1, index, size)).collect();
    let spread = |of: &dyn Fn(&Drawn) -> f64| mean_and_deviation(&drawn.iter().map(of).collect::<Vec<_>>());
    let column = spread(&|d| centroid(&d.disc, size)[1]);
    assert!((column.0 - 0.5).abs() < 0.05 && column.1 > 0.12, "discs lie left and right: {column:?}");
    let row = spread(&|d| centroid(&d.disc, size)[0]);
    assert!((row.0 - 0.5).abs() < 0.05 && row.1 > 0.03, "and up and down: {row:?}");
    let area_of_disc = spread(&|d| area(&d.disc) as f64);
    assert!(area_of_disc.1 > 0.1 * area_of_disc.0, "sizes: {area_of_disc:?}");
    let ratio = spread(&|d| (area(&d.cup) as f64 / area(&d.disc) as f64).sqrt());
    assert!((0.5..0.75).contains(&ratio.0) && ratio.1 > 0.07, "cup to disc: {ratio:?}");
    let exposure = spread(&|d| d.rgb.iter().map(|&v| f64::from(v)).sum::<f64>() / d.rgb.len() as f64);
    assert!(exposure.1 > 0.15 * exposure.0, "brightness: {exposure:?}");
    let scenes: Vec<Scene> = (0..IMAGES).map(|index| Scene::new(1, index)).collect();
    let share = |of: &dyn Fn(&Scene) -> bool| scenes.iter().filter(|s| of(s)).count() as f64 / IMAGES as f64;
    assert!((0.4..0.6).contains(&share(&|s| s.camera.mirror > 0.0)), "left eyes");
    assert!((0.75..0.95).contains(&share(&|s| s.camera.cut < 1.0)), "flat cuts");
    assert!((0.1..0.25).contains(&share(&|s| s.light.exposure < 0.7)), "dark pictures");
    assert!((0.1..0.28).contains(&share(&|s| s.light.crescent.is_some())), "reflections at the rim");
    assert!((0.1..0.3).contains(&share(&|s| s.atrophy.is_some())), "atrophy");
}

#[test]
fn vessels_leave_the_disc_up_and_down_and_spare_the_fovea() {
    for index in 0..40 {
        let scene = Scene::new(1, index);
        let vessels = grow(&scene, 1, index);
        for kind in [Kind::Artery, Kind::Vein] {
            let points = || vessels.iter().filter(move |v| v.kind == kind).flat_map(|v| &v.line);
            assert!(points().any(|(at, _)| scene.cup.depth(*at) > 0.0 || scene.disc.depth(*at) > 0.0), "{index}: cross the disc");
            for up in [1.0, -1.0] {
                let far = points().any(|(at, _)| up * (scene.disc.centre[1] - at[1]) > 2.0 * scene.disc.reach());
                assert!(far, "{index}: none goes {}", if up > 0.0 { "up" } else { "down" });
            }
            assert!(points().all(|(at, _)| distance(*at, scene.fovea) > 0.1), "{index}: fovea");
            assert!(points().all(|(_, radius)| (0.0..0.015).contains(radius)), "{index}: radii");
        }
    }
}

#[test]
fn outline_is_zero_on_its_border() {
    let circle = Outline { centre: [0.2, -0.1], half: [0.3, 0.3], turn: [1.0, 0.0], waves: [[0.0; 2]; 3] };
    assert!((circle.depth([0.2, -0.1]) - 0.3).abs() < 1e-12);
    assert!((circle.depth([0.2, 0.3]) + 0.1).abs() < 1e-12);
    // Against the definition with cosines and sines of multiples.
    let waves = [[0.03, 0.01], [-0.02, 0.015], [0.0, 0.01]];
    let wavy = Outline { centre: [0.2, -0.1], half: [0.3, 0.2], turn: heading(0.4), waves };
    for step in 0..24 {
        let angle = f64::from(step) * std::f64::consts::TAU / 24.0;
        let wave = |(k, w): (usize, &[f64; 2])| w[0] * ((k + 2) as f64 * angle).cos() + w[1] * ((k + 2) as f64 * angle).sin();
        let radius = 1.0 + waves.iter().enumerate().map(wave).sum::<f64>();
        let own = turned([0.3 * radius * angle.cos(), 0.2 * radius * angle.sin()], heading(0.4));
        assert!(wavy.depth([0.2 + own[0], -0.1 + own[1]]).abs() < 1e-12, "at {angle}");
    }
    assert_eq!([edge(-1.0, 0.5), edge(0.0, 0.5), edge(0.7, 0.5)], [0.0, 0.5, 1.0]);
}

#[test]
fn random_numbers_have_their_moments() {
    let mut random = Random::new(9, 9, Stream::Scene);
    let units: Vec<f64> = (0..20_000).map(|_| random.unit()).collect();
    assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
    let (mean, deviation) = mean_and_deviation(&units);
    // Standard errors are 0.002 and 0.0013.
    assert!((mean - 0.5).abs() < 0.01 && (deviation - 1.0 / 12.0f64.sqrt()).abs() < 0.01, "{mean} {deviation}");
    let (mean, deviation) = mean_and_deviation(&(0..20_000).map(|_| random.bell()).collect::<Vec<_>>());
    assert!(mean.abs() < 0.04 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    let counts: Vec<usize> = (0..1000).map(|_| random.count(2, 4)).collect();
    assert_eq!([counts.iter().min(), counts.iter().max()], [Some(&2), Some(&4)]);
}
