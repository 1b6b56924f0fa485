//! Archives of NumPy's arrays (`numpy.savez`, `numpy.savez_compressed`): the one array of a ZIP file (PKWARE's APPNOTE 6.3).
//!
//! The crate `zip`, which the tree has, unpacks nothing without features that it is not built with there; what is needed of it is this much.

use super::memory::amount;
use super::npy;
use super::picture::plausible;
use crate::machine;
use flate2::{Crc, read::DeflateDecoder};
use std::io::Read;

const CUT: &str = "is no whole ZIP archive; restore it, or save it again";
/// The arrays that are taken where there are several.
const CHOSEN: [&str; 2] = ["image", "arr_0"];

/// A file of the archive, by its entry in the directory.
struct Member {
    name: String,
    flags: usize,
    method: usize,
    crc: u32,
    packed: usize,
    plain: usize,
    /// Where its own header is.
    at: usize,
}

/// Whether these are the first bytes of an archive.
pub(super) fn knows(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04")
}

/// The bytes of the .npy file that is meant: the only one, or the one called `image` or `arr_0`.
///
/// # Errors
/// In words, the file not named: if there is none or several, or it is packed in a way that is not read, damaged or cut off.
pub(super) fn array(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let members = members(bytes)?;
    let arrays: Vec<&Member> = members.iter().filter(|member| member.name.ends_with(".npy")).collect();
    let called = |member: &&Member| CHOSEN.iter().any(|name| member.name.strip_suffix(".npy") == Some(name));
    let chosen: Vec<&Member> = arrays.iter().copied().filter(called).collect();
    let member = match (&arrays[..], &chosen[..]) {
        ([one], _) | (_, [one]) => one,
        ([], _) => return Err("holds no array; save it by numpy.savez".into()),
        _ => {
            let names: Vec<&str> = arrays.iter().map(|member| member.name.trim_end_matches(".npy")).collect();
            return Err(format!(
                "holds the arrays {}, of which not exactly one is called image or arr_0; save each as a file of its own",
                names.join(", ")
            ));
        }
    };
    unpacked(bytes, member)
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize, String> {
    let bytes = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(CUT)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// All files, by the directory at the end.
fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    // The record at the end has 22 bytes and a comment of up to 65535.
    let last = bytes.len().checked_sub(22).ok_or(CUT)?;
    let ends = (last.saturating_sub(1 << 16)..=last).rev();
    let end = ends.into_iter().find(|at| bytes[*at..].starts_with(b"PK\x05\x06")).ok_or(CUT)?;
    let (count, mut at) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    if at == u32::MAX as usize || count == u16::MAX as usize {
        return Err("is an archive of more than 4 GB or 65534 files; save the array by numpy.save".into());
    }
    let mut members = Vec::new();
    for _ in 0..count {
        if number(bytes, at, 4)? != 0x0201_4B50 {
            return Err(CUT.into());
        }
        let field = |offset, length| number(bytes, at + offset, length);
        let lengths = [field(28, 2)?, field(30, 2)?, field(32, 2)?];
        let name = bytes.get(at + 46..at + 46 + lengths[0]).ok_or(CUT)?;
        members.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            flags: field(8, 2)?,
            method: field(10, 2)?,
            crc: field(16, 4)? as u32,
            packed: field(20, 4)?,
            plain: field(24, 4)?,
            at: field(42, 4)?,
        });
        at += 46 + lengths.iter().sum::<usize>();
    }
    Ok(members)
}

fn unpacked(bytes: &[u8], member: &Member) -> Result<Vec<u8>, String> {
    let at = member.at;
    if number(bytes, at, 4)? != 0x0403_4B50 {
        return Err(CUT.into());
    }
    let start = at + 30 + number(bytes, at + 26, 2)? + number(bytes, at + 28, 2)?;
    let packed = start.checked_add(member.packed).and_then(|end| bytes.get(start..end)).ok_or(CUT)?;
    // 8 is deflate, whose limit is 1032.
    plausible(member.plain as u64, packed.len() as u64, if member.method == 8 { 1032 } else { 1 })?;
    if let Some(available) = machine::available_memory()
        && member.plain as u64 > available
    {
        let (needed, available) = (amount(member.plain as u64), amount(available));
        return Err(format!("holds an array of {needed}, and {available} of memory are available; save it in smaller parts"));
    }
    let mut plain = Vec::new();
    match (member.flags & 1, member.method) {
        (1, _) => return Err("is encrypted; save it without a password".into()),
        (_, 0) => plain.extend_from_slice(packed),
        (_, 8) => {
            let read = DeflateDecoder::new(packed).take(member.plain as u64 + 1).read_to_end(&mut plain);
            read.map_err(|e| format!("is damaged ({e}); restore it, or save it again"))?;
        }
        (_, other) => {
            return Err(format!("is packed by the method {other}, which is not read; save it by numpy.savez_compressed"));
        }
    }
    let mut crc = Crc::new();
    crc.update(&plain);
    if plain.len() != member.plain || crc.sum() != member.crc {
        return Err("is damaged (its checksum differs); restore it, or save it again".into());
    }
    if !npy::knows(&plain) {
        return Err(format!("has no array in {}; save it by numpy.savez", member.name));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.savez_compressed` of NumPy 2.4 with `arr_0 = (numpy.arange(300) % 256).astype("u1").reshape(20, 15) // 100`, and the same with two arrays.
    const ONE: &[u8] = include_bytes!("../../../tests/fixtures/one.npz");
    const TWO: &[u8] = include_bytes!("../../../tests/fixtures/two.npz");

    #[test]
    fn the_one_array_is_unpacked() {
        let array = array(ONE).unwrap();
        assert!(npy::knows(&array));
        let values = &array[array.len() - 300..];
        assert_eq!([values[0], values[99], values[100], values[255], values[256]], [0, 0, 1, 2, 0]);
    }

    #[test]
    fn several_arrays_and_damage_are_refused() {
        assert!(array(TWO).unwrap_err().starts_with("holds the arrays a, b, of which not exactly one is called image or arr_0"));
        (0..ONE.len()).for_each(|length| assert!(array(&ONE[..length]).is_err(), "{length} bytes"));
        let mut damaged = ONE.to_vec();
        // Within the packed values.
        damaged[120] ^= 0x10;
        assert!(array(&damaged).unwrap_err().contains("is damaged"));
    }
}
