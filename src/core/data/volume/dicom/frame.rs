//! What may differ from frame to frame: scale, window and place, in the file itself or in its functional groups (PS3.3, C.7.6.16).

use super::super::stored::Scale;
use super::attribute::{
    Attribute, FRAME_GROUPS, FRAME_VOI, INTERCEPT, MODALITY_LUT, ORIENTATION, PIXEL_MEASURES, PLANE_ORIENTATION, PLANE_POSITION,
    POSITION, SHARED_GROUPS, SLOPE, SPACING, TRANSFORMATION, unsound,
};
use super::element::Elements;
use super::window::Window;

/// Millimetres from the scanner's origin beyond which no patient lies.
const FARTHEST: f64 = 1e6;

/// One frame's values and place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub scale: Scale,
    /// `None` if there is none; a problem with it is reported when it is asked for.
    pub window: Option<Result<Window, String>>,
    /// The middle of the first pixel in mm, towards the patient's left, back and head.
    pub position: Option<[f64; 3]>,
    /// Directions of growing column and row numbers, of length 1 and at a right angle.
    pub orientation: Option<[[f64; 3]; 2]>,
    /// Millimetres between rows and between columns.
    pub spacing: Option<[f64; 2]>,
}

/// A file's own elements, those of all frames, and those of each.
pub(super) struct Groups<'a> {
    set: &'a Elements,
    shared: Option<&'a Elements>,
    each: &'a [Elements],
    frames: usize,
}

impl<'a> Groups<'a> {
    /// Of a file of so many frames.
    ///
    /// # Errors
    /// In words, the file not named: if the groups of frames are not as many.
    pub fn of(set: &'a Elements, frames: usize) -> Result<Self, String> {
        let (shared, each) = (set.items(SHARED_GROUPS), set.items(FRAME_GROUPS));
        if !(each.is_empty() || each.len() == frames) || shared.len() > 1 {
            let problem = format!("describes {} frames, the file has {frames}", each.len());
            return Err(unsound(FRAME_GROUPS, &problem));
        }
        Ok(Self { set, shared: shared.first(), each, frames })
    }

    /// The frame of a number.
    ///
    /// # Errors
    /// In words, the file not named: a value that is not read.
    pub fn frame(&self, number: usize) -> Result<Frame, String> {
        let scale = self.find(number, TRANSFORMATION);
        if self.find(number, TRANSFORMATION).get(MODALITY_LUT).is_some() || self.set.get(MODALITY_LUT).is_some() {
            return Err(
                "has a table of modality values (ModalityLUTSequence), which is not read; save it with a slope and an intercept"
                    .into(),
            );
        }
        // Of several frames in one file, a place of the file is that of one at most.
        let position = self.find(number, PLANE_POSITION);
        let position = if std::ptr::eq(position, self.set) && self.frames > 1 { None } else { position.exactly(POSITION)? };
        if position.is_some_and(|position: [f64; 3]| position.iter().any(|x| x.abs() > FARTHEST)) {
            return Err(unsound(POSITION, "is no place in a room"));
        }
        let orientation = self.find(number, PLANE_ORIENTATION).exactly::<6>(ORIENTATION)?.map(directions).transpose()?;
        let spacing = self.find(number, PIXEL_MEASURES).exactly(SPACING)?;
        if spacing.is_some_and(|spacing: [f64; 2]| spacing.iter().any(|step| *step <= 0.0)) {
            return Err(unsound(SPACING, "is not positive"));
        }
        let window = Window::of(self.find(number, FRAME_VOI));
        Ok(Frame { scale: scaled(scale)?, window, position, orientation, spacing })
    }

    /// The elements that hold for a frame: its own, else those of all frames, else the file's.
    fn find(&self, number: usize, sequence: Attribute) -> &'a Elements {
        let own = self.each.get(number).and_then(|group| group.items(sequence).first());
        own.or_else(|| self.shared.and_then(|group| group.items(sequence).first())).unwrap_or(self.set)
    }
}

fn scaled(elements: &Elements) -> Result<Scale, String> {
    let number = |attribute| elements.exactly::<1>(attribute).map(|number| number.map(|[number]| number));
    match (number(SLOPE)?, number(INTERCEPT)?) {
        (None, None) => Ok(Scale::NONE),
        (Some(slope), Some(intercept)) if slope != 0.0 => Ok(Scale { slope, intercept }),
        (Some(_), Some(_)) => Err(unsound(SLOPE, "is 0")),
        (None, Some(_)) => Err(format!("lacks {} beside {}; restore it, or save it again", SLOPE.name, INTERCEPT.name)),
        (Some(_), None) => Err(format!("lacks {} beside {}; restore it, or save it again", INTERCEPT.name, SLOPE.name)),
    }
}

/// Two directions of length 1 at a right angle, to a thousandth.
fn directions([a, b, c, d, e, f]: [f64; 6]) -> Result<[[f64; 3]; 2], String> {
    let (along, down) = ([a, b, c], [d, e, f]);
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let off = [dot(along, along) - 1.0, dot(down, down) - 1.0, dot(along, down)];
    let sound = off.iter().all(|off| off.abs() <= 2e-3);
    if sound { Ok([along, down]) } else { Err(unsound(ORIENTATION, "is not two directions at a right angle")) }
}
