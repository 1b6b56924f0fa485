//! The attributes that are read (PS3.6).

/// A data element: its number (group and element) and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute {
    pub tag: u32,
    pub name: &'static str,
}

macro_rules! attributes {
    ($($constant:ident $tag:literal $name:literal,)*) => {
        $(pub(super) const $constant: Attribute = Attribute { tag: $tag, name: $name };)*
        /// All of them.
        const ALL: &[Attribute] = &[$($constant),*];
    };
}

attributes! {
    TRANSFER_SYNTAX 0x0002_0010 "TransferSyntaxUID",
    SERIES 0x0020_000E "SeriesInstanceUID",
    POSITION 0x0020_0032 "ImagePositionPatient",
    ORIENTATION 0x0020_0037 "ImageOrientationPatient",
    PLANE_POSITION 0x0020_9113 "PlanePositionSequence",
    PLANE_ORIENTATION 0x0020_9116 "PlaneOrientationSequence",
    SAMPLES 0x0028_0002 "SamplesPerPixel",
    PHOTOMETRIC 0x0028_0004 "PhotometricInterpretation",
    PLANAR 0x0028_0006 "PlanarConfiguration",
    FRAMES 0x0028_0008 "NumberOfFrames",
    ROWS 0x0028_0010 "Rows",
    COLUMNS 0x0028_0011 "Columns",
    SPACING 0x0028_0030 "PixelSpacing",
    ALLOCATED 0x0028_0100 "BitsAllocated",
    STORED 0x0028_0101 "BitsStored",
    HIGH_BIT 0x0028_0102 "HighBit",
    REPRESENTATION 0x0028_0103 "PixelRepresentation",
    CENTER 0x0028_1050 "WindowCenter",
    WIDTH 0x0028_1051 "WindowWidth",
    INTERCEPT 0x0028_1052 "RescaleIntercept",
    SLOPE 0x0028_1053 "RescaleSlope",
    FUNCTION 0x0028_1056 "VOILUTFunction",
    MODALITY_LUT 0x0028_3000 "ModalityLUTSequence",
    PIXEL_MEASURES 0x0028_9110 "PixelMeasuresSequence",
    FRAME_VOI 0x0028_9132 "FrameVOILUTSequence",
    TRANSFORMATION 0x0028_9145 "PixelValueTransformationSequence",
    SHARED_GROUPS 0x5200_9229 "SharedFunctionalGroupsSequence",
    FRAME_GROUPS 0x5200_9230 "PerFrameFunctionalGroupsSequence",
    PIXELS 0x7FE0_0010 "PixelData",
}

/// The attribute of a number, if it is read.
pub(super) fn of(tag: u32) -> Option<Attribute> {
    ALL.iter().find(|attribute| attribute.tag == tag).copied()
}

impl Attribute {
    /// Whether its value is a sequence, which files of implicit kinds do not say.
    pub fn is_sequence(self) -> bool {
        self.name.ends_with("Sequence")
    }
}

/// `0028,0010`.
pub(super) fn named(tag: u32) -> String {
    format!("{:04x},{:04x}", tag >> 16, tag & 0xFFFF)
}

/// What to say of a value that is not read.
pub(super) fn unsound(attribute: Attribute, problem: &str) -> String {
    format!("its {} {problem}; restore it, or save it again", attribute.name)
}
