//! Transfer syntaxes (PS3.6, table A-1): how data elements and pixels are coded.

use super::element::Coding;

/// A transfer syntax that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    pub coding: Coding,
    /// Whether all that follows the header is compressed by deflate.
    pub deflated: bool,
    /// Whether pixels are in run lengths (PS3.5, annex G), else as they are.
    pub runs: bool,
}

/// What is compressed in ways that are not read.
const OTHERS: &[(&str, &str)] = &[
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended"),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless"),
    ("1.2.840.10008.1.2.4.70", "JPEG Lossless (first-order prediction)"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Near-lossless"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.92", "JPEG 2000 Multi-component Lossless"),
    ("1.2.840.10008.1.2.4.93", "JPEG 2000 Multi-component"),
    ("1.2.840.10008.1.2.4.94", "JPIP Referenced"),
    ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate"),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level"),
    ("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level"),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile"),
    ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile"),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile"),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
    ("1.2.840.10008.1.2.4.111", "JPEG XL Recompression"),
    ("1.2.840.10008.1.2.4.112", "JPEG XL"),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless"),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 Lossless (RPCL)"),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
    ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"),
];

impl Syntax {
    /// From its UID.
    ///
    /// # Errors
    /// In words, the file not named: one that is not read.
    pub fn of(uid: &str) -> Result<Self, String> {
        let plain = |coding| Self { coding, deflated: false, runs: false };
        match uid {
            "1.2.840.10008.1.2" => Ok(plain(Coding::IMPLICIT)),
            "1.2.840.10008.1.2.1" => Ok(plain(Coding::EXPLICIT)),
            "1.2.840.10008.1.2.1.99" => Ok(Self { deflated: true, ..plain(Coding::EXPLICIT) }),
            "1.2.840.10008.1.2.2" => Ok(plain(Coding { explicit: true, big_endian: true })),
            "1.2.840.10008.1.2.5" => Ok(Self { runs: true, ..plain(Coding::EXPLICIT) }),
            other => {
                let name = OTHERS.iter().find(|(uid, _)| *uid == other).map_or("unknown", |(_, name)| name);
                Err(format!(
                    "has the transfer syntax {name} ({other}), which is not read; decompress it, such as with `gdcmconv --raw` or `dcmdjpeg`"
                ))
            }
        }
    }
}
