//! Run-length codes of the COCO tools: lengths of runs outside and inside by turns, down the columns of a picture, the first one outside.

/// Marks the pixels between the places, counted down the columns of an image of `height` and `width`, of each pair.
///
/// # Panics
/// If a place is beyond the picture.
pub(super) fn down_columns(switches: &[usize], [height, width]: [usize; 2], plane: &mut [u8]) {
    for pair in switches.chunks_exact(2) {
        (pair[0]..pair[1]).for_each(|place| plane[place % height * width + place / height] = 1);
    }
}

/// Where runs begin and end that cover a picture of so many pixels: sorted, of even number.
///
/// # Errors
/// In words, if they do not cover it.
pub(super) fn switches(counts: &[u32], pixels: usize) -> Result<Vec<usize>, String> {
    let covered: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    if covered != pixels as u64 {
        return Err(format!("has runs of {covered} pixels in all, its image has {pixels}; write it again"));
    }
    let mut at = 0;
    let ends = counts.iter().map(|count| {
        at += *count as usize;
        at
    });
    let mut switches: Vec<usize> = ends.collect();
    if switches.len() % 2 == 1 {
        switches.pop();
    }
    Ok(switches)
}

/// The lengths in a compressed code: 5 bits a character, the lowest first, a sixth where more follow; the highest bit is the sign; from the fourth on
/// each is the difference to the last but one (`rleFrString` in `maskApi.c`).
///
/// # Errors
/// In words, if it is no such code.
pub(super) fn lengths(code: &str) -> Result<Vec<u32>, String> {
    let bad = || "has compressed `counts` that are no run-length code; write it again".to_owned();
    let (mut counts, mut bytes) = (Vec::<u32>::new(), code.bytes());
    while let Some(first) = bytes.next() {
        let (mut value, mut shift, mut byte) = (0_i64, 0, first);
        loop {
            let bits = byte.checked_sub(48).filter(|bits| *bits < 64).ok_or_else(bad)?;
            if shift > 30 {
                return Err(bad());
            }
            value |= i64::from(bits & 0x1f) << shift;
            shift += 5;
            if bits & 0x20 == 0 {
                value |= if bits & 0x10 != 0 { -1 << shift } else { 0 };
                break;
            }
            byte = bytes.next().ok_or_else(bad)?;
        }
        let before = if counts.len() > 2 { i64::from(counts[counts.len() - 2]) } else { 0 };
        counts.push(u32::try_from(value + before).map_err(|_| bad())?);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: pycocotools 2.0.11, `frPyObjects({"counts": [...], "size": [50, 60]}, 50, 60)["counts"]`.
    #[test]
    fn compressed_lengths_are_those_of_pycocotools() {
        assert_eq!(lengths("61X13mN0[n1Xm0").unwrap(), [6, 1, 40, 4, 5, 4, 2000, 940]);
        assert!(lengths("").unwrap().is_empty());
        for bad in ["O", "p", "\u{7f}", " ", "oooooooooo1", "@", "ä"] {
            assert!(lengths(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn runs_cover_the_picture_down_its_columns() {
        let drawn = |counts: &[u32]| {
            let mut plane = vec![0; 6];
            down_columns(&switches(counts, 6).unwrap(), [2, 3], &mut plane);
            plane
        };
        assert_eq!(drawn(&[1, 2, 3]), [0, 1, 0, 1, 0, 0]);
        assert_eq!(drawn(&[0, 1, 4, 1]), [1, 0, 0, 0, 0, 1]);
        assert_eq!(drawn(&[6]), [0; 6]);
        for bad in [&[1, 2][..], &[], &[7], &[u32::MAX, u32::MAX]] {
            assert!(switches(bad, 6).unwrap_err().contains("in all, its image has 6"), "{bad:?}");
        }
    }
}
