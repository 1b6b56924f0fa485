//! Which planes of a file are channels of one picture, by the word of ImageJ or of OME; others are pictures of their own.
//!
//! ImageJ's hyperstacks have channels next to each other, then slices, then frames. OME's order is in its XML (OME-TIFF specification 6, OME schema
//! 2016-06); its smaller copies lie in directories below those of the pages and are never walked.

use super::Plane;
use roxmltree::{Document, Node};

/// Planes that a description may speak of.
const MOST: usize = 1 << 24;

/// The planes of each picture, pictures in the order of time and then depth. `all` are the directories of the file, and whether each is of a picture.
///
/// # Errors
/// In words, the file not named: if what is said does not fit what is there, or is not understood.
pub(super) fn pictures(text: &str, planes: Vec<Plane>, all: &[(u64, bool)]) -> Result<Vec<Vec<Plane>>, String> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') && start.contains("<OME") {
        return of_ome(start, all);
    }
    let channels = if text.starts_with("ImageJ=") { of_imagej(text, planes.len())? } else { 1 };
    Ok(planes.chunks(channels).map(<[Plane]>::to_vec).collect())
}

/// How many planes are a picture.
fn of_imagej(text: &str, there: usize) -> Result<usize, String> {
    let number = |key: &str| match text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')) {
        None => Ok(1),
        Some(number) => number
            .trim()
            .parse::<usize>()
            .ok()
            .filter(|number| (1..=MOST).contains(number))
            .ok_or_else(|| format!("its ImageJ description has a number of {key} that is none; save it again")),
    };
    let (channels, slices, frames) = (number("channels")?, number("slices")?, number("frames")?);
    let said = channels.saturating_mul(slices).saturating_mul(frames);
    if channels > 1 && said != there {
        return Err(format!(
            "ImageJ says that it has {channels} channels, {slices} slices and {frames} frames, and there are {there} images; save it again"
        ));
    }
    Ok(channels)
}

/// Sizes of channels, depth and time, and the order in which planes count.
struct Axes {
    sizes: [usize; 3],
    /// Which of them moves fastest, next and last.
    order: [usize; 3],
}

impl Axes {
    fn count(&self) -> usize {
        self.sizes.iter().fold(1, |product: usize, size| product.saturating_mul(*size))
    }

    /// The number of the plane of a channel, depth and time.
    fn index(&self, at: [usize; 3]) -> usize {
        let [fast, next, last] = self.order;
        at[fast] + self.sizes[fast] * (at[next] + self.sizes[next] * at[last])
    }
}

fn strange(why: &str) -> String {
    format!("has an OME description that is not understood ({why}); save it again as plain TIFF")
}

fn of_ome(text: &str, all: &[(u64, bool)]) -> Result<Vec<Vec<Plane>>, String> {
    let document = Document::parse(text).map_err(|_| strange("its XML is damaged"))?;
    let named = |name: &'static str| document.descendants().filter(move |node| node.tag_name().name() == name);
    let pixels: Vec<Node> = named("Pixels").collect();
    let [pixels] = pixels[..] else {
        let count = pixels.len();
        return Err(format!("holds {count} OME images where one is read; save each as a file of its own"));
    };
    let axes = axes(pixels)?;
    let data: Vec<Node> = pixels.children().filter(|node| node.tag_name().name() == "TiffData").collect();
    refuse_others(&document, &data)?;
    let mut planes: Vec<Option<Plane>> = vec![None; axes.count()];
    for node in &data {
        place(*node, &axes, all, &mut planes)?;
    }
    let pages = all.iter().filter(|(_, is_picture)| *is_picture).count();
    let found: Vec<Plane> = planes.iter().copied().flatten().collect();
    if found.len() != planes.len() || pages != planes.len() {
        return Err(format!(
            "OME says that it has {} planes, of which {} are found among {pages} pages; save it again as plain TIFF",
            planes.len(),
            found.len()
        ));
    }
    let [channels, depth, time] = axes.sizes;
    let picture = |z: usize, t: usize| (0..channels).filter_map(|c| planes[axes.index([c, z, t])]).collect();
    Ok((0..time).flat_map(|t| (0..depth).map(move |z| (z, t))).map(|(z, t)| picture(z, t)).collect())
}

fn number(node: Node, key: &str) -> Result<Option<usize>, String> {
    let number = |text: &str| {
        text.trim().parse().ok().filter(|number| *number <= MOST).ok_or_else(|| strange(&format!("{key} is {text}")))
    };
    node.attribute(key).map(number).transpose()
}

fn axes(pixels: Node) -> Result<Axes, String> {
    let size = |key: &str| number(pixels, key)?.filter(|size| *size > 0).ok_or_else(|| strange(&format!("it lacks {key}")));
    let (channels, depth, time) = (size("SizeC")?, size("SizeZ")?, size("SizeT")?);
    // Colours of one page count as channels there, but are no planes.
    let samples = |channel: Node| number(channel, "SamplesPerPixel").map(|samples| samples.unwrap_or(1).max(1));
    let each: Vec<usize> =
        pixels.children().filter(|node| node.tag_name().name() == "Channel").map(samples).collect::<Result<_, _>>()?;
    let samples = each.first().copied().unwrap_or(1);
    if each.iter().any(|other| *other != samples) || channels % samples != 0 || samples > 1 && channels != samples {
        return Err(
            "has several OME channels with colours of their own, which is not read; save each as a file of its own".into()
        );
    }
    let sizes = [channels / samples, depth, time];
    if sizes.iter().fold(1, |product: usize, size| product.saturating_mul(*size)) > MOST {
        return Err(strange("it speaks of too many planes"));
    }
    let order = match pixels.attribute("DimensionOrder") {
        Some("XYCZT") => [0, 1, 2],
        Some("XYCTZ") => [0, 2, 1],
        Some("XYZCT") => [1, 0, 2],
        Some("XYZTC") => [1, 2, 0],
        Some("XYTCZ") => [2, 0, 1],
        Some("XYTZC") => [2, 1, 0],
        _ => return Err(strange("its order of dimensions is unknown")),
    };
    Ok(Axes { sizes, order })
}

/// Refuses a file of which planes, or the description, lie in other files.
fn refuse_others(document: &Document, data: &[Node]) -> Result<(), String> {
    let own = document.root_element().attribute("UUID");
    let uuids = data.iter().flat_map(|node| node.children().filter(|child| child.tag_name().name() == "UUID"));
    let mut uuids = uuids.map(|node| node.text().unwrap_or_default().trim());
    let first = own.or_else(|| uuids.clone().next());
    if uuids.any(|uuid| Some(uuid) != first) || document.descendants().any(|node| node.tag_name().name() == "BinaryOnly") {
        return Err("is one OME file of several, of which planes lie in others; save it as one file".into());
    }
    Ok(())
}

/// Puts the planes of one element where they belong: consecutive pages, from the one on that it names.
fn place(node: Node, axes: &Axes, all: &[(u64, bool)], planes: &mut [Option<Plane>]) -> Result<(), String> {
    let at = |key| number(node, key).map(|number| number.unwrap_or(0));
    let (page, first) = (number(node, "IFD")?, [at("FirstC")?, at("FirstZ")?, at("FirstT")?]);
    if first.iter().zip(axes.sizes).any(|(at, size)| *at >= size) {
        return Err(strange("a plane lies beyond its sizes"));
    }
    let start = axes.index(first);
    let count = match number(node, "PlaneCount")? {
        Some(count) => count,
        None if page.is_some() => 1,
        None => planes.len() - start,
    };
    for (at, page) in (start..).zip(page.unwrap_or(0)..).take(count) {
        let (Some(plane), Some((directory, true))) = (planes.get_mut(at), all.get(page)) else {
            return Err(strange("it names pages that are not there"));
        };
        if plane.replace(Plane { directory: *directory, number: 0 }).is_some() {
            return Err(strange("it names a plane twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(count: u64) -> (Vec<Plane>, Vec<(u64, bool)>) {
        ((0..count).map(|directory| Plane { directory, number: 0 }).collect(), (0..count).map(|at| (at, true)).collect())
    }

    fn ome(order: &str, [c, z, t]: [usize; 3], inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" UUID=\"urn:uuid:1\"><Image ID=\"a\"><Pixels \
             DimensionOrder=\"{order}\" SizeC=\"{c}\" SizeZ=\"{z}\" SizeT=\"{t}\">{inside}</Pixels></Image></OME>"
        )
    }

    fn of(text: &str, count: u64) -> Result<Vec<Vec<u64>>, String> {
        let (planes, all) = planes(count);
        let pictures = pictures(text, planes, &all)?;
        Ok(pictures.into_iter().map(|planes| planes.into_iter().map(|plane| plane.directory).collect()).collect())
    }

    #[test]
    fn channels_of_imagej_lie_side_by_side() {
        assert_eq!(of("", 2), Ok(vec![vec![0], vec![1]]));
        assert_eq!(of("ImageJ=1.53t\nimages=6\nchannels=3\nslices=2\n", 6), Ok(vec![vec![0, 1, 2], vec![3, 4, 5]]));
        assert_eq!(of("ImageJ=1.53t\nimages=2\nslices=2\n", 2), Ok(vec![vec![0], vec![1]]));
        assert!(of("ImageJ=1.53t\nchannels=3\nslices=3\n", 6).unwrap_err().contains("3 channels, 3 slices and 1 frames"));
    }

    /// By the definition of DimensionOrder: the first letter after XY moves fastest.
    #[test]
    fn planes_of_ome_are_ordered_as_it_says() {
        assert_eq!(of(&ome("XYCZT", [2, 2, 1], "<TiffData/>"), 4), Ok(vec![vec![0, 1], vec![2, 3]]));
        assert_eq!(of(&ome("XYZCT", [2, 2, 1], "<TiffData IFD=\"0\" PlaneCount=\"4\"/>"), 4), Ok(vec![vec![0, 2], vec![1, 3]]));
        assert_eq!(of(&ome("XYTZC", [2, 1, 2], "<TiffData/>"), 4), Ok(vec![vec![0, 2], vec![1, 3]]));
        let apart = "<TiffData IFD=\"1\" FirstC=\"0\"><UUID>urn:uuid:1</UUID></TiffData><TiffData IFD=\"0\" FirstC=\"1\"/>";
        assert_eq!(of(&ome("XYCZT", [2, 1, 1], apart), 2), Ok(vec![vec![1, 0]]));
        let rgb = "<Channel SamplesPerPixel=\"3\"/><TiffData/>";
        assert_eq!(of(&ome("XYCZT", [3, 2, 1], rgb), 2), Ok(vec![vec![0], vec![1]]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let message = |inside: &str, sizes: [usize; 3], count: u64| of(&ome("XYCZT", sizes, inside), count).unwrap_err();
        assert!(message("<TiffData/>", [2, 2, 1], 3).contains("pages that are not there"));
        assert!(message("<TiffData/>", [2, 1, 1], 3).contains("2 planes, of which 2 are found among 3 pages"));
        assert!(message("<TiffData IFD=\"0\"/>", [2, 1, 1], 2).contains("of which 1 are found"));
        assert!(message("<TiffData IFD=\"0\"/><TiffData IFD=\"1\"/>", [2, 1, 1], 2).contains("a plane twice"));
        assert!(message("<TiffData FirstC=\"2\"/>", [2, 1, 1], 2).contains("beyond its sizes"));
        assert!(
            message("<TiffData IFD=\"0\"><UUID>urn:uuid:2</UUID></TiffData>", [1, 1, 1], 1).contains("one OME file of several")
        );
        assert!(message("<TiffData/>", [0, 1, 1], 1).contains("it lacks SizeC"));
        assert!(of("<?xml version=\"1.0\"?><OME", 1).unwrap_err().contains("its XML is damaged"));
    }
}
